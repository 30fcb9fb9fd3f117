/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sides of LxBus and what comes in from them. Each side has an epoll of its own, of
 * which one event is handled whenever lxssd's loop comes round to it: of many
 * sides that ask, each is heard as often as the others. */

#include "daemon/broker.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "daemon/broker-private.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* A packet full of descriptors, of which no honest one brings more than one, takes as long as several requests, and
 * others wait for the whole of it. */
#define HEAP_COST 64

int broker_watch(Watch *watch, uint32_t events) {
        struct epoll_event event = { .events = events, .data.ptr = watch };
        int r = epoll_ctl(watch->side->epoll, EPOLL_CTL_MOD, watch->fd, &event);

        if (r < 0 && errno == ENOENT)
                r = epoll_ctl(watch->side->epoll, EPOLL_CTL_ADD, watch->fd, &event);
        return r < 0 ? -errno : 0;
}

/* By hand: others may have the descriptor open, too, and then closing ours does not end the watch. */
void broker_unwatch(Watch *watch) {
        if (watch->fd >= 0)
                (void)epoll_ctl(watch->side->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

/* Descriptors that each takes: its own, the pidfd beside it, and a server's epoll. */
static const unsigned fds_of_goods[BROKER_GOODS_MAX] = {
        [BROKER_CHANNELS] = 2,
        [BROKER_SERVERS] = 3,
        [BROKER_WAITERS] = 2,
};

bool broker_has_quota(const BrokerSide *side, const Party *party, BrokerGoods goods) {
        const Broker *broker = side->broker;
        const Share *share = g_hash_table_lookup(side->shares, &party->identity.host_uid);

        if (side->name && side->n_fds + fds_of_goods[goods] > broker->max_fds / BROKER_SIDE_PART)
                return false;
        if (broker->n_fds + fds_of_goods[goods] > broker->max_fds / 2)
                return false;
        return !share || share->count[goods] < BROKER_QUOTA;
}

/* Who has nothing any more is forgotten. */
void broker_charge(BrokerSide *side, const Party *party, BrokerGoods goods, int change) {
        uid_t uid = party->identity.host_uid;
        Share *share = g_hash_table_lookup(side->shares, &uid);
        unsigned sum = 0;

        if (!share) {
                share = g_new0(Share, 1);
                share->uid = uid;
                g_hash_table_insert(side->shares, &share->uid, share);
        }
        share->count[goods] += change;
        side->n_fds += change * (int)fds_of_goods[goods];
        side->broker->n_fds += change * (int)fds_of_goods[goods];
        for (size_t i = 0; i < BROKER_GOODS_MAX; i++)
                sum += share->count[i];
        if (sum == 0)
                g_hash_table_remove(side->shares, &uid);
        if (!side->name)
                side->broker->events.changed(side->broker->userdata);
}

Channel *broker_add_channel(BrokerSide *side, int *fd, Party *party, Server *unnamed) {
        g_autofree Channel *channel = g_new(Channel, 1);

        *channel = (Channel){
                .watch = { .kind = WATCH_CHANNEL, .fd = *fd, .side = side },
                .party = *party,
                .unnamed = unnamed,
        };
        if (broker_watch(&channel->watch, EPOLLIN) < 0)
                return NULL;
        *fd = party->pidfd = -EBADF;
        g_hash_table_add(side->channels, channel);
        broker_charge(side, &channel->party, BROKER_CHANNELS, 1);
        return g_steal_pointer(&channel);
}

void broker_drop_channel(Channel *channel) {
        BrokerSide *side = channel->watch.side;

        if (channel->unnamed)
                broker_forget_right(channel->unnamed);
        broker_release(&channel->watch);
        broker_unwatch(&channel->watch);
        closep(&channel->watch.fd);
        g_hash_table_remove(side->channels, channel);
        broker_charge(side, &channel->party, BROKER_CHANNELS, -1);
        broker_party_clear(&channel->party);
        g_free(channel);
}

/* The reply has a memfd of all entries, since a packet has no room for many. */
static int answer_list(Channel *channel, int end) {
        g_autoptr(GArray) entries = broker_entries(channel->watch.side->broker, channel->watch.side);
        _cleanup_close_ int fd = memfd_create("lxbus-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, entries->data, entries->len * sizeof(LxbusEntry));
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return broker_answer(end, 0, fd);
}

static int carry_out_right(Channel *channel, pid_t sender, const LxbusRequest *request, int *end) {
        Broker *broker = channel->watch.side->broker;
        _cleanup_(broker_party_clear) Party client = { .pidfd = -EBADF };
        int r;

        if (request->type != LXBUS_TYPE_CONNECT || *request->name || *request->where)
                return -EINVAL;
        r = broker_party_of_process(broker, sender, &client);
        if (r < 0)
                return r;
        broker_spend(broker_ration_of(&client), 1, &channel->watch);
        return broker_connect(client.side, &client, channel->unnamed, request, end);
}

static int carry_out(Channel *channel, pid_t sender, const LxbusRequest *request, int *end) {
        if (channel->unnamed)
                return carry_out_right(channel, sender, request, end);
        if (channel->watch.side->reach == BUS_REACH_NONE)
                return -EACCES;
        switch (request->type) {
        case LXBUS_TYPE_REGISTER:
                return broker_register(channel, request, end);
        case LXBUS_TYPE_CONNECT:
                return *request->name ? broker_connect(channel->watch.side, &channel->party, NULL, request, end) : -EINVAL;
        default:
                return answer_list(channel, *end);
        }
}

/* A port blocks, unless its owner says otherwise. */
static int become_end(Channel *channel) {
        broker_unwatch(&channel->watch);
        (void)fcntl(channel->watch.fd, F_SETFL, 0);
        return steal_fd(&channel->watch.fd);
}

/* 0, or -EINVAL, which is an answer; -EBADMSG: it is no request, and ends the channel; -EAGAIN: there is none, or one for
 * whose end no descriptor was left, which is lost: its sender sees it hang up. *end is the caller's in any case. */
static int read_request(Channel *channel, LxbusRequest *ret, pid_t *ret_sender, int *end) {
        char packet[sizeof(LxbusRequest)];
        size_t n_fds = 0;
        ssize_t n;
        int r;

        n = fd_socket_receive_process(channel->watch.fd, packet, sizeof(packet), end, 1, &n_fds, ret_sender);
        if (n != -EAGAIN && !channel->unnamed)
                broker_spend(broker_ration_of(&channel->party), n == -EMSGSIZE ? HEAP_COST : 1, &channel->watch);
        if (n == -EAGAIN || n == -EMFILE)
                return -EAGAIN;
        r = n <= 0 ? -EBADMSG : lxbus_request_decode(packet, n, ret);
        if (r == 0 && ret->flags & LXBUS_REQUEST_HERE) {
                if (n_fds > 0 || channel->unnamed)
                        return -EBADMSG;
                *end = become_end(channel);
        }
        return r == -EBADMSG || !broker_is_end(*end) ? -EBADMSG : r;
}

static void on_channel(Channel *channel) {
        _cleanup_close_ int end = -EBADF;
        LxbusRequest request;
        pid_t sender = 0;
        int r;

        r = read_request(channel, &request, &sender, &end);
        if (r == -EAGAIN)
                return;
        if (r == 0)
                r = carry_out(channel, sender, &request, &end);
        if (r == -EBADMSG)
                fd_socket_discard(&end);
        else if (r < 0)
                (void)broker_answer(end, -r, -EBADF);
        if (r == -EBADMSG || channel->watch.fd < 0)
                broker_drop_channel(channel);
}

/* Where no descriptor is left a connection would stay in the queue and wake us for ever: it is turned away. */
static void turn_away(Broker *broker, int listener) {
        int fd;

        closep(&broker->spare);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        closep(&fd);
        broker->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_listener(BrokerSide *side) {
        _cleanup_close_ int fd = accept4(side->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        _cleanup_(broker_party_clear) Party party = { .pidfd = -EBADF };
        Channel *channel;

        if (fd < 0 && (errno == EMFILE || errno == ENFILE))
                turn_away(side->broker, side->listener.fd);
        broker_spend(&side->ration, 1, &side->listener);
        if (fd < 0 || broker_party_of_socket(side, fd, &party) < 0 || !broker_has_quota(side, &party, BROKER_CHANNELS))
                return;
        channel = broker_add_channel(side, &fd, &party, NULL);
        if (channel && !broker_hold(&side->ration, &channel->watch))
                on_channel(channel); /* mostly the first request is there already */
}

void broker_hear(Watch *watch) {
        switch (watch->kind) {
        case WATCH_LISTENER:
                on_listener((BrokerSide *)watch);
                break;
        case WATCH_CHANNEL:
                on_channel((Channel *)watch);
                break;
        case WATCH_WAITER:
                broker_on_waiter(watch);
                break;
        case WATCH_SERVER:
                break; /* is heard at once: it is what others wait for */
        }
}

/* A right to connect is in foreign hands: whose, is known with the request only. */
static Ration *ration_of(Watch *watch) {
        const Channel *channel = (const Channel *)watch;

        if (watch->kind == WATCH_CHANNEL)
                return channel->unnamed ? NULL : broker_ration_of(&channel->party);
        return watch->kind == WATCH_LISTENER ? &watch->side->ration : broker_ration_of(broker_waiting(watch));
}

static void hear_in_turn(Watch *watch) {
        Ration *ration = ration_of(watch);

        if (!ration || !broker_hold(ration, watch))
                broker_hear(watch);
}

static int on_side(sd_event_source *source _unused_, int epoll, uint32_t revents _unused_,
                   void *userdata _unused_) {
        struct epoll_event event;
        Watch *watch;

        if (epoll_wait(epoll, &event, 1, 0) != 1)
                return 0;
        watch = event.data.ptr;
        if (watch->kind == WATCH_SERVER)
                broker_on_server(watch, event.events);
        else
                hear_in_turn(watch);
        return 0;
}

static unsigned descriptor_limit(void) {
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX ? INT_MAX : (unsigned)limit.rlim_cur;
}

static int side_new(Broker *broker, const char *name, pid_t leader, int *listener, BusReach reach, BrokerSide **ret) {
        g_autoptr(BrokerSide) side = g_new0(BrokerSide, 1);
        int r;

        if (broker->spare < 0)
                broker->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        broker->max_fds = descriptor_limit();
        side->broker = side->ration.broker = broker;
        side->name = g_strdup(name);
        side->leader = leader;
        side->reach = reach;
        side->listener = (Watch){ .kind = WATCH_LISTENER, .fd = steal_fd(listener), .side = side };
        side->channels = g_hash_table_new(NULL, NULL);
        side->servers = g_hash_table_new(NULL, NULL);
        side->names = g_hash_table_new(g_str_hash, g_str_equal);
        side->waiters = g_hash_table_new(NULL, NULL);
        side->shares = g_hash_table_new_full(g_int_hash, g_int_equal, NULL, g_free);
        g_ptr_array_add(broker->sides, side);
        side->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (side->epoll < 0)
                return -errno;
        if ((leader > 0 && (r = broker_load_uids(leader, &side->uids)) < 0) ||
            (side->listener.fd >= 0 && (r = broker_watch(&side->listener, EPOLLIN)) < 0) ||
            (r = sd_event_add_io(broker->event, &side->source, side->epoll, EPOLLIN, on_side, NULL)) < 0)
                return r;
        *ret = g_steal_pointer(&side);
        return 0;
}

int broker_add_instance(Broker *broker, const char *name, pid_t leader, int listener, BusReach reach,
                        BrokerSide **ret) {
        _cleanup_discard_ int owned = listener;

        if (!broker_is_listener(listener))
                return -ENOTSOCK;
        if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return side_new(broker, name, leader, &owned, reach, ret);
}

static void drop_all(BrokerSide *side) {
        GHashTableIter i;
        void *channel;

        broker_drop_servers(side); /* and with unnamed ones the rights to connect to them */
        for (;;) {
                g_hash_table_iter_init(&i, side->channels);
                if (!g_hash_table_iter_next(&i, &channel, NULL))
                        return;
                broker_drop_channel(channel);
        }
}

BrokerSide *broker_side_free(BrokerSide *side) {
        if (!side)
                return NULL;
        side->source = sd_event_source_disable_unref(side->source);
        drop_all(side);
        broker_release(&side->listener);
        broker_ration_clear(&side->ration);
        g_ptr_array_remove(side->broker->sides, side);
        closep(&side->listener.fd);
        closep(&side->epoll);
        g_hash_table_unref(side->channels);
        g_hash_table_unref(side->servers);
        g_hash_table_unref(side->names);
        g_hash_table_unref(side->waiters);
        g_hash_table_unref(side->shares);
        g_free(side->name);
        g_free(side);
        return NULL;
}

static gint compare_ids(gconstpointer a, gconstpointer b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static void free_queue(void *queue) {
        g_queue_free(queue);
}

Broker *broker_new(sd_event *event, const BrokerEvents *events, void *userdata) {
        Broker *broker = g_new0(Broker, 1);

        broker->event = event;
        broker->events = *events;
        broker->userdata = userdata;
        broker->sides = g_ptr_array_new();
        broker->servers = g_tree_new(compare_ids);
        broker->rations = broker_rations_new();
        broker->awaited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_queue);
        broker->spare = -EBADF;
        return broker;
}

Broker *broker_free(Broker *broker) {
        if (!broker)
                return NULL;
        broker_side_free(broker->host);
        g_hash_table_unref(broker->rations);
        g_ptr_array_unref(broker->sides);
        g_tree_unref(broker->servers);
        g_hash_table_unref(broker->awaited);
        closep(&broker->spare);
        g_free(broker);
        return NULL;
}

int broker_get_host(Broker *broker, BrokerSide **ret) {
        int none = -EBADF, r;

        if (!broker->host) {
                r = side_new(broker, NULL, 0, &none, BUS_REACH_ALL, &broker->host);
                if (r < 0)
                        return r;
        }
        *ret = broker->host;
        return 0;
}

bool broker_is_needed(const Broker *broker) {
        return broker->host && g_hash_table_size(broker->host->shares) > 0;
}

void broker_shut_down(Broker *broker) {
        if (broker->host)
                drop_all(broker->host);
}

int broker_open(Broker *broker, uid_t uid, pid_t pid) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        _cleanup_(broker_party_clear) Party party = { .pidfd = -EBADF };
        BrokerSide *side;
        int pair[2], r;

        r = broker_get_host(broker, &side);
        if (r < 0)
                return r;
        party = broker_party_new(side, uid, pid, pid > 0 ? pidfd_open(pid, 0) : -EBADF);
        if (!broker_has_quota(side, &party, BROKER_CHANNELS))
                return -EDQUOT;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];
        if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = broker_mark(ours);
        if (r < 0)
                return r;
        return broker_add_channel(side, &ours, &party, NULL) ? steal_fd(&theirs) : -ENOSPC;
}

GArray *broker_list(const Broker *broker) {
        return broker_entries(broker, NULL);
}
