/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Servers, those who want to connect to them, and the moment in which both meet: the
 * client's end is told who serves, and goes to the server.
 *
 * From then on lxssd has no part in a port. What it still wants to know is how many are open,
 * and the kernel counts: an end that is watched by an epoll stays in it as long as any
 * process has it open, lxssd or not, and no longer (epoll(7)). Nobody ever waits for that epoll. */

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/broker-private.h"
#include "shared/util.h"

/* Who wants to connect, and has to wait. */
typedef struct Waiter {
        Watch watch; /* its end, which hangs up where it gives up */
        Party party;
        Server *server;  /* that has no room; NULL: it is not there yet */
        uint64_t number; /* in which order they came */
        GQueue *queue;   /* the server's, or that of those who await its name */
        GList link;      /* in it */
        bool by_name;    /* when that server goes, another may come */
        char name[LXBUS_NAME_LENGTH_MAX + 1];
        char where[DISTRIBUTION_NAME_MAX + 1];
} Waiter;

/* Nothing comes in from either before it is connected. Who sends all the same could send the other end of it
 * along, or give us that as another end, and then none would ever hang up. */
#define SERVER_EVENTS ((uint32_t)(EPOLLIN | EPOLLRDHUP))
#define WAITER_EVENTS ((uint32_t)(EPOLLIN | EPOLLRDHUP))

/* What it takes to look at a server's ports at all is as much as so many of them. */
#define LOOK_COST 10

/* ---- who sees whom ---- */

static bool is_visible(const Server *server, const BrokerSide *viewer) {
        if (server->watch.side == viewer)
                return true;
        if (server->watch.side->reach != BUS_REACH_ALL || viewer->reach != BUS_REACH_ALL)
                return false;
        return server->scope >= (viewer->name ? LXBUS_SCOPE_ALL : LXBUS_SCOPE_HOST);
}

static Server *find_on(const BrokerSide *side, const char *name, const BrokerSide *viewer) {
        Server *server = side ? g_hash_table_lookup(side->names, name) : NULL;

        return server && is_visible(server, viewer) ? server : NULL;
}

static BrokerSide *side_called(const Broker *broker, const char *where) {
        if (streq(where, LXBUS_WHERE_HOST))
                return broker->host;
        for (guint i = 0; i < broker->sides->len; i++) {
                BrokerSide *side = broker->sides->pdata[i];

                if (side->name && streq(side->name, where))
                        return side;
        }
        return NULL;
}

/* So that no instance can pass for the host, nor for the own side: the nearest one. */
static int find_nearest(const BrokerSide *viewer, const char *name, Server **ret) {
        const Broker *broker = viewer->broker;
        Server *found = find_on(viewer, name, viewer) ?: find_on(broker->host, name, viewer);

        for (guint i = 0; i < broker->sides->len; i++) {
                Server *other = found ? NULL : find_on(broker->sides->pdata[i], name, viewer);

                for (guint j = i + 1; other && j < broker->sides->len; j++)
                        if (find_on(broker->sides->pdata[j], name, viewer))
                                return -ENOTUNIQ;
                if (other)
                        found = other;
        }
        *ret = found;
        return found ? 0 : -ENOENT;
}

static int find(const BrokerSide *viewer, const char *name, const char *where, Server **ret) {
        if (!*where)
                return find_nearest(viewer, name, ret);
        *ret = find_on(side_called(viewer->broker, where), name, viewer);
        return *ret ? 0 : -ENOENT;
}

/* ---- ports that are open ---- */

static void look_at_ports(Server *server) {
        g_autofree char *line = NULL;
        size_t size = 0;
        unsigned n = 0;
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", server->ports);
        file = fopen(path, "re");
        while (file && getline(&line, &size, file) > 0)
                n += strncmp(line, "tfd:", 4) == 0;
        if (file)
                (void)fclose(file);
        server->n_counted = n;
        server->looked_at = g_get_monotonic_time();
}

/* Counting so many takes a tenth of a second, in which nobody else is heard: a server that is full
 * is not asked again for a second. */
