/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A broker in this process, the host and instances A and B, whose programs are this process, too:
 * it sends requests by hand, lets the loop run until there is nothing left to do, and reads the
 * answers. begin() … end(), which looks whether anything stayed. */

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "daemon/broker-private.h"
#include "shared/fd-socket.h"
#include "tests/test.h"

enum { HOST, A, B, PLACES };

static sd_event *event;
static Broker *broker;
static BrokerSide *sides[PLACES];
static pid_t leaders[PLACES];
static char *directory;
static size_t fds_before;
static GArray *client_fds; /* of the programs: closed in the end */
static uint64_t last_added, last_removed; /* ids of servers */
static size_t n_told;                     /* servers that were added, and not removed */

static void on_changed(void *userdata _unused_) {
}

static void on_server_added(uint64_t id, void *userdata _unused_) {
        ck_assert_uint_gt(id, last_added);
        last_added = id;
        n_told++;
}

static void on_server_removed(uint64_t id, void *userdata _unused_) {
        ck_assert_uint_gt(id, 0);
        last_removed = id;
        n_told--;
}

static int keep(int fd) {
        ck_assert_int_ge(fd, 0);
        g_array_append_val(client_fds, fd);
        return fd;
}

static inline _unused_ void drop(int fd) {
        for (guint i = 0; i < client_fds->len; i++)
                if (g_array_index(client_fds, int, i) == fd) {
                        g_array_remove_index_fast(client_fds, i);
                        ck_assert_int_eq(close(fd), 0);
                        return;
                }
        ck_abort_msg("%d is none of the test's", fd);
}

static bool someone_is_held(void) {
        bool held = false;
        GHashTableIter i;
        void *ration;

        g_hash_table_iter_init(&i, broker->rations);
        while (g_hash_table_iter_next(&i, NULL, &ration))
                held |= !g_queue_is_empty(&((Ration *)ration)->held);
        for (int place = A; place < PLACES; place++)
                held |= sides[place] && !g_queue_is_empty(&sides[place]->ration.held);
        return held;
}

/* Everything is local: what was sent is there already. One that does not come to rest runs into the time limit. */
static void settle(void) {
        while (sd_event_run(event, someone_is_held() ? UINT64_MAX : 0) > 0)
                ;
}

static pid_t start_leader(void) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void)pause();
        }
        return pid;
}

static struct sockaddr_un address_of(int place) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%c", directory, 'A' + place - A);
        return address;
}

static void add_instance(int place, BusReach reach) {
        const struct sockaddr_un address = address_of(place);
        const char name[2] = { (char)('A' + place - A), 0 };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        leaders[place] = start_leader();
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(chmod(address.sun_path, 0666), 0);
        ck_assert_int_eq(listen(fd, 4096), 0);
        ck_assert_int_eq(broker_add_instance(broker, name, leaders[place], fd, reach, &sides[place]), 0);
}

/* The loop has one descriptor for all of them, from the first one on. */
static void make_timers(void) {
        sd_event_source *timer;

        ck_assert_int_ge(sd_event_add_time(event, &timer, CLOCK_MONOTONIC, UINT64_MAX, 0, NULL, NULL), 0);
        sd_event_source_disable_unref(timer);
}

static void begin(void) {
        static const BrokerEvents events = { on_changed, on_server_added, on_server_removed };

        last_added = last_removed = n_told = 0;
        fds_before = count_fds();
        directory = make_directory_for_test();
        ck_assert_int_eq(chmod(directory, 0755), 0);
        client_fds = g_array_new(false, false, sizeof(int));
        ck_assert_int_ge(sd_event_new(&event), 0);
        make_timers();
        broker = broker_new(event, &events, NULL);
}

static inline _unused_ void begin_with_instances(void) {
        begin();
        add_instance(A, BUS_REACH_ALL);
        add_instance(B, BUS_REACH_ALL);
}

static void end_instance(int place) {
        const struct sockaddr_un address = address_of(place);

        sides[place] = broker_side_free(sides[place]);
        (void)unlink(address.sun_path);
        if (leaders[place] > 0) {
                ck_assert_int_eq(kill(leaders[place], SIGKILL), 0);
                ck_assert_int_eq(waitpid(leaders[place], NULL, 0), leaders[place]);
        }
        leaders[place] = 0;
}

static void assert_empty(const BrokerSide *side) {
        if (!side)
                return;
        ck_assert_uint_eq(g_hash_table_size(side->channels), 0);
        ck_assert_uint_eq(g_hash_table_size(side->servers), 0);
        ck_assert_uint_eq(g_hash_table_size(side->names), 0);
        ck_assert_uint_eq(g_hash_table_size(side->waiters), 0);
        ck_assert_uint_eq(g_hash_table_size(side->shares), 0);
        ck_assert_uint_eq(side->n_fds, 0);
}

/* All programs end; then nothing of theirs is there any more. */
static inline _unused_ void end_programs(void) {
        for (guint i = 0; i < client_fds->len; i++)
                ck_assert_int_eq(close(g_array_index(client_fds, int, i)), 0);
        g_array_set_size(client_fds, 0);
        settle();
        for (int i = A; i < PLACES; i++)
                assert_empty(sides[i]);
        assert_empty(broker->host);
        ck_assert(!broker_is_needed(broker));
        ck_assert_uint_eq(broker->n_fds, 0);
        ck_assert_int_eq(g_tree_nnodes(broker->servers), 0);
        ck_assert_uint_eq(n_told, 0);
}

