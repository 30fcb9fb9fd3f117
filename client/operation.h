/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standing by while lxssd carries out long work for us. */

#include "client/command.h"

/* Begins an operation: one of liblxss' functions with what the verb has to say. */
typedef int (*OperationBegin)(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure);

/* The whole of it for verbs that need nothing in between: connects (flags: lxss_connect()'s), begins, and stands
 * by. Says why it failed. *ret_snapshot (NULL: of no interest) is the caller's, wherever the operation was begun.
 * Returns as operation_wait(). */
int operation_run(Command *command, int flags, OperationBegin begin, const void *what, char **ret_snapshot);

/* Shows progress until the operation is finished. Ctrl-C (or SIGTERM,
 * SIGHUP) cancels it, and lxssd then cleans up; a second one does not wait for that.
 * signal_fd is signals_block_termination()'s, which is called before the
 * operation is begun. Says why it failed. Returns the exit code; or, where a signal
 * canceled it, the signal's number, negative, for the caller to die of (signal_die()). */
int operation_wait(Command *command, LxssClient *client, LxssOperation *operation, int signal_fd);
