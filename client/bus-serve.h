/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Connections to a server, each answered by a program. */

#include <stdbool.h>

#include "client/lxss/lxbus.h"

typedef struct BusService {
        char *const *argv; /* the program; NULL: our own standard input and output */
        bool once;         /* one connection, whose program's exit code is ours */
        bool take_fds;     /* the first message brings descriptors for it, from 3 on */
} BusService;

/* Whether there is such a program now, so that its absence is not seen at the first connection only: 0 or negative
 * errno. */
int bus_find_program(const char *program);
/* Says that it cannot be run, and returns the exit code for that. */
int bus_fail_program(const char *program, int error);

/* Serves until it is killed, or, once, until that is over. Returns an exit code. */
int bus_serve(LxBusServer *server, const BusService *service);