static inline _unused_ void end(void) {
        end_programs();
        for (int i = A; i < PLACES; i++)
                end_instance(i);
        broker = broker_free(broker);
        event = sd_event_unref(event);
        g_array_unref(client_fds);
        remove_directory(directory);
        ck_assert_uint_eq(count_fds(), fds_before);
}

/* ---- what a program does ---- */

static int open_bus(int place) {
        const struct sockaddr_un address = address_of(place);
        int fd;

        if (place == HOST) {
                fd = broker_open(broker, getuid(), getpid());
                return fd < 0 ? fd : keep(fd);
        }
        fd = keep(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        settle();
        return fd;
}

static LxbusRequest request(LxbusType type, const char *name, uint32_t flags) {
        LxbusRequest r = { .type = type, .flags = flags };

        strcpy(r.name, name);
        return r;
}

/* Not carried out yet. Returns where the answer comes, or the errno of sending. */
static int submit(int bus, const LxbusRequest *r) {
        struct iovec part = { (void *)r, sizeof(*r) };
        int pair[2], e;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        e = fd_socket_send_now(bus, &part, 1, &pair[1], 1);
        ck_assert_int_eq(close(pair[1]), 0);
        keep(pair[0]);
        if (e < 0)
                drop(pair[0]);
        return e < 0 ? e : pair[0];
}

/* The same without a descriptor: the bus is where the answer comes. */
static inline _unused_ void submit_here(int bus, LxbusRequest r) {
        r.flags |= LXBUS_REQUEST_HERE;
        ck_assert_int_eq(fcntl(bus, F_SETFL, O_NONBLOCK), 0);
        ck_assert_int_eq(send(bus, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL), sizeof(r));
}

typedef struct Answer {
        LxbusReply reply;
        int fds[2]; /* the caller's, kept */
        size_t n_fds;
} Answer;

/* 0, or its errno; -EAGAIN where there is none, -EPIPE at the end. */
static int hear(int end, LxbusType type, Answer *ret) {
        char packet[512];
        ssize_t n;
        int r;

        *ret = (Answer){ .fds = { -EBADF, -EBADF } };
        settle();
        n = fd_socket_receive(end, packet, sizeof(packet), ret->fds, 2, &ret->n_fds);
        if (n <= 0)
                return n == 0 || n == -ECONNRESET ? -EPIPE : (int)n;
        r = lxbus_reply_decode(packet, n, type, &ret->reply);
        ck_assert_int_eq(r, 0);
        for (size_t i = 0; i < ret->n_fds; i++)
                keep(ret->fds[i]);
        ck_assert(ret->reply.error == 0 || ret->n_fds == 0);
        return -ret->reply.error;
}

static int ask(int bus, const LxbusRequest *r, int *ret_end, Answer *ret) {
        *ret_end = submit(bus, r);
        return *ret_end < 0 ? *ret_end : hear(*ret_end, LXBUS_TYPE_REPLY, ret);
}

static inline _unused_ int serve(int bus, const char *name, LxbusScope scope, int *ret_server) {
        LxbusRequest r = request(LXBUS_TYPE_REGISTER, name, *name ? 0 : LXBUS_REQUEST_UNNAMED);
        Answer answer;

        r.scope = scope;
        return ask(bus, &r, ret_server, &answer);
}

static inline _unused_ int serve_unnamed(int bus, int *ret_server, int *ret_ticket) {
        const LxbusRequest r = request(LXBUS_TYPE_REGISTER, "", LXBUS_REQUEST_UNNAMED);
        Answer answer;
        int e = ask(bus, &r, ret_server, &answer);

        *ret_ticket = answer.fds[0];
        return e;
}

static inline _unused_ int reach(int bus, const char *name, const char *where, uint32_t flags, int *ret_port) {
        LxbusRequest r = request(LXBUS_TYPE_CONNECT, name, flags);
        Answer answer;

        strcpy(r.where, where);
        return ask(bus, &r, ret_port, &answer);
}

/* The next connection's port; or negative errno. */
static inline _unused_ int take(int server) {
        Answer answer;
        int r = hear(server, LXBUS_TYPE_CONNECTION, &answer);

        return r < 0 ? r : answer.fds[0];
}

static inline _unused_ void assert_connected(int one, int other) {
        char byte;

        ck_assert_int_eq(send(one, "x", 1, MSG_DONTWAIT), 1);
        ck_assert_int_eq(recv(other, &byte, 1, MSG_DONTWAIT), 1);
}

/* As many ports as lxssd says that a server of this name has. */
static inline _unused_ int ports_of(const char *name) {
        g_autoptr(GArray) entries = broker_list(broker);

        for (guint i = 0; i < entries->len; i++) {
                const LxbusEntry *e = &g_array_index(entries, LxbusEntry, i);

                if (streq(e->name, name))
                        return (int)e->n_ports;
        }
        return -ENOENT;
}
