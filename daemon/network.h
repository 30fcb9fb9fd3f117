/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/base.h"

/* The network of one instance with network=private: a network namespace, and the
 * program lxss-network that keeps pasta(1) at work between it and the host's. */
typedef struct Network Network;

typedef struct NetworkEvents {
        /* It is there: the namespace is for the receiver to close. Or it will never be. */
        void (*up)(int namespace, void *userdata);
        void (*failed)(const sd_bus_error *error, void *userdata);
        /* The way out is gone, for this reason; the namespace stays. The last event. */
        void (*ended)(const char *reason, void *userdata);
} NetworkEvents;

/* Of a distribution: its name, for people, and its slot (daemon/registry.h). The base must be there. Every event
 * comes from the loop, and from failed() and ended() the network may be freed. 0 or negative errno. */
int network_start(sd_event *event, const Base *base, const char *name, uint32_t slot, const NetworkEvents *events,
                  void *userdata, Network **ret);

/* Ends it, and waits until nothing is left. Returns NULL; NULL is legal. */
Network *network_free(Network *network);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Network, network_free)

/* What the instance has for a resolv.conf(5) where the host's would not do; NULL: it does. Borrowed. */
const char *network_resolver(const Network *network);
