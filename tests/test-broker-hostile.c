/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that send lxssd what no library sends, or more than anybody needs: they harm
 * themselves, and nothing of theirs stays. */

#include <netinet/in.h>
#include <sys/epoll.h>
#include <time.h>

#include "tests/broker-fixture.h"
#include "tests/lingering.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

/* So many that an instance's part of them is no limit beside its users' quotas. */
#define LARGE 16384

/* False where this user may not have so many: then nothing has begun. */
static bool begin_large(void) {
        struct rlimit limit;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        if (limit.rlim_max < LARGE) {
                fprintf(stderr, "skipped: at most %u descriptors may be open\n", (unsigned)limit.rlim_max);
                return false;
        }
        limit.rlim_cur = LARGE;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        begin_with_instances();
        return true;
}

static void send_packet(int bus, const void *packet, size_t size, const int *fds, size_t n_fds) {
        struct iovec part = { (void *)packet, size };

        ck_assert_int_eq(fd_socket_send_now(bus, &part, 1, fds, n_fds), 0);
}

/* Somebody else is served, after all of it. */
static void assert_served(void) {
        int server, port;

        ck_assert_int_eq(serve(open_bus(B), "somebody", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(reach(open_bus(HOST), "somebody", "", 0, &port), 0);
        assert_connected(port, take(server));
        drop(server);
        settle();
}

/* ---- packets ---- */

START_TEST(a_packet_that_is_no_request_ends_its_bus) {
        char packet[sizeof(LxbusRequest) + 1] = { 0 };
        LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        Answer answer;
        int end_of;

        if (!begin_large())
                return;
        for (size_t n = 0; n <= sizeof(list) + 1; n += n < 4 || n >= sizeof(list) - 2 ? 1 : 7) {
                int bus = open_bus(A), pair[2];

                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                memcpy(packet, &list, sizeof(list));
                send_packet(bus, packet, n, pair, 1);
                ck_assert_int_eq(close(pair[0]), 0);
                settle();
                if (n != sizeof(list))
                        ck_assert_int_lt(ask(bus, &list, &end_of, &answer), 0);
                ck_assert_int_eq(recv(pair[1], packet, 1, MSG_DONTWAIT | MSG_TRUNC),
                                 n == sizeof(list) ? (int)sizeof(LxbusReply) : 0);
                ck_assert_int_eq(close(pair[1]), 0);
        }
        assert_served();
        end();
}
END_TEST

static int connected(int type) {
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
        keep(pair[1]);
        return pair[0];
}

static int listening(void) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(sa_family_t)), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
        return fd;
}

