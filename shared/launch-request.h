/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a client asks for when it launches a program: a plain value, made by
 * lxctl from its command line, carried by Launch() to lxssd and by the init
 * protocol to /init. Strings are bytes: argv, environment and paths need not
 * be UTF-8. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/util.h"

/* linger_seconds: the instance ends with its last client. */
#define LINGER_NONE 0
/* linger_seconds: the instance stays until it is terminated. */
#define LINGER_FOREVER UINT64_MAX

typedef struct LaunchFd {
        int number; /* what the program sees, ≥ 0 */
        int fd;     /* ours, owned by the request */
} LaunchFd;

typedef struct LaunchRequest {
        char *distribution; /* NULL or empty: the default one */
        char *user;         /* name or number; NULL: the distribution's default user */
        char *cwd;          /* the caller's, as a path on the host; NULL: the user's home */
        char *directory;    /* -C: a path in the instance, "~…", or relative to cwd; NULL: cwd decides */
        char **argv;        /* empty: the user's login shell */
        char **env;         /* NAME=VALUE, put over what a login gives */
        LaunchFd *fds;      /* ascending by number, no number twice */
        size_t n_fds;
        uint32_t closed_mask; /* which of 0, 1 and 2 the program finds closed; else they are /dev/null where nothing is passed */

        /* Where the program gets the instance's own terminal: one bit for each
         * of 0, 1 and 2 (never also in fds), and the socket over which /init
         * sends the pty's master to the caller (one byte with SCM_RIGHTS). */
        uint32_t terminal_mask;
        int terminal_socket;
        uint16_t rows, columns;      /* of that terminal at the start; 0: unknown */
        uint16_t x_pixels, y_pixels; /* the same in pixels */
        bool background;             /* the program is not to be in that terminal's foreground (tcsetpgrp(3)) */

        bool shell;         /* argv's words, joined by spaces, go to the user's shell with -c */
        bool no_wait;       /* fail with OperationPending rather than wait */
        uint64_t linger_seconds;
} LaunchRequest;

/* NULL on out of memory. terminal_socket is -EBADF, everything else empty. */
LaunchRequest *launch_request_new(void);

/* Closes what the request owns. Returns NULL; NULL is legal. */
LaunchRequest *launch_request_free(LaunchRequest *request);

static inline void launch_request_freep(LaunchRequest **request) {
        launch_request_free(*request);
}
#define _cleanup_launch_request_ _cleanup_(launch_request_freep)

/* Adds a descriptor, which the request owns from then on (on failure too).
 * Keeps fds ascending. Returns 0, -EEXIST where number is there already,
 * -EINVAL where it is negative, or -ENOMEM. */
int launch_request_add_fd(LaunchRequest *request, int number, int fd);

/* Whether the request can be carried out at all. Returns NULL, or a sentence
 * that says what is wrong with it (static). */
const char *launch_request_validate(const LaunchRequest *request);
