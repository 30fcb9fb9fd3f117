/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The connection to lxssd, and the names on it. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "shared/util.h"

#define MANAGER_PATH "/org/lxss/Manager1"
#define MANAGER_INTERFACE "org.lxss.Manager1"
#define DISTRIBUTION_INTERFACE MANAGER_INTERFACE ".Distribution"
#define INSTANCE_INTERFACE MANAGER_INTERFACE ".Instance"
#define PROCESS_INTERFACE MANAGER_INTERFACE ".Process"
#define OPERATION_INTERFACE MANAGER_INTERFACE ".Operation"

static inline void bus_unrefp(sd_bus **bus) {
        sd_bus_unref(*bus);
}
#define _cleanup_bus_ _cleanup_(bus_unrefp)

static inline void bus_message_unrefp(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_bus_message_ _cleanup_(bus_message_unrefp)
#define _cleanup_bus_error_ _cleanup_(sd_bus_error_free)

/* Connects, peer to peer and authenticated; calls on the result have no time
 * limit, since work behind a lock may take minutes. Starts lxssd where it does
 * not run and `start` is set. Returns 1; 0 where it does not run and was not to
 * be started; or negative errno with reterr set. */
int remote_connect(bool start, sd_bus **ret, sd_bus_error *reterr);

/* Calls a method of the Manager and waits. types and what follows as in
 * sd_bus_message_append(3). ret may be NULL. */
int remote_call(sd_bus *bus, const char *member, sd_bus_message **ret, sd_bus_error *reterr, const char *types, ...);

/* Whether a call failed since lxssd went away, rather than by its answer. */
bool remote_connection_lost(int r, const sd_bus_error *error);

/* Where to read what lxssd had to say: a file or a command. Owned by the caller; NULL on out of memory. */
char *remote_describe_log(void);