static int note_port(Server *server, int end) {
        struct epoll_event nothing = { .events = 0 };

        if (server->n_counted >= BROKER_PORTS_MAX) {
                if (g_get_monotonic_time() < server->full_until)
                        return -EDQUOT;
                look_at_ports(server);
        }
        if (server->n_counted >= BROKER_PORTS_MAX) {
                server->full_until = g_get_monotonic_time() + G_USEC_PER_SEC;
                return -EDQUOT;
        }
        if (epoll_ctl(server->ports, EPOLL_CTL_ADD, end, &nothing) < 0)
                return errno == ENOSPC ? -EDQUOT : -errno;
        server->n_counted++;
        return 0;
}

/* ---- connecting ---- */

static bool has_room(const Server *server) {
        struct pollfd poll_fd = { .fd = server->watch.fd, .events = POLLOUT };

        return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT;
}

/* The client hears of it first: what the server writes must not come before that. As nobody else
 * writes to the server's socket, what has room for now has room for the packet; whoever fills its own
 * socket on purpose waits for nobody. Once the client was told there is no other answer: if the server is
 * gone in that moment, its end is closed, as it is when the server goes a moment later. */
static int deliver(Server *server, const BrokerSide *side, const Party *client, int end) {
        int r;

        if (!has_room(server))
                return -EAGAIN;
        r = note_port(server, end);
        if (r < 0)
                return r;
        r = broker_tell(end, LXBUS_TYPE_REPLY, side, &server->party, -EBADF);
        if (r < 0)
                return r == -EAGAIN ? -ECONNRESET : r == -ETOOMANYREFS ? -EDQUOT : r;
        (void)broker_tell(server->watch.fd, LXBUS_TYPE_CONNECTION, server->watch.side, client, end);
        return 0;
}

static void watch_room(Server *server) {
        (void)broker_watch(&server->watch,
                           SERVER_EVENTS | (g_queue_is_empty(&server->waiters) ? 0u : EPOLLOUT));
}

/* ---- waiting ---- */

/* Who came first is first; mostly that is who is there already. */
static void enqueue(Waiter *waiter, GQueue *queue) {
        GList *before = queue->tail;

        while (before && ((Waiter *)before->data)->number > waiter->number)
                before = before->prev;
        g_queue_insert_after_link(queue, before, &waiter->link);
        waiter->queue = queue;
}

static void dequeue(Waiter *waiter) {
        GQueue *queue = steal_pointer(&waiter->queue);

        g_queue_unlink(queue, &waiter->link);
        if (!waiter->server && g_queue_is_empty(queue))
                g_hash_table_remove(waiter->watch.side->broker->awaited, waiter->name);
        waiter->server = NULL;
}

/* NULL: nobody has that name yet. */
static void wait_at(Waiter *waiter, Server *server) {
        GHashTable *awaited = waiter->watch.side->broker->awaited;
        GQueue *queue = server ? &server->waiters : g_hash_table_lookup(awaited, waiter->name);
        bool is_first = !queue || g_queue_is_empty(queue);

        if (!queue) {
                queue = g_queue_new();
                g_hash_table_insert(awaited, g_strdup(waiter->name), queue);
        }
        waiter->server = server;
        enqueue(waiter, queue);
        if (server && is_first)
                watch_room(server);
}

static void waiter_free(Waiter *waiter) {
        BrokerSide *side = waiter->watch.side;

        dequeue(waiter);
        broker_release(&waiter->watch);
        broker_unwatch(&waiter->watch);
        closep(&waiter->watch.fd);
        g_hash_table_remove(side->waiters, waiter);
        broker_charge(side, &waiter->party, BROKER_WAITERS, -1);
        broker_party_clear(&waiter->party);
        g_free(waiter);
}

const Party *broker_waiting(const Watch *watch) {
        return &((const Waiter *)watch)->party;
}

void broker_on_waiter(Watch *watch) {
        broker_spend(broker_ration_of(broker_waiting(watch)), 1, NULL);
        waiter_free((Waiter *)watch); /* its other end is closed, or speaks out of turn */
}