static void assert_no_end(int fd) {
        const LxbusRequest requests[] = { request(LXBUS_TYPE_REGISTER, "n", 0), request(LXBUS_TYPE_LIST, "", 0),
                                          request(LXBUS_TYPE_CONNECT, "n", LXBUS_REQUEST_WAIT) };

        ck_assert_int_ge(fd, 0);
        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                int bus = open_bus(A);

                send_packet(bus, &requests[i], sizeof(requests[i]), &fd, 1);
                settle();
                ck_assert_int_eq(recv(bus, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* it hung up */
                ck_assert_int_eq(ports_of("n"), -ENOENT);
        }
        ck_assert_int_eq(close(fd), 0);
}

START_TEST(an_end_is_a_connected_socket_of_packets_or_the_bus_ends) {
        int pipes[2];

        if (!begin_large())
                return;
        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        assert_no_end(pipes[0]);
        assert_no_end(pipes[1]);
        assert_no_end(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
        assert_no_end(open("/", O_PATH | O_CLOEXEC));
        assert_no_end(listening());
        assert_no_end(connected(SOCK_DGRAM));
        assert_no_end(connected(SOCK_STREAM));
        assert_no_end(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        assert_no_end(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        assert_no_end(epoll_create1(EPOLL_CLOEXEC));
        assert_served();
        end();
}
END_TEST

START_TEST(a_request_has_one_descriptor_and_no_other_number) {
        const LxbusRequest r = request(LXBUS_TYPE_REGISTER, "n", 0);
        int fds[FD_SOCKET_MAX], bus;

        if (!begin_large())
                return;
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = connected(SOCK_SEQPACKET);
        for (size_t n = 0; n <= ELEMENTSOF(fds); n += n < 3 ? 1 : 50) {
                if (n == 1)
                        continue;
                bus = open_bus(A);
                send_packet(bus, &r, sizeof(r), fds, n);
                settle();
                ck_assert_int_eq(ports_of("n"), -ENOENT);
                ck_assert_int_eq(recv(bus, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* it hung up */
        }
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                ck_assert_int_eq(close(fds[i]), 0);
        assert_served();
        end();
}
END_TEST

START_TEST(a_right_ends_with_a_packet_full_of_descriptors) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "", 0);
        int fds[FD_SOCKET_MAX] = { 0 }, server, right, port;

        if (!has_pidfds())
                return;
        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &right), 0);
        ck_assert_int_eq(reach(right, "", "", 0, &port), 0);
        assert_connected(port, take(server));
        send_packet(right, &r, sizeof(r), fds, ELEMENTSOF(fds));
        settle();
        ck_assert_int_eq(recv(right, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* it hung up */
        ck_assert_int_eq(take(server), -EAGAIN);
        end();
}
END_TEST

START_TEST(empty_packets_with_descriptors_leave_none) {
        int fds[FD_SOCKET_MAX] = { 0 }, bus;
        size_t before;

        if (!begin_large())
                return;
        bus = open_bus(A);
        before = count_fds();
        send_packet(bus, NULL, 0, fds, ELEMENTSOF(fds));
        settle();
        ck_assert_uint_lt(count_fds(), before); /* the bus is gone */
        end();
}
END_TEST

START_TEST(a_bus_that_becomes_an_end_brings_none_and_has_no_name_and_is_no_right) {
        LxbusRequest r = request(LXBUS_TYPE_REGISTER, "n", LXBUS_REQUEST_HERE);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int bus, server, right, fd;

        if (!begin_large())
                return;
        fd = connected(SOCK_SEQPACKET);
        send_packet(open_bus(A), &r, sizeof(r), &fd, 1);
        ck_assert_int_eq(close(fd), 0);
        bus = keep(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        ck_assert_int_eq(bind(bus, (const struct sockaddr *)&address, sizeof(address.sun_family)), 0);
        address = address_of(A);
        ck_assert_int_eq(connect(bus, (const struct sockaddr *)&address, sizeof(address)), 0);
        send_packet(bus, &r, sizeof(r), NULL, 0);
        settle();
        ck_assert_int_eq(ports_of("n"), -ENOENT);
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &right), 0);
        submit_here(right, request(LXBUS_TYPE_CONNECT, "", 0));
        ck_assert_int_eq(take(server), -EAGAIN);
        ck_assert_int_eq(recv(right, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* it is gone */
        assert_served();
        end();
}
END_TEST

START_TEST(a_bus_that_became_an_end_asks_for_nothing_more) {
        static const LxbusType types[] = { LXBUS_TYPE_REGISTER, LXBUS_TYPE_CONNECT };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (int at_once = 0; at_once < 2; at_once++) {
                        const LxbusRequest r = request(types[i], "n", i ? LXBUS_REQUEST_WAIT : 0);
                        int bus;

                        begin_with_instances();
                        submit_here(bus = open_bus(A), r);
                        if (!at_once)
                                settle();
                        submit_here(bus, request(LXBUS_TYPE_REGISTER, "m", 0));
                        settle();
                        ck_assert_int_eq(ports_of("n"), -ENOENT);
                        ck_assert_int_eq(ports_of("m"), -ENOENT);
                        assert_served();
                        end();
                }
}
END_TEST

/* ---- ends of which lxssd has the other one, too ---- */

START_TEST(a_bus_that_became_an_end_is_none_of_another) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "m", LXBUS_REQUEST_WAIT);
        int place;

        for (place = HOST; place <= A; place++) {
                int bus;

                begin_with_instances();
                submit_here(bus = open_bus(place), request(LXBUS_TYPE_REGISTER, "n", 0));
                settle();
                ck_assert_int_eq(ports_of("n"), 0);
                send_packet(open_bus(A), &r, sizeof(r), &bus, 1);
                settle();
                ck_assert_uint_eq(g_hash_table_size(sides[A]->channels), 0);
                ck_assert_uint_eq(g_hash_table_size(sides[A]->waiters), 0);
                end();
        }
}
END_TEST

START_TEST(a_bus_that_is_its_own_end_keeps_no_name) {
        const LxbusRequest r = request(LXBUS_TYPE_REGISTER, "n", 0);
        int bus;

        begin_with_instances();
        bus = open_bus(A);
        send_packet(bus, &r, sizeof(r), &bus, 1);
        settle();
        ck_assert_int_eq(ports_of("n"), -ENOENT);
        end();
}
END_TEST

START_TEST(both_ends_of_a_pair_keep_no_name) {
        static const LxbusType seconds[] = { LXBUS_TYPE_REGISTER, LXBUS_TYPE_CONNECT };

        for (size_t i = 0; i < ELEMENTSOF(seconds); i++) {
                const LxbusRequest first = request(LXBUS_TYPE_REGISTER, "n", 0);
                LxbusRequest second = request(seconds[i], "m", i == 0 ? 0 : LXBUS_REQUEST_WAIT);
                int bus, pair[2];

                begin_with_instances();
                bus = open_bus(A);
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                send_packet(bus, &first, sizeof(first), &pair[0], 1);
                send_packet(bus, &second, sizeof(second), &pair[1], 1);
                ck_assert_int_eq(close(pair[0]), 0);
                ck_assert_int_eq(close(pair[1]), 0);
                end(); /* looks that nothing stays */
        }
}
END_TEST

START_TEST(an_end_in_its_own_queue_keeps_no_name) {
        for (int i = 0; i < 2; i++) {
                const LxbusRequest r =
                                request(i ? LXBUS_TYPE_CONNECT : LXBUS_TYPE_REGISTER, "n", i ? LXBUS_REQUEST_WAIT : 0);
                int bus, pair[2];

                begin_with_instances();
                bus = open_bus(A);
                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                send_packet(bus, &r, sizeof(r), &pair[0], 1);
                settle();
                send_packet(pair[1], "x", 1, &pair[1], 1);
                ck_assert_int_eq(close(pair[0]), 0);
                ck_assert_int_eq(close(pair[1]), 0);
                end();
        }
}
END_TEST

START_TEST(an_end_whose_buffer_is_full_waits_for_nobody) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "n", LXBUS_REQUEST_WAIT);
        static char block[32768];
        int server, pair[2], n = 0;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(HOST), "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        while (send(pair[0], block, sizeof(block), MSG_DONTWAIT) > 0)
                n++;
        send_packet(open_bus(A), &r, sizeof(r), &pair[0], 1);
        while (sd_event_run(event, 0) > 0)
                ck_assert_uint_eq(g_hash_table_size(sides[A]->waiters), 0);
        ck_assert_int_eq(close(pair[0]), 0);
        while (n-- > 0)
                ck_assert_int_eq(recv(pair[1], block, sizeof(block), MSG_DONTWAIT), sizeof(block));
        ck_assert_int_eq(recv(pair[1], block, sizeof(block), MSG_DONTWAIT), 0); /* lxssd let go of it */
        ck_assert_int_eq(close(pair[1]), 0);
        assert_served();
        end();
}
END_TEST

/* Keeps a copy of lxssd's end, and fills that: there is no room in the server then, ever. */
START_TEST(a_server_that_fills_its_own_socket_has_no_room) {
        LxbusRequest r = request(LXBUS_TYPE_REGISTER, "n", 0);
        static char block[32768];
        int pair[2], port;

        r.scope = LXBUS_SCOPE_ALL;
        begin_with_instances();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        send_packet(open_bus(A), &r, sizeof(r), &pair[0], 1);
        settle();
        while (send(pair[0], block, sizeof(block), MSG_DONTWAIT) > 0)
                ;
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), -EAGAIN);
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", LXBUS_REQUEST_WAIT, &port), -EAGAIN);
        assert_served();
        ck_assert_int_eq(close(pair[0]), 0);
        ck_assert_int_eq(close(pair[1]), 0);
        end();
}
END_TEST

