/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of `lxctl launch`, and how it becomes an LxssLaunch. Pure:
 * what comes from the surroundings is given, descriptors are only counted. */

#include "client/handles.h"
#include "client/options.h"

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

/* What launch_options_apply() would otherwise have to look up. */
typedef struct LaunchSurroundings {
        char *const *environment; /* environ(7) */
        unsigned open_mask;       /* which of 0, 1 and 2 are open */
        unsigned terminal_mask;   /* … and are terminals */
} LaunchSurroundings;

/* What descriptors 0, 1 and 2 become; those in neither mask are closed. */
typedef struct LaunchDescriptors {
        unsigned pass_mask, terminal_mask;
} LaunchDescriptors;

/* Fills in what the options say of it, which borrows from them. Descriptors and a terminal are the caller's to add:
 * the bits of *ret_descriptors, and options->fds beyond 2. *ret_environment, owned by the caller, is in it too.
 * 0 or -ENOMEM. */
int launch_options_apply(const LaunchOptions *options, const LaunchSurroundings *surroundings, LxssLaunch *launch,
                         LaunchDescriptors *ret_descriptors, char ***ret_environment);

/* The environment that a program gets: the caller's TERM, language, display and
 * proxy settings, what LXENV lists, and -e's, each put over the ones before. 0 or -ENOMEM. */
int launch_environment(char *const *environment, char *const *additions, char ***ret);
