/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One launched program, from the Launch call to its end. */

#include "client/handles.h"
#include "client/relay.h"

typedef struct Program {
        LxssClient *client;     /* borrowed */
        LxssProcess *process;   /* owned; NULL: not asked for yet */
        Relay relay;
        int signal_fd;
        bool quiet;

        bool answered, started;
        int error;              /* of the launch: negative errno, with failure */
        const LxssFailure *failure; /* the process's; NULL: none */

        uint64_t hint_at;   /* when to look what the call waits for, CLOCK_MONOTONIC µs; 0: done */
        int early_signal;   /* came before the answer: for the program, or at hint_at for us */
        bool terminal;      /* it has one of its own */
        bool foreground;    /* … and is in its foreground, as far as it was told */
        bool early_stop;    /* so did SIGTSTP */
        bool stop_expected; /* we have sent SIGSTOP: the stop that follows is our own */

        bool readable;      /* lxssd has said something */
        bool exited;
        LxssExit exit;
} Program;

#define PROGRAM_NONE { .signal_fd = -EBADF, .relay = RELAY_NONE }

/* Asks for the launch; `relay` is prepared already. 0 or negative errno with reterr. */
int program_start(Program *program, LxssClient *client, const LxssLaunch *launch, LxssFailure *reterr);

/* Stands for the program until it has ended: signals, terminal, job control.
 * 0: it ended, see ->exit. Negative errno: it did not start, see
 * ->failure, or the connection is lost. The terminal is as it was before. Signals
 * that arrive while lxssd makes us wait end this process. */
int program_run(Program *program);

/* Before the client is disconnected. */
void program_finish(Program *program);
#define _cleanup_program_ _cleanup_(program_finish)
