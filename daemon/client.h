/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

/* A peer that may hold instances open: a connection to the private socket, a
 * unique name on the bus, or a descriptor that Hold() gave out. For the core it
 * is an identity; the bus side knows who stands behind it and says when it is gone. */
typedef struct Client {
        uint64_t id;
        uid_t uid;
        int fd; /* its connection, which hangs up when it goes (borrowed); negative: it has none of its own */
        GQueue processes; /* Process, borrowed: what it has launched and is not over; daemon/process.h keeps it */
        GQueue instances; /* Instance, borrowed: what it holds open; daemon/instance.c keeps it */
} Client;
