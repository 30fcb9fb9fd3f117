/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standing by while lxssd carries out long work for us. */

#include "client/command.h"

/* Makes a call that answers with an operation; *ret_path is the caller's. 0 or
 * negative errno with *reterr set. */
int operation_begin(Connection *connection, DbusWriter *call, char **ret_path, Failure *reterr);

/* The a{sv} of operations whose one option it is to end a running instance first. */
void operation_put_terminate(DbusWriter *w, bool terminate);

/* The whole of it for verbs that need nothing in between: connects, makes the
 * call, and stands by. Says why it failed. Returns as operation_wait(). */
int operation_run(Command *command, Activation activation, DbusWriter *call);

/* The same for calls that answer with a name, too. *ret_name is the caller's, wherever the call was answered. */
int operation_run_named(Command *command, Activation activation, DbusWriter *call, char **ret_name);

/* Shows progress until the operation at `path` is finished. Ctrl-C (or SIGTERM,
 * SIGHUP) cancels it, and lxssd then cleans up; a second one does not wait for that.
 * signal_fd is signals_block_termination()'s, which is called before the
 * operation is begun. Says why it failed. Returns the exit code; or, where a signal
 * canceled it, the signal's number, negative, for the caller to die of (signal_die()).
 * *distribution (NULL: of no interest) is the caller's string, replaced where the operation's distribution turns
 * out to be called otherwise. */
int operation_wait(Command *command, Connection *connection, const char *path, int signal_fd, char **distribution);