/* ---- what makes lxssd wait, or keep ---- */

START_TEST(a_socket_that_lingers_does_not_hold_lxssd) {
        const LxbusRequest r = request(LXBUS_TYPE_LIST, "", 0);

        begin_with_instances();
        for (size_t n = 1; n <= 2; n++) { /* as the end; and beside one, which the receiver closes */
                int bus = open_bus(A), reader, fds[2] = { -1, -1 };
                double start;

                fds[n - 1] = lingering(&reader);
                if (n == 2)
                        fds[0] = connected(SOCK_SEQPACKET);
                send_packet(bus, &r, sizeof(r), fds, n);
                ck_assert_int_eq(close(fds[n - 1]), 0);
                start = seconds();
                settle();
                ck_assert(seconds() - start < 10);
                if (n == 2)
                        ck_assert_int_eq(close(fds[0]), 0);
                ck_assert_int_eq(close(reader), 0);
        }
        end();
}
END_TEST

/* /init makes the listener; accepted sockets take its options over. */
START_TEST(options_of_the_listener_leave_no_descriptor) {
        const LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        int on = 1, bus, end_of;
        size_t before;
        Answer answer;

        begin_with_instances();
        (void)setsockopt(sides[A]->listener.fd, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)); /* Linux 6.5 */
        ck_assert_int_eq(setsockopt(sides[A]->listener.fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
        bus = open_bus(A);
        before = count_fds();
        for (int i = 0; i < 100; i++) {
                ck_assert_int_eq(ask(bus, &list, &end_of, &answer), 0);
                drop(end_of);
                drop(answer.fds[0]);
        }
        ck_assert_uint_eq(count_fds(), before);
        end();
}
END_TEST

/* ---- quotas ---- */

START_TEST(each_user_has_so_many_and_then_they_are_free_again) {
        int port, last = -1, bus, n;

        if (!begin_large())
                return;
        for (int turn = 0; turn < 2; turn++) {
                bus = open_bus(A);
                for (n = 0; n < BROKER_QUOTA; n++) {
                        char name[16];

                        snprintf(name, sizeof(name), "n%d", n);
                        ck_assert_int_eq(serve(bus, name, LXBUS_SCOPE_ALL, &last), 0);
                        ck_assert_int_eq(reach(bus, "nobody", "", LXBUS_REQUEST_WAIT, &port), -EAGAIN);
                        if (n > 0)
                                ck_assert_int_ge(open_bus(A), 0);
                }
                ck_assert_int_eq(serve(bus, "more", LXBUS_SCOPE_ALL, &port), -EDQUOT);
                ck_assert_int_eq(reach(bus, "nobody", "", LXBUS_REQUEST_WAIT, &port), -EDQUOT);
                ck_assert_int_eq(recv(open_bus(A), &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* turned away */
                drop(last);
                settle();
                ck_assert_int_eq(serve(bus, "more", LXBUS_SCOPE_ALL, &port), 0);
                assert_served();
                end_programs();
        }
        end();
}
END_TEST

START_TEST(the_host_has_so_many_buses_and_is_told) {
        if (!begin_large())
                return;
        for (int i = 0; i < BROKER_QUOTA; i++)
                ck_assert_int_ge(open_bus(HOST), 0);
        ck_assert_int_eq(open_bus(HOST), -EDQUOT);
        end_programs();
        ck_assert_int_ge(open_bus(HOST), 0);
        end();
}
END_TEST

/* Root of an instance is any of its users. */
START_TEST(an_instance_of_many_users_leaves_the_others_their_share) {
        struct rlimit limit;
        unsigned refused = 0, most;

        if (geteuid() != 0) {
                fprintf(stderr, "skipped: only root can be many users\n");
                return;
        }
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = 4096;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        begin_with_instances();
        most = limit.rlim_cur / BROKER_SIDE_PART;
        for (uid_t uid = 2000; uid < 2100; uid++) {
                ck_assert_int_eq(seteuid(uid), 0);
                for (int i = 0; i < 10; i++) {
                        int fd = open_bus(A);

                        refused += recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) == 0;
                }
                ck_assert_int_eq(seteuid(0), 0);
                ck_assert_uint_le(sides[A]->n_fds, most);
        }
        ck_assert_uint_ge(refused, 100);
        assert_served();
        end();
}
END_TEST

START_TEST(ten_thousand_connections_to_one_who_never_accepts_cost_nothing) {
        int server, bus, port;
        unsigned let_in = 0, refused = 0, waiting = 0, over = 0;
        size_t with_all;

        if (!begin_large())
                return;
        ck_assert_int_eq(serve(open_bus(A), "deaf", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(B);
        with_all = count_fds();
        for (int i = 0; i < 10000; i++) {
                int r = reach(bus, "deaf", "", i % 2 ? LXBUS_REQUEST_WAIT : 0, &port);

                let_in += r == 0;
                over += r == -EDQUOT;
                if (r == -EAGAIN && i % 2)
                        waiting++; /* its end stays open */
                else {
                        refused += r == -EAGAIN;
                        drop(port);
                }
        }
        ck_assert_uint_eq(let_in + refused + waiting + over, 10000);
        ck_assert_uint_eq(waiting, BROKER_QUOTA);
        ck_assert_uint_ge(let_in, 32);
        ck_assert_uint_eq(count_fds(), with_all + waiting * 3); /* the program's end; the end and a pidfd of lxssd */
        assert_served();
        end();
}
END_TEST

/* Ports are counted up alone, and counted anew where that comes to the limit. */
START_TEST(a_limit_of_ports_is_one_of_those_that_are_open) {
        int server, port;
        GHashTableIter i;
        void *entry;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), 0);
        g_hash_table_iter_init(&i, sides[A]->servers);
        ck_assert(g_hash_table_iter_next(&i, &entry, NULL));
        ((Server *)entry)->n_counted = BROKER_PORTS_MAX;
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), 0);
        ck_assert_uint_eq(((Server *)entry)->n_counted, 2);
        ((Server *)entry)->n_counted = BROKER_PORTS_MAX;
        ((Server *)entry)->full_until = INT64_MAX;
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), -EDQUOT);
        end();
}
END_TEST

