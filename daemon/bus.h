/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/manager.h"

/* The two transports of one set of objects: connections to the private socket,
 * and a name on the bus. Knows who stands behind each connection. */
typedef struct Bus Bus;

#define BUS_NAME "org.lxss.Manager1"
#define BUS_PATH "/org/lxss/Manager1"
#define BUS_INTERFACE "org.lxss.Manager1"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

/* A peer: one connection to the private socket, or one unique name on the bus. */
typedef struct Peer {
        Bus *bus;
        sd_bus *connection;
        char *name;      /* on the bus; NULL on the private socket */
        Client *client;
        bool subscribed; /* wants the signals that are for everybody */
        bool served;     /* has the objects */
        sd_bus_track *track;
        sd_bus_slot *disconnected;
} Peer;

/* The events are for main(): idle is passed on from the manager. */
Bus *bus_new(sd_event *event, void (*idle)(void *userdata), void *userdata);
Bus *bus_free(Bus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_free)

/* The events that a manager is to be made with; userdata is the Bus. */
const ManagerEvents *bus_manager_events(void);
void bus_set_manager(Bus *bus, Manager *manager);
Manager *bus_manager(Bus *bus);

/* Serves a connection that was accepted on the private socket; takes fd over. */
int bus_add_connection(Bus *bus, int fd);

/* Connects to the user's (root: the system's) bus and asks for the name. No bus
 * is no error: returns 0 then, 1 where there is one. */
int bus_connect(Bus *bus);

/* The same with the bus at this address, unless we are on one that somebody uses. */
int bus_join(Bus *bus, const char *address, sd_bus_error *reterr);

/* Gives the name back, and serves what was sent to it before. True where that
 * made lxssd needed again; then the name is ours as before. */
bool bus_retire(Bus *bus);

/* Asks for the name again, where lxssd stays after all. */
void bus_return(Bus *bus);

/* Which peer a message comes from, made on its first message. Negative errno with *reterr set. */
int bus_find_peer(Bus *bus, sd_bus_message *m, Peer **ret, sd_bus_error *reterr);

/* The Bus that a vtable's handler or getter was called for. */
Bus *bus_current(sd_bus *connection);

/* Whether there is anybody for bus_each(). */
bool bus_has_listeners(const Bus *bus);

/* Whether the bus takes our messages more slowly than they come. */
bool bus_is_behind(const Bus *bus);

struct ServerNews *bus_server_news(const Bus *bus);

/* The peer of a client, or NULL. */
Peer *bus_peer_of_client(Bus *bus, const Client *client);

/* Calls for the bus and every subscribed private connection, and for `also` (which may be NULL) if not among them. */
typedef void (*bus_each_t)(sd_bus *connection, const char *path, const void *userdata);
void bus_each(Bus *bus, const Peer *also, const char *path, bus_each_t function, const void *userdata);

/* A unicast signal. Takes nothing over; the message is of bus_new_signal(). */
int bus_new_signal(const Peer *peer, const char *path, const char *interface, const char *member,
                   sd_bus_message **ret);
int bus_send(const Peer *peer, sd_bus_message *m);

/* Object added or removed, properties changed (names end with NULL), for everybody who listens. */
void bus_emit_added(Bus *bus, const char *path);
void bus_emit_removed(Bus *bus, const char *path, const char *interface);
void bus_emit_changed(Bus *bus, const Peer *also, const char *path, const char *interface, const char *const *names);
