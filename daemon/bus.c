/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections: accepting, authenticating, registering the objects on each, and
 * noticing the end. A caller's identity comes from the kernel (SO_PEERCRED) or
 * from the bus daemon, never from what it says; who is not allowed by the
 * policy is answered by one filter before any handler sees the message. */

#include "daemon/bus.h"

#include <sys/socket.h>

#include "daemon/bus-launch.h"
#include "daemon/bus-objects.h"
#include "daemon/log.h"
#include "daemon/policy.h"
#include "daemon/bus-private.h"
#include "shared/util.h"

/* Messages that wait until the bus reads them. */
#define QUEUE_MAX 256

struct Bus {
        sd_event *event;
        Manager *manager;
        sd_bus *connection;  /* to the bus daemon, or NULL */
        GHashTable *peers;   /* set of Peer, owned */
        GHashTable *names;   /* unique name on the bus → Peer */
        GHashTable *private; /* private connection → Peer */
        GHashTable *clients; /* Client → Peer */
        ServerNews *server_news;
        uint64_t n_calls;    /* from the bus, ever */
        void (*idle)(void *userdata);
        void *userdata;
};

static void peer_free(void *p) {
        Peer *peer = p;

        sd_bus_slot_unref(peer->disconnected);
        sd_bus_track_unref(peer->track);
        if (!peer->name)
                sd_bus_close_unref(peer->connection);
        g_free(peer->name);
        g_free(peer);
}

Bus *bus_new(sd_event *event, void (*idle)(void *userdata), void *userdata) {
        Bus *bus = g_new0(Bus, 1);

        bus->event = sd_event_ref(event);
        bus->peers = g_hash_table_new_full(NULL, NULL, peer_free, NULL);
        bus->names = g_hash_table_new(g_str_hash, g_str_equal);
        bus->private = g_hash_table_new(NULL, NULL);
        bus->clients = g_hash_table_new(NULL, NULL);
        bus->server_news = bus_server_news_new(event, bus);
        bus->idle = idle;
        bus->userdata = userdata;
        return bus;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        bus_server_news_free(bus->server_news);
        g_hash_table_unref(bus->names);
        g_hash_table_unref(bus->private);
        g_hash_table_unref(bus->clients);
        g_hash_table_unref(bus->peers);
        sd_bus_flush_close_unref(bus->connection);
        sd_event_unref(bus->event);
        g_free(bus);
        return NULL;
}

void bus_set_manager(Bus *bus, Manager *manager) {
        bus->manager = manager;
}

Manager *bus_manager(Bus *bus) {
        return bus->manager;
}

ServerNews *bus_server_news(const Bus *bus) {
        return bus->server_news;
}

bool bus_is_behind(const Bus *bus) {
        uint64_t n;

        return bus->connection && sd_bus_get_n_queued_write(bus->connection, &n) >= 0 && n > QUEUE_MAX;
}

Bus *bus_current(sd_bus *connection) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(connection));
}

void bus_tell_idle(void *userdata) {
        Bus *bus = userdata;

        bus->idle(bus->userdata);
}

static void drop_peer(Peer *peer) {
        Bus *bus = peer->bus;
        Client *client = peer->client;

        if (peer->name)
                g_hash_table_remove(bus->names, peer->name);
        else
                g_hash_table_remove(bus->private, peer->connection);
        g_hash_table_remove(bus->clients, client);
        g_hash_table_remove(bus->peers, peer); /* frees it */
        manager_client_gone(bus->manager, client);
}

static Peer *add_peer(Bus *bus, sd_bus *connection, uid_t uid, const char *name) {
        Peer *peer = g_new0(Peer, 1);

        *peer = (Peer){ .bus = bus, .connection = connection, .name = g_strdup(name) };
        peer->client = manager_client_new(bus->manager, uid, name ? -EBADF : sd_bus_get_fd(connection));
        g_hash_table_add(bus->peers, peer);
        g_hash_table_insert(bus->clients, peer->client, peer);
        if (peer->name)
                g_hash_table_insert(bus->names, peer->name, peer);
        else
                g_hash_table_insert(bus->private, connection, peer);
        return peer;
}

/* The peer that sent it, if it is known already. A private connection has just one, whatever a message says. */
static Peer *known_peer(Bus *bus, sd_bus_message *m) {
        sd_bus *connection = sd_bus_message_get_bus(m);
        const char *sender = sd_bus_message_get_sender(m);

        if (connection != bus->connection)
                return g_hash_table_lookup(bus->private, connection);
        return sender ? g_hash_table_lookup(bus->names, sender) : NULL;
}

static int caller_uid(Bus *bus, sd_bus_message *m, uid_t *ret) {
        const Peer *peer = known_peer(bus, m);
        sd_bus_creds *creds = NULL;
        int r;

        if (peer) {
                *ret = peer->client->uid;
                return 0;
        }
        if (sd_bus_message_get_bus(m) != bus->connection)
                return -ENOTCONN;
        r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, ret);
        sd_bus_creds_unref(creds);
        return r;
}

/* Most private connections launch one program and go: the objects, which take
 * longer to register than a launch, are there once anything else is asked for. */
