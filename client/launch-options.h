/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of `lxctl launch`, and how it becomes a LaunchRequest. Pure:
 * what comes from the surroundings is given, descriptors are only counted. */

#include "client/options.h"
#include "shared/launch-request.h"

enum {
        LAUNCH_OPTION_DISTRIBUTION = OPTION_OWN,
        LAUNCH_OPTION_USER,
        LAUNCH_OPTION_DIRECTORY,
        LAUNCH_OPTION_ENV,
        LAUNCH_OPTION_FD,
        LAUNCH_OPTION_TERMINAL,
        LAUNCH_OPTION_NO_TERMINAL,
        LAUNCH_OPTION_SHELL,
        LAUNCH_OPTION_LINGER,
        LAUNCH_OPTION_NO_WAIT,
};

extern const Option launch_option_table[];

typedef enum TerminalChoice {
        TERMINAL_AUTO,  /* where ours is one */
        TERMINAL_FORCE, /* -t: all three */
        TERMINAL_NEVER, /* -T */
} TerminalChoice;

/* Strings are borrowed from argv. */
typedef struct LaunchOptions {
        const char *distribution, *user, *directory;
        char **environment; /* -e's arguments in their order, owned */
        int *fds;           /* --fd's numbers, owned */
        size_t n_fds;
        TerminalChoice terminal;
        bool shell, no_wait;
        uint64_t linger_seconds;
        char **argv;        /* what stands behind the options */
} LaunchOptions;

void launch_options_finish(LaunchOptions *options);
#define _cleanup_launch_options_ _cleanup_(launch_options_finish)

/* Notes one option. 0, -EINVAL with a sentence in *ret_problem (owned by the
 * caller), or -ENOMEM. */
int launch_options_take(LaunchOptions *options, int id, const char *argument, char **ret_problem);

/* What launch_options_to_request() would otherwise have to look up. */
typedef struct LaunchSurroundings {
        char *const *environment; /* environ(7) */
        const char *cwd;          /* NULL: it has no path */
        unsigned open_mask;       /* which of 0, 1 and 2 are open */
        unsigned terminal_mask;   /* … and are terminals */
} LaunchSurroundings;

/* Makes the request. Its fds are still empty: those to add are the bits of
 * *ret_pass_mask and options->fds beyond 2. 0 or -ENOMEM. */
int launch_options_to_request(const LaunchOptions *options, const LaunchSurroundings *surroundings,
                              LaunchRequest **ret, unsigned *ret_pass_mask);

/* The environment that a program gets: the caller's TERM, language, display and
 * proxy settings, what LXENV lists, and -e's, each put over the ones before. 0 or -ENOMEM. */
int launch_environment(char *const *environment, char *const *additions, char ***ret);