static int wait_for(Server *server, BrokerSide *side, const Party *client, const LxbusRequest *request, int *end) {
        g_autofree Waiter *waiter = g_new0(Waiter, 1);
        int r;

        if (!broker_has_quota(side, client, BROKER_WAITERS))
                return -EDQUOT;
        waiter->watch = (Watch){ .kind = WATCH_WAITER, .fd = *end, .side = side };
        waiter->number = side->broker->n_waiters++;
        waiter->link.data = waiter;
        waiter->by_name = *request->name != 0;
        g_strlcpy(waiter->name, request->name, sizeof(waiter->name));
        g_strlcpy(waiter->where, request->where, sizeof(waiter->where));
        r = broker_mark(*end);
        if (r < 0)
                return r;
        if (broker_watch(&waiter->watch, WAITER_EVENTS) < 0)
                return -ENOSPC;
        *end = -EBADF;
        waiter->party = broker_party_copy(client);
        g_hash_table_add(side->waiters, waiter);
        broker_charge(side, client, BROKER_WAITERS, 1);
        wait_at(g_steal_pointer(&waiter), server);
        return 0;
}

int broker_connect(BrokerSide *side, const Party *client, Server *unnamed, const LxbusRequest *request, int *end) {
        bool wait = request->flags & LXBUS_REQUEST_WAIT;
        Server *server = unnamed;
        int r = 0;

        if (!server)
                r = find(side, request->name, request->where, &server);
        if (r == -ENOENT && wait)
                return wait_for(NULL, side, client, request, end);
        if (r < 0)
                return r;
        /* Who waits already comes first. */
        r = g_queue_is_empty(&server->waiters) ? deliver(server, side, client, *end) : -EAGAIN;
        if (r == -EAGAIN && wait)
                return wait_for(server, side, client, request, end);
        return r;
}

/* What became of one who waited. */
static void settle(Waiter *waiter, int error) {
        if (error < 0)
                (void)broker_answer(waiter->watch.fd, -error, -EBADF);
        waiter_free(waiter);
}

/* There may be one now: who waited for it is let in, or waits for room in it. */
static void serve_waiters(Broker *broker, const char *name) {
        GQueue *queue = g_hash_table_lookup(broker->awaited, name);
        g_autoptr(GList) waiters = queue ? g_list_copy(queue->head) : NULL;

        for (GList *l = waiters; l; l = l->next) {
                Waiter *waiter = l->data;
                Server *server = NULL;

                if (find(waiter->watch.side, waiter->name, waiter->where, &server) < 0)
                        continue;
                dequeue(waiter);
                wait_at(waiter, server);
        }
}

void broker_on_server(Watch *watch, uint32_t events) {
        Server *server = (Server *)watch;
        Waiter *waiter;
        int r;

        if (events & (SERVER_EVENTS | EPOLLHUP | EPOLLERR)) {
                broker_spend(broker_ration_of(&server->party), 1, NULL);
                broker_drop_server(server);
                return;
        }
        waiter = g_queue_peek_head(&server->waiters);
        if (waiter) {
                r = deliver(server, waiter->watch.side, &waiter->party, waiter->watch.fd);
                if (r != -EAGAIN)
                        settle(waiter, r);
        }
        watch_room(server);
}

/* ---- registering ---- */

static void server_free(Server *server) {
        broker_unwatch(&server->watch);
        closep(&server->watch.fd);
        closep(&server->ports);
        broker_party_clear(&server->party);
        g_free(server->name);
        g_free(server);
}

void broker_forget_right(Server *server) {
        server->right = NULL;
}

static void announce(Server *server) {
        Broker *broker = server->watch.side->broker;

        server->id = ++broker->last_id;
        g_tree_insert(broker->servers, &server->id, server);
        broker->events.server_added(server->id, broker->userdata);
}

static void withdraw(Server *server) {
        Broker *broker = server->watch.side->broker;

        if (g_tree_remove(broker->servers, &server->id))
                broker->events.server_removed(server->id, broker->userdata);
}