/* ---- no descriptor left ---- */

START_TEST(without_descriptors_new_ones_are_refused_and_old_ones_stay) {
        const LxbusRequest r = request(LXBUS_TYPE_REGISTER, "n", 0);
        struct rlimit limit, low;
        int server, port, there, bus, next, failed = 0;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(B), "old", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(reach(open_bus(HOST), "old", "", 0, &port), 0);
        there = take(server);
        bus = open_bus(A);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        for (int room = 0; room < 8; room++) {
                int end_of = submit(bus, &r), e;

                next = dup(0);
                low = limit;
                low.rlim_cur = next + room;
                ck_assert_int_eq(close(next), 0);
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
                settle();
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                e = hear(end_of, LXBUS_TYPE_REPLY, &answer);
                ck_assert_msg(e == 0 || e == -EMFILE || e == -EPIPE, "%d", e);
                failed += e < 0;
                drop(end_of);
                settle();
                assert_connected(port, there);
        }
        ck_assert_int_ge(failed, 1);
        ck_assert_int_lt(failed, 8);
        assert_served();
        end();
}
END_TEST

START_TEST(without_descriptors_connections_are_turned_away_and_do_not_spin) {
        struct rlimit limit, low;
        int fds[50];

        begin_with_instances();
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                const struct sockaddr_un to = address_of(A);

                fds[i] = keep(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
                ck_assert_int_eq(connect(fds[i], (const struct sockaddr *)&to, sizeof(to)), 0);
        }
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = dup(0);
        ck_assert_int_eq(close((int)low.rlim_cur), 0);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
        settle(); /* comes to rest */
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                ck_assert_int_eq(recv(fds[i], &(char){ 0 }, 1, MSG_DONTWAIT), 0);
        ck_assert_int_ge(broker->spare, 0);
        assert_served();
        end();
}
END_TEST

