/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* The private socket: where it comes from, and how it goes away without losing
 * a client that is just connecting. Whoever starts an lxssd by itself (lxctl's
 * client/lxss/activate.c) binds the socket under a lock in the runtime directory and
 * passes it on; lxssd removes it under the same lock. */
typedef struct Listener Listener;

typedef void (*listener_accepted_t)(int fd, void *userdata);

/* Takes the socket from sd_listen_fds(3), or makes it. Negative errno with *reterr
 * set: -EADDRINUSE where another lxssd listens there already. *ret may be set
 * all the same, to be freed. */
int listener_new(sd_event *event, listener_accepted_t accepted, void *userdata, Listener **ret, sd_bus_error *reterr);
Listener *listener_free(Listener *listener);

bool listener_is_open(const Listener *listener);

/* Before lxssd ends: takes the socket away. False where somebody connected in the
 * meantime, who has then been accepted; the socket is still there then. systemd's
 * socket stays, with whoever waits in it. */
bool listener_retire(Listener *listener);