/* For who waits for its name there may be one further away, or where there were several, one now. */
void broker_drop_server(Server *server) {
        BrokerSide *side = server->watch.side;
        g_autofree char *name = g_strdup(server->name);

        withdraw(server);
        if (name)
                g_hash_table_remove(side->names, name);
        for (Waiter *waiter; (waiter = g_queue_peek_head(&server->waiters));) {
                if (!waiter->by_name) {
                        settle(waiter, -ECONNREFUSED);
                        continue;
                }
                dequeue(waiter);
                wait_at(waiter, NULL);
        }
        if (server->right)
                broker_drop_channel(server->right);
        g_hash_table_remove(side->servers, server);
        broker_charge(side, &server->party, BROKER_SERVERS, -1);
        server_free(server);
        if (name)
                serve_waiters(side->broker, name);
}

void broker_drop_servers(BrokerSide *side) {
        GHashTableIter i;
        void *item;

        for (;;) {
                g_hash_table_iter_init(&i, side->servers);
                if (!g_hash_table_iter_next(&i, &item, NULL))
                        break;
                broker_drop_server(item);
        }
        for (;;) {
                g_hash_table_iter_init(&i, side->waiters);
                if (!g_hash_table_iter_next(&i, &item, NULL))
                        break;
                waiter_free(item);
        }
}

/* The right to connect: a bus socket of its own, which knows this server alone, and through which the kernel says who
 * sends. */
static int make_right(Server *server, int *ret) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        Party party = broker_party_copy(&server->party);
        const int on = 1;
        int pair[2], r = 0;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                r = -errno;
        else {
                ours = pair[0];
                theirs = pair[1];
                if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0 || broker_mark(ours) < 0 ||
                    setsockopt(ours, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                        r = -errno;
                else if (!(server->right = broker_add_channel(server->watch.side, &ours, &party, server)))
                        r = -ENOSPC;
        }
        broker_party_clear(&party);
        if (r == 0)
                *ret = steal_fd(&theirs);
        return r;
}

static int may_register(const Channel *channel, const LxbusRequest *request) {
        const BrokerSide *side = channel->watch.side;

        if (request->scope > LXBUS_SCOPE_OWN && side->reach != BUS_REACH_ALL)
                return -EACCES;
        if (*request->name && g_hash_table_contains(side->names, request->name))
                return -EADDRINUSE;
        return broker_has_quota(side, &channel->party, BROKER_SERVERS) ? 0 : -EDQUOT;
}

static int server_new(const Channel *channel, const LxbusRequest *request, int *end, Server **ret) {
        Server *server = g_new0(Server, 1);

        server->watch = (Watch){ .kind = WATCH_SERVER, .fd = *end, .side = channel->watch.side };
        server->scope = request->scope;
        server->ports = epoll_create1(EPOLL_CLOEXEC);
        server->party.pidfd = -EBADF;
        g_queue_init(&server->waiters);
        if (server->ports < 0 || broker_mark(*end) < 0 ||
            broker_watch(&server->watch, SERVER_EVENTS) < 0) {
                server->watch.fd = -EBADF; /* the answer still goes there */
                server_free(server);
                return -EMFILE;
        }
        *end = -EBADF;
        server->party = broker_party_copy(&channel->party);
        server->name = *request->name ? g_strdup(request->name) : NULL;
        g_hash_table_add(server->watch.side->servers, server);
        if (server->name)
                g_hash_table_insert(server->watch.side->names, server->name, server);
        broker_charge(server->watch.side, &server->party, BROKER_SERVERS, 1);
        *ret = server;
        return 0;
}

int broker_register(Channel *channel, const LxbusRequest *request, int *end) {
        _cleanup_close_ int right = -EBADF;
        Server *server;
        int r;

        r = may_register(channel, request);
        if (r < 0)
                return r;
        r = server_new(channel, request, end, &server);
        if (r < 0)
                return r;
        if (!server->name)
                r = make_right(server, &right);
        if (broker_answer(server->watch.fd, -r, right) < 0 || r < 0) {
                broker_drop_server(server);
                return 0;
        }
        announce(server);
        if (server->name)
                serve_waiters(channel->watch.side->broker, server->name);
        return 0;
}

/* ---- who is there ---- */

