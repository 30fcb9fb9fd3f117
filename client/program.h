/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One launched program, from the Launch call to its end. */

#include "client/relay.h"
#include "client/lxss/remote.h"

typedef struct Program {
        Connection *connection; /* borrowed */
        Relay relay;
        int signal_fd;
        bool quiet;

        char *distribution;     /* as asked for, then as lxssd says: for the line about what we wait for */
        uint32_t launch_call;   /* serials of calls whose answers are awaited */
        uint32_t default_call, operations_call, oobe_call;
        bool answered;
        int error;              /* of the launch: negative errno, with failure */
        Failure failure;
        char *path;             /* of the Process object, once answered */

        uint64_t hint_at;   /* when to look what the call waits for, CLOCK_MONOTONIC µs; 0: done */
        int early_signal;   /* came before the answer: for the program, or at hint_at for us */
        bool terminal;      /* it has one of its own */
        bool foreground;    /* … and is in its foreground, as far as it was told */
        bool early_stop;    /* so did SIGTSTP */
        bool stop_expected; /* we have sent SIGSTOP: the Stopped that follows is our own */

        bool readable;      /* lxssd has said something */
        bool exited;
        int code, status;   /* as of waitid(2) */
} Program;

#define PROGRAM_NONE { .signal_fd = -EBADF, .relay = RELAY_NONE }

/* Sends the request; `relay` is prepared already. 0 or negative errno with reterr. */
int program_start(Program *program, Connection *connection, const LaunchRequest *request, Failure *reterr);

/* Stands for the program until it has ended: signals, terminal, job control.
 * 0: it ended, see ->code and ->status. Negative errno: it did not start, see
 * ->failure, or the connection is lost. The terminal is as it was before. Signals
 * that arrive while lxssd makes us wait end this process. */
int program_run(Program *program);

void program_finish(Program *program);
#define _cleanup_program_ _cleanup_(program_finish)
