/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* lxssd as it is seen from here: the connection to it, and the names on it. */

#include "client/lxss/activate.h"
#include "client/lxss/connection.h"
#include "client/lxss/failure.h"

#define MANAGER_PATH "/org/lxss/Manager1"
#define MANAGER_INTERFACE "org.lxss.Manager1"
#define DISTRIBUTION_INTERFACE MANAGER_INTERFACE ".Distribution"
#define INSTANCE_INTERFACE MANAGER_INTERFACE ".Instance"
#define PROCESS_INTERFACE MANAGER_INTERFACE ".Process"
#define OPERATION_INTERFACE MANAGER_INTERFACE ".Operation"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* Connects, peer to peer and authenticated; calls on the result have no time
 * limit, since work behind a lock may take minutes. Starts lxssd where it does
 * not run, unless never. Returns 1; 0 where it does not run and was not to
 * be started; or negative errno with reterr set. */
int remote_connect(Activation activation, Connection **ret, LxssFailure *reterr);

/* Sends the call that was written and waits. ret may be NULL. 0, or negative
 * errno; reterr is set where lxssd said why. */
int remote_finish_call(Connection *connection, DbusWriter *w, Incoming **ret, LxssFailure *reterr);

/* Calls a method of the Manager with arguments of basic types (dbus_put()), and waits. */
int remote_call(Connection *connection, const char *member, Incoming **ret, LxssFailure *reterr, const char *types, ...);

/* A property that is a string. *ret is the caller's. 0 or negative errno. */
int remote_get_string(Connection *connection, const char *path, const char *interface, const char *property,
                      char **ret);

/* The descriptor that an answer is, or begins with: *ret is the caller's. 0 or negative errno. */
int remote_take_fd(const Incoming *answer, int *ret);

/* The object of a distribution, as sd_bus_path_encode(3) makes it; free() it. NULL on out of memory. */
char *remote_distribution_path(const char *name);

/* The failure that an answer is: negative errno with reterr set; 0 for every other message. */
int remote_failure_of(const Incoming *answer, LxssFailure *reterr);

/* Says that an answer makes no sense. Returns r. */
int remote_bad_answer(int r, LxssFailure *reterr);

/* Says that descriptors cannot be sent (connection_send()'s -EDQUOT). Returns that. */
int remote_crowded(LxssFailure *reterr);

/* An entry "name": <basic value> of an open a{sv}. */
void remote_put_option(DbusWriter *w, const char *name, const char *type, ...);

/* The entry "environment": what transfers heed of ours, since lxssd may have been
 * started by somebody with other proxies. */
void remote_put_environment(DbusWriter *w);