static int compare_entries(const void *a, const void *b) {
        const LxbusEntry *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r ? r : strcmp(x->identity.instance, y->identity.instance);
}

Server *broker_find_server(const Broker *broker, uint64_t id) {
        return g_tree_lookup(broker->servers, &id);
}

/* There is no cheaper way to count, so that is rationed: *left is what may still be looked at, by a list or by all
 * properties that are read in one turn of the loop (GetManagedObjects). Servers with more than can ever be left have a
 * turn if since the last one's twenty times as long has gone by as it took. Where it is no turn of theirs they keep their
 * last number, and what came since. */
static void look_if_left(Server *server, unsigned *left) {
        Broker *broker = server->watch.side->broker;
        unsigned cost = server->n_counted + LOOK_COST;
        gint64 start = g_get_monotonic_time();

        if (server->n_counted == 0)
                return;
        if (cost <= *left) {
                *left -= cost;
                look_at_ports(server);
        } else if (cost > BROKER_PORTS_LOOK && start > broker->look_after) {
                look_at_ports(server);
                broker->look_after = server->looked_at + 20 * (server->looked_at - start);
        }
}

static unsigned *ration(Broker *broker) {
        uint64_t turn = 0;

        (void)sd_event_get_iteration(broker->event, &turn);
        if (turn != broker->look_turn)
                broker->look_left = BROKER_PORTS_LOOK;
        broker->look_turn = turn;
        return &broker->look_left;
}

unsigned broker_count_ports(Server *server) {
        look_if_left(server, ration(server->watch.side->broker));
        return server->n_counted;
}

static int compare_looks(const void *a, const void *b) {
        const Server *x = *(Server *const *)a, *y = *(Server *const *)b;

        return x->looked_at < y->looked_at ? -1 : x->looked_at > y->looked_at;
}

/* Whose number is oldest comes first. */
static void look_at_all(GPtrArray *servers) {
        unsigned left = BROKER_PORTS_LOOK;

        g_ptr_array_sort(servers, compare_looks);
        for (guint i = 0; i < servers->len; i++)
                look_if_left(servers->pdata[i], &left);
}

static gboolean append_id(gpointer id, gpointer server _unused_, gpointer ids) {
        g_array_append_vals(ids, id, 1);
        return false;
}

GArray *broker_list_ids(const Broker *broker) {
        GArray *ids = g_array_new(false, false, sizeof(uint64_t));

        g_tree_foreach(broker->servers, append_id, ids);
        return ids;
}

LxbusEntry broker_describe(const Server *server) {
        LxbusEntry entry = { .identity = server->party.identity, .scope = server->scope };

        g_strlcpy(entry.name, server->name ?: "", sizeof(entry.name));
        return entry;
}

static LxbusEntry entry_of(const Server *server, const BrokerSide *viewer) {
        LxbusEntry entry = broker_describe(server);

        entry.n_ports = server->n_counted;
        if (viewer && viewer->name)
                entry.identity.pid = 0;
        return entry;
}

static GPtrArray *servers_for(const Broker *broker, const BrokerSide *viewer) {
        GPtrArray *servers = g_ptr_array_new();

        for (guint i = 0; i < broker->sides->len; i++) {
                const BrokerSide *side = broker->sides->pdata[i];
                GHashTableIter iter;
                void *server;

                g_hash_table_iter_init(&iter, side->servers);
                while (g_hash_table_iter_next(&iter, &server, NULL))
                        if (!viewer || !viewer->name || (is_visible(server, viewer) && ((Server *)server)->name))
                                g_ptr_array_add(servers, server);
        }
        return servers;
}

GArray *broker_entries(const Broker *broker, const BrokerSide *viewer) {
        GArray *entries = g_array_new(false, true, sizeof(LxbusEntry));
        g_autoptr(GPtrArray) servers = servers_for(broker, viewer);

        look_at_all(servers);
        for (guint i = 0; i < servers->len; i++) {
                const LxbusEntry entry = entry_of(servers->pdata[i], viewer);

                g_array_append_val(entries, entry);
        }
        g_array_sort(entries, compare_entries);
        return entries;
}
