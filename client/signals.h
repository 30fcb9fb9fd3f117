/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The signals that lxctl stands in for a program with. */

#include <signal.h>
#include <stdbool.h>

/* Blocks what a program that we stand for must see and what would end us with
 * the terminal in raw mode. Signals that were ignored when lxctl started (nohup(1))
 * are left so. Returns a non-blocking signalfd(2) for the rest, or negative errno. */
int signals_block(void);

/* Blocks INT, TERM and HUP only, and returns a signalfd for them. */
int signals_block_termination(void);

/* The next signal, 0 where none is there. */
int signals_read(int fd);

/* Whether it is passed on to the program as it is. */
bool signal_is_forwarded(int signo);

/* Whether it was ignored when lxctl started. */
bool signal_is_ignored(int signo);

/* Ends this process by the signal, without a core of its own; by exit code 128+signo where that does not. */
_Noreturn void signal_die(int signo);

/* Stops us by this signal (SIGTSTP, as Ctrl-Z on the terminal would, SIGTTIN or SIGTTOU), and the whole process
 * group if `group`. Returns when continued: true; at once where nothing stopped us, since no shell is there that
 * could continue us: false. */
bool signal_stop_self(int signo, bool group);