static int serve_private(Bus *bus, sd_bus_message *m, sd_bus_error *reterr) {
        sd_bus *connection = sd_bus_message_get_bus(m);
        Peer *peer = g_hash_table_lookup(bus->private, connection);
        int r;

        if (!peer)
                return 0;
        if (!peer->served && bus_is_launch(m))
                return bus_method_launch(m, bus, reterr);
        if (!peer->served) {
                peer->served = true;
                r = bus_add_objects(connection, bus);
                if (r < 0)
                        return r;
        }
        return bus_stand_in(m, peer);
}

/* The guard before every handler. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        uid_t uid;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        if (sd_bus_message_get_bus(m) == bus->connection)
                bus->n_calls++;
        if (caller_uid(bus, m, &uid) >= 0 &&
            policy_allows(sd_bus_message_get_interface(m), sd_bus_message_get_member(m), uid, geteuid()))
                return serve_private(bus, m, reterr);
        /* To a call that wants no reply none is sent, and 0 would let it through to its handler. */
        (void)sd_bus_reply_method_errorf(m, lxss_error_to_name(LXSS_ERROR_ACCESS_DENIED),
                                         "You may not do this, or there is no such thing.");
        return 1;
}

static int add_guard(Bus *bus, sd_bus *connection) {
        return sd_bus_add_filter(connection, NULL, on_message, bus);
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *reterr _unused_) {
        drop_peer(userdata);
        return 0;
}

/* SO_PEERCRED: same user, or root. Told apart before a byte is read. */
static int check_peer(int fd, uid_t *ret) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        if (credentials.uid != geteuid() && credentials.uid != 0)
                return -EACCES;
        *ret = credentials.uid;
        return 0;
}

int bus_add_connection(Bus *bus, int fd) {
        _cleanup_close_ int owned = fd;
        sd_bus *connection;
        uid_t uid = (uid_t)-1;
        Peer *peer;
        int r;

        r = check_peer(fd, &uid);
        if (r < 0)
                return r;
        r = private_connection_new(bus->event, steal_fd(&owned), &connection);
        if (r < 0)
                return r;
        peer = add_peer(bus, connection, uid, NULL);
        r = add_guard(bus, connection);
        if (r >= 0)
                r = sd_bus_match_signal(connection, &peer->disconnected, NULL, "/org/freedesktop/DBus/Local",
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, peer);
        if (r < 0)
                drop_peer(peer);
        return r;
}

static int on_name_gone(sd_bus_track *track _unused_, void *userdata) {
        drop_peer(userdata);
        return 0;
}

static int track_peer(Bus *bus, Peer *peer) {
        int r;

        r = sd_bus_track_new(bus->connection, &peer->track, on_name_gone, peer);
        return r < 0 ? r : sd_bus_track_add_name(peer->track, peer->name);
}

int bus_find_peer(Bus *bus, sd_bus_message *m, Peer **ret, sd_bus_error *reterr) {
        Peer *peer = known_peer(bus, m);
        uid_t uid = (uid_t)-1;
        int r;

        if (!peer) {
                r = caller_uid(bus, m, &uid);
                if (r < 0)
                        return r;
                peer = add_peer(bus, bus->connection, uid, sd_bus_message_get_sender(m));
                r = track_peer(bus, peer);
                if (r < 0) {
                        drop_peer(peer);
                        return error_set(reterr, LXSS_ERROR_FAILED, "The bus does not tell when you go: %s", g_strerror(-r));
                }
        }
        *ret = peer;
        return 0;
}

Peer *bus_peer_of_client(Bus *bus, const Client *client) {
        return client ? g_hash_table_lookup(bus->clients, client) : NULL;
}

/* Whoever asks for the name before us keeps it; we serve the private socket all the same. */
static int on_name_requested(sd_bus_message *m, void *userdata _unused_, sd_bus_error *reterr _unused_) {
        uint32_t answer;

        if (sd_bus_message_is_method_error(m, NULL))
                log_warning("The name %s was refused: %s", BUS_NAME, sd_bus_message_get_error(m)->message);
        else if (sd_bus_message_read(m, "u", &answer) >= 0 && answer != 1)
                log_warning("The name %s is taken by somebody else on the bus.", BUS_NAME);
        return 1;
}

static void leave_bus(Bus *bus) {
        g_autoptr(GPtrArray) lost = g_ptr_array_new();
        GHashTableIter i;
        void *p;

        g_hash_table_iter_init(&i, bus->names);
        while (g_hash_table_iter_next(&i, NULL, &p))
                g_ptr_array_add(lost, p);
        for (guint n = 0; n < lost->len; n++)
                drop_peer(lost->pdata[n]);
        bus->connection = sd_bus_close_unref(bus->connection);
}

static int on_bus_lost(sd_bus_message *m _unused_, void *userdata, sd_bus_error *reterr _unused_) {
        log_info("The bus has gone; serving the private socket.");
        leave_bus(userdata);
        return 0;
}

