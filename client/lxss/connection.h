/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A D-Bus connection to one service, peer to peer, without a bus in between
 * (D-Bus Specification, "Authentication Protocol"). Sending blocks, which a
 * service that reads all it is sent never makes long; receiving need not. */

#include "client/lxss/dbus-message.h"
#include "shared/util.h"

typedef struct Connection Connection;

/* A message that came. Its descriptors are closed with it. */
typedef struct Incoming {
        DbusMessage message;
        int *fds;
        size_t n_fds;
        struct Incoming *next;
        uint8_t bytes[];
} Incoming;

Incoming *incoming_free(Incoming *incoming);

static inline void incoming_freep(Incoming **incoming) {
        incoming_free(*incoming);
}
#define _cleanup_incoming_ _cleanup_(incoming_freep)

/* Whether it is this signal. */
bool incoming_is_signal(const Incoming *incoming, const char *interface, const char *member);
DbusReader incoming_read(const Incoming *incoming);

/* Takes a connected stream socket over, in any case, and authenticates, which
 * waits for the service. 0 or negative errno; -ECONNRESET where it hung up. */
int connection_new(int fd, Connection **ret);
Connection *connection_free(Connection *connection);

static inline void connection_freep(Connection **connection) {
        connection_free(*connection);
}
#define _cleanup_connection_ _cleanup_(connection_freep)

/* For poll(2): POLLIN means that connection_next() has something to look at. */
int connection_fd(const Connection *connection);

/* Completes the message and sends it, with its descriptors. 0 or negative errno: -EDQUOT where those cannot be
 * sent, since other programs of this user have too many under way. */
int connection_send(Connection *connection, DbusWriter *w, uint32_t *ret_serial);

/* The next message, without waiting: 1 and the caller's to free; 0 where there is
 * none; -ECONNRESET where the service hung up, or another negative errno. */
int connection_next(Connection *connection, Incoming **ret);

/* Sends a call and waits for its answer, a return or an error; what else comes
 * is kept for connection_next(). 0 or negative errno. */
int connection_call(Connection *connection, DbusWriter *w, Incoming **ret);