/* ---- fairness ---- */

/* Of two sides that ask each is heard as often as the other, however much one of them sends. */
START_TEST(a_flood_delays_others_by_a_packet_each) {
        const LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        int flood, calm, end_of, rounds = 0;
        Answer answer;

        if (!begin_large())
                return;
        flood = open_bus(A);
        calm = open_bus(B);
        for (int i = 0; i < 60; i++)
                (void)submit(flood, &list);
        end_of = submit(calm, &list);
        do {
                ck_assert_int_gt(sd_event_run(event, 0), 0);
                rounds++;
        } while (recv(end_of, &(char){ 0 }, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
        ck_assert_int_le(rounds, 4);
        ck_assert_int_eq(hear(end_of, LXBUS_TYPE_REPLY, &answer), 0);
        end();
}
END_TEST

int main(void) {
        return RUN_TESTS("broker-hostile", a_packet_that_is_no_request_ends_its_bus,
                         an_end_is_a_connected_socket_of_packets_or_the_bus_ends,
                         a_request_has_one_descriptor_and_no_other_number,
                         a_right_ends_with_a_packet_full_of_descriptors, empty_packets_with_descriptors_leave_none,
                         a_bus_that_becomes_an_end_brings_none_and_has_no_name_and_is_no_right,
                         a_bus_that_became_an_end_asks_for_nothing_more, a_bus_that_became_an_end_is_none_of_another,
                         a_bus_that_is_its_own_end_keeps_no_name, both_ends_of_a_pair_keep_no_name,
                         an_end_in_its_own_queue_keeps_no_name, an_end_whose_buffer_is_full_waits_for_nobody,
                         a_server_that_fills_its_own_socket_has_no_room, a_socket_that_lingers_does_not_hold_lxssd,
                         options_of_the_listener_leave_no_descriptor,
                         each_user_has_so_many_and_then_they_are_free_again, the_host_has_so_many_buses_and_is_told,
                         an_instance_of_many_users_leaves_the_others_their_share,
                         ten_thousand_connections_to_one_who_never_accepts_cost_nothing,
                         a_limit_of_ports_is_one_of_those_that_are_open,
                         without_descriptors_new_ones_are_refused_and_old_ones_stay,
                         without_descriptors_connections_are_turned_away_and_do_not_spin,
                         a_flood_delays_others_by_a_packet_each);
}
