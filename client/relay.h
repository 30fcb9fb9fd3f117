/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The relay between the caller's terminal and the pty of a launched program. */

#include <poll.h>

#include "client/launch-options.h"
#include "client/tty.h"

typedef enum RelayMode {
        RELAY_RAW,   /* every key goes to the program as it is typed */
        RELAY_LINES, /* keys go in lines that our own terminal edits and echoes; modes untouched */
        RELAY_WATCH, /* output only; modes untouched */
} RelayMode;

typedef struct RelayBuffer {
        size_t start, end; /* what is in data and not yet written */
        char data[4096];   /* PIPE_BUF: what a pipe takes without blocking once it polls writable */
} RelayBuffer;

#define RELAY_POLLS 3

typedef struct Relay {
        int socket;      /* over which the master comes, borrowed; negative: it came, or none is wanted */
        int master;
        int input, output;
        bool input_blocks, output_blocks; /* not opened anew: read and written only when poll(2) says so */
        Tty tty;         /* whose modes are set in raw mode */
        RelayMode mode, base_mode;
        bool foreground; /* may read the terminal */
        bool input_ended;
        bool local_echo; /* the pty is in EXTPROC mode: our terminal has edited and echoed */
        bool hung_up;    /* nobody has the pty open: look again at the next tick */
        bool lost;       /* our own terminal hung up, and so did we */
        char last_input;
        bool held_return; /* a carriage return at the end of what was read: the line feed may follow */
        bool draining, drained;
        size_t n_drained;
        RelayBuffer to_program, to_terminal;
} Relay;

#define RELAY_NONE { .socket = -EBADF, .master = -EBADF, .input = -EBADF, .output = -EBADF, .tty.fd = -EBADF }

/* Opens what is relayed for the program's terminals, terminal->mask, and notes in the rest of it the window size and
 * whether we are in the background. Does nothing without terminals. Afterwards ->socket is the caller's to set.
 * 0 or negative errno. */
int relay_prepare(Relay *relay, LxssTerminal *terminal, TerminalChoice choice);

/* Restores the terminal, closes everything. */
void relay_finish(Relay *relay);

/* Fills exactly RELAY_POLLS entries, unused ones with fd -1. Returns the poll
 * timeout in milliseconds, -1: none. */
int relay_get_polls(Relay *relay, struct pollfd *polls);

/* Moves what can be moved. */
void relay_process(Relay *relay, const struct pollfd *polls);

/* Relays what the program has written so far, as far as the terminal takes it. */
void relay_catch_up(Relay *relay);

/* Restores the terminal before we are stopped; takes it again afterwards, with its new size. */
void relay_suspend(Relay *relay);
void relay_resume(Relay *relay);

/* Sends the window size. */
void relay_resize(Relay *relay);

/* The program ended: what it wrote is still relayed, then ->drained is set. */
void relay_drain(Relay *relay);