/* Takes the connection over. */
static int use_bus(Bus *bus, sd_bus *taken) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = taken;
        int r;

        if ((r = add_guard(bus, connection)) < 0 || (r = bus_add_objects(connection, bus)) < 0 ||
            (r = sd_bus_match_signal(connection, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                     "Disconnected", on_bus_lost, bus)) < 0 ||
            (r = sd_bus_request_name_async(connection, NULL, BUS_NAME, 0, on_name_requested, bus)) < 0 ||
            (r = sd_bus_attach_event(connection, bus->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        bus->connection = steal_pointer(&connection);
        return 1;
}

int bus_connect(Bus *bus) {
        sd_bus *connection;
        int r;

        r = geteuid() == 0 ? sd_bus_open_system(&connection) : sd_bus_open_user(&connection);
        return r < 0 ? 0 : use_bus(bus, connection);
}

static bool is_our_bus(Bus *bus, sd_bus *connection) {
        sd_id128_t ours, theirs;

        return bus->connection && sd_bus_get_bus_id(bus->connection, &ours) >= 0 &&
                        sd_bus_get_bus_id(connection, &theirs) >= 0 && sd_id128_equal(ours, theirs);
}

int bus_join(Bus *bus, const char *address, sd_bus_error *reterr) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = NULL;
        int r;

        if ((r = sd_bus_new(&connection)) >= 0 && (r = sd_bus_set_address(connection, address)) >= 0 &&
            (r = sd_bus_set_bus_client(connection, true)) >= 0)
                r = sd_bus_start(connection);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "The bus cannot be reached: %s", g_strerror(-r));
        if (is_our_bus(bus, connection)) {
                bus_return(bus);
                return 0;
        }
        if (bus->connection && g_hash_table_size(bus->names) > 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "This lxssd serves another bus, where it has clients.");
        leave_bus(bus);
        r = use_bus(bus, steal_pointer(&connection));
        return r < 0 ? error_set(reterr, LXSS_ERROR_FAILED, "The bus cannot be served: %s", g_strerror(-r)) : 0;
}

bool bus_retire(Bus *bus) {
        uint64_t before = bus->n_calls;

        if (!bus->connection)
                return false;
        if (sd_bus_release_name(bus->connection, BUS_NAME) < 0)
                return false;
        while (bus->connection && sd_bus_process(bus->connection, NULL) > 0)
                ;
        if (bus->n_calls == before || !bus->connection)
                return false;
        bus_return(bus);
        return true;
}

void bus_return(Bus *bus) {
        if (bus->connection)
                (void)sd_bus_request_name_async(bus->connection, NULL, BUS_NAME, 0, on_name_requested, bus);
}

bool bus_has_listeners(const Bus *bus) {
        GHashTableIter i;
        void *p;

        if (bus->connection)
                return true;
        g_hash_table_iter_init(&i, bus->private);
        while (g_hash_table_iter_next(&i, NULL, &p))
                if (((const Peer *)p)->subscribed)
                        return true;
        return false;
}

void bus_each(Bus *bus, const Peer *also, const char *path, bus_each_t function, const void *userdata) {
        GHashTableIter i;
        void *p;

        if (bus->connection)
                function(bus->connection, path, userdata);
        g_hash_table_iter_init(&i, bus->peers);
        while (g_hash_table_iter_next(&i, &p, NULL)) {
                const Peer *peer = p;

                if (!peer->name && (peer->subscribed || peer == also))
                        function(peer->connection, path, userdata);
        }
}

int bus_new_signal(const Peer *peer, const char *path, const char *interface, const char *member,
                   sd_bus_message **ret) {
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        r = sd_bus_message_new_signal(peer->connection, &m, path, interface, member);
        if (r >= 0 && peer->name)
                r = sd_bus_message_set_destination(m, peer->name);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&m);
        return 0;
}

int bus_send(const Peer *peer, sd_bus_message *m) {
        return sd_bus_send(peer->connection, m, NULL);
}

static void emit_added(sd_bus *connection, const char *path, const void *userdata _unused_) {
        (void)sd_bus_emit_object_added(connection, path);
}

void bus_emit_added(Bus *bus, const char *path) {
        bus_each(bus, NULL, path, emit_added, NULL);
}

/* The object is gone already, so its interfaces are named rather than asked for. */
static void emit_removed(sd_bus *connection, const char *path, const void *interface) {
        g_autoptr(sd_bus_message) m = NULL;

        if (sd_bus_message_new_signal(connection, &m, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") >=
                            0 &&
            sd_bus_message_append(m, "oas", path, 1, interface) >= 0)
                (void)sd_bus_send(connection, m, NULL);
}

void bus_emit_removed(Bus *bus, const char *path, const char *interface) {
        bus_each(bus, NULL, path, emit_removed, interface);
}

typedef struct Change {
        const char *interface;
        const char *const *names;
} Change;

static void emit_changed(sd_bus *connection, const char *path, const void *userdata) {
        const Change *change = userdata;

        (void)sd_bus_emit_properties_changed_strv(connection, path, change->interface, (char **)change->names);
}

void bus_emit_changed(Bus *bus, const Peer *also, const char *path, const char *interface, const char *const *names) {
        const Change change = { interface, names };

        bus_each(bus, also, path, emit_changed, &change);
}
