/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/settings.h"
#include "shared/lxbus-protocol.h"

/* LxBus as lxssd has it (shared/lxbus-protocol.h, lxbus(7)): who has which server, and
 * who is connected to whom. It carries the first packet of a port, which says who is at
 * the other end; of those that follow it sees none.
 *
 * Programs are on sides: the host is one, each instance is another. All that a side asks for
 * is handled one packet at a time in turn with the others, so that a side that floods
 * us delays the rest by one packet, and where others ask as well it is soon heard at a steady pace only. */
typedef struct Broker Broker;
typedef struct BrokerSide BrokerSide;
typedef struct Server Server;

typedef struct BrokerEvents {
        /* There are programs of the host on the bus, or there are none any more. */
        void (*changed)(void *userdata);
        /* A server is there, which no other ever was under this id; it is gone. */
        void (*server_added)(uint64_t id, void *userdata);
        void (*server_removed)(uint64_t id, void *userdata);
} BrokerEvents;

Broker *broker_new(sd_event *event, const BrokerEvents *events, void *userdata);
/* After its instances' sides. Every server and every waiting connection ends; ports do not. */
Broker *broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

/* Whether programs of the host have the bus open, serve or wait. */
bool broker_is_needed(const Broker *broker);

/* Opens the bus for a process of the host. Returns a descriptor, the caller's; -EDQUOT where its
 * user has too many; or another negative errno. */
int broker_open(Broker *broker, uid_t uid, pid_t pid);

/* Somebody wants something of lxssd that is not LxBus: then who floods us is in the way, too. */
void broker_heed_others(Broker *broker);

/* Ends every server and every waiting connection of the host's. */
void broker_shut_down(Broker *broker);

/* An instance that runs, whose programs come through `listener`, a listening SOCK_SEQPACKET
 * socket that its /init made: it is not trusted to be one. Takes listener over, in any case. name is
 * its distribution's, leader the process id of its /init. Returns 0, or negative errno: -ENOTSOCK
 * where it is no such socket. */
int broker_add_instance(Broker *broker, const char *name, pid_t leader, int listener, BusReach reach,
                        BrokerSide **ret);
/* The instance ended. NULL is legal. Returns NULL. */
BrokerSide *broker_side_free(BrokerSide *side);

/* Every server that there is; g_array_unref() it. */
GArray *broker_list(const Broker *broker);
/* Their ids, uint64_t in the order in which they came; g_array_unref() them. */
GArray *broker_list_ids(const Broker *broker);
/* NULL: it is gone. */
Server *broker_find_server(const Broker *broker, uint64_t id);
/* All of it but n_ports, which takes longer the more there are; of very many it is how many were a while ago. */
LxbusEntry broker_describe(const Server *server);
unsigned broker_count_ports(Server *server);
