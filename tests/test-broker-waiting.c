/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who waits, and in which turn; ends that would never hang up, and ends that are half closed; and how many ports
 * are open where there are very many. */

#include "tests/broker-fixture.h"

static void pass(int bus, const LxbusRequest *r, int end_of) {
        struct iovec part = { (void *)r, sizeof(*r) };

        ck_assert_int_eq(fd_socket_send_now(bus, &part, 1, &end_of, 1), 0);
}

static void make_pair(int pair[2]) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        keep(pair[0]);
        keep(pair[1]);
}

static unsigned n_waiters(void) {
        unsigned n = broker->host ? g_hash_table_size(broker->host->waiters) : 0;

        for (int i = A; i < PLACES; i++)
                n += sides[i] ? g_hash_table_size(sides[i]->waiters) : 0;
        return n;
}

/* ---- ends of which lxssd would have the other one, too ---- */

START_TEST(both_ends_do_not_wait_whatever_bus_they_come_through) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);

        for (int second = HOST; second < PLACES; second++) {
                int pair[2];

                begin_with_instances();
                make_pair(pair);
                pass(open_bus(A), &r, pair[0]);
                settle();
                ck_assert_uint_eq(n_waiters(), 1);
                pass(open_bus(second), &r, pair[1]);
                settle();
                ck_assert_uint_eq(n_waiters(), 1); /* the first one, whose other end is here yet */
                end();                             /* and then none */
        }
}
END_TEST

START_TEST(the_other_end_of_a_server_does_not_wait) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);
        int server;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0); /* the answer to it was read */
        pass(open_bus(B), &r, server);
        settle();
        ck_assert_uint_eq(n_waiters(), 0);
        ck_assert_int_eq(ports_of("n"), 0);
        end();
}
END_TEST

START_TEST(the_other_end_of_one_who_waits_does_not_serve) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);
        const LxbusRequest registration = request(LXBUS_TYPE_REGISTER, "n", 0);
        int pair[2];

        begin_with_instances();
        make_pair(pair);
        pass(open_bus(A), &r, pair[0]);
        settle();
        pass(open_bus(A), &registration, pair[1]);
        settle();
        ck_assert_int_eq(ports_of("n"), -ENOENT);
        end();
}
END_TEST

START_TEST(a_bus_does_not_wait_in_itself_or_another) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);

        for (int one = HOST; one < PLACES; one++)
                for (int other = HOST; other < PLACES; other++) {
                        int first, second;

                        begin_with_instances();
                        first = open_bus(one);
                        second = open_bus(other);
                        pass(first, &r, second);
                        pass(second, &r, first);
                        settle();
                        ck_assert_uint_eq(n_waiters(), 0);
                        pass(open_bus(one), &r, open_bus(one));
                        first = open_bus(other);
                        pass(first, &r, first);
                        settle();
                        ck_assert_uint_eq(n_waiters(), 0);
                        end();
                }
}
END_TEST

START_TEST(a_ticket_does_not_wait) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);
        int server, ticket;

        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &ticket), 0);
        pass(open_bus(A), &r, ticket);
        settle();
        ck_assert_uint_eq(n_waiters(), 0);
        end();
}
END_TEST

START_TEST(an_end_that_waits_twice_is_gone_with_its_other_end) {
        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);
        int pair[2], bus;

        begin_with_instances();
        bus = open_bus(A);
        make_pair(pair);
        pass(bus, &r, pair[0]);
        pass(bus, &r, pair[0]);
        settle();
        ck_assert_uint_eq(n_waiters(), 2);
        drop(pair[0]);
        drop(pair[1]);
        settle();
        ck_assert_uint_eq(n_waiters(), 0);
        end();
}
END_TEST

/* ---- in which turn ---- */

/* Those who wait are connected in the order in which they are given. */
static void assert_order(int server, const int *waiting, size_t n) {
        Answer answer;

        for (size_t i = 0; i < n; i++) {
                int port = take(server);

                ck_assert_int_ge(port, 0);
                ck_assert_int_eq(hear(waiting[i], LXBUS_TYPE_REPLY, &answer), 0);
                assert_connected(waiting[i], port);
        }
}

START_TEST(who_waits_for_a_registration_is_served_in_turn_whatever_the_side) {
        int buses[PLACES], waiting[30], server;

        begin_with_instances();
        for (int i = HOST; i < PLACES; i++)
                buses[i] = open_bus(i);
        for (size_t i = 0; i < ELEMENTSOF(waiting); i++)
                ck_assert_int_eq(reach(buses[i * 7 % PLACES], "later", "", LXBUS_REQUEST_WAIT, &waiting[i]), -EAGAIN);
        ck_assert_int_eq(serve(open_bus(HOST), "later", LXBUS_SCOPE_ALL, &server), 0);
        assert_order(server, waiting, ELEMENTSOF(waiting));
        ck_assert_uint_eq(g_hash_table_size(broker->awaited), 0);
        end();
}
END_TEST

/* It asks before lxssd has come round to those who wait. */
START_TEST(a_newcomer_overtakes_nobody) {
        LxbusRequest registration = request(LXBUS_TYPE_REGISTER, "later", 0);
        const LxbusRequest connection = request(LXBUS_TYPE_CONNECT, "later", 0);
        const LxbusRequest patient = request(LXBUS_TYPE_CONNECT, "later", LXBUS_REQUEST_WAIT);
        int waiting[4], server, hasty, newcomer;
        Answer answer;

        begin_with_instances();
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(reach(open_bus(A), "later", "", LXBUS_REQUEST_WAIT, &waiting[i]), -EAGAIN);
        registration.scope = LXBUS_SCOPE_ALL;
        newcomer = open_bus(B);
        server = submit(open_bus(HOST), &registration);
        hasty = submit(newcomer, &connection);
        waiting[3] = submit(newcomer, &patient);
        ck_assert_int_eq(hear(server, LXBUS_TYPE_REPLY, &answer), 0);
        /* Whichever of the two sides was heard first, none of it comes before those three. */
        assert_order(server, waiting, 4);
        ck_assert_int_lt(hear(hasty, LXBUS_TYPE_REPLY, &answer), 0);
        end();
}
END_TEST

/* Connects until there is no room. */
static unsigned fill(int bus, const char *name) {
        unsigned n = 0;
        int port;

        while (reach(bus, name, "", 0, &port) == 0)
                n++;
        return n;
}

START_TEST(who_does_not_wait_gets_no_room_that_others_wait_for) {
        int server, bus, waiting, port;
        unsigned n;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(HOST), "busy", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(A);
        n = fill(bus, "busy");
        ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        /* Room comes, and the newcomer, before lxssd has looked. */
        for (unsigned i = 0; i < n; i++) {
                char packet[512];
                int fds[2];
                size_t n_fds;

                ck_assert_int_gt(fd_socket_receive(server, packet, sizeof(packet), fds, 2, &n_fds), 0);
                for (size_t k = 0; k < n_fds; k++)
                        ck_assert_int_eq(close(fds[k]), 0);
        }
        ck_assert_int_eq(reach(open_bus(B), "busy", "", LXBUS_REQUEST_WAIT, &port), 0);
        assert_order(server, (const int[]){ waiting }, 1);
        assert_connected(port, take(server));
        end();
}
END_TEST

START_TEST(who_waited_for_a_server_that_went_keeps_the_turn) {
        int server, waiting[4], bus;

        begin_with_instances();
        bus = open_bus(A);
        ck_assert_int_eq(serve(open_bus(B), "busy", LXBUS_SCOPE_ALL, &server), 0);
        (void)fill(bus, "busy");
        ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting[0]), -EAGAIN);
        ck_assert_int_eq(reach(bus, "busy", LXBUS_WHERE_HOST, LXBUS_REQUEST_WAIT, &waiting[1]), -EAGAIN);
        ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting[2]), -EAGAIN);
        ck_assert_int_eq(reach(open_bus(B), "busy", LXBUS_WHERE_HOST, LXBUS_REQUEST_WAIT, &waiting[3]), -EAGAIN);
        drop(server);
        settle();
        ck_assert_int_eq(serve(open_bus(HOST), "busy", LXBUS_SCOPE_ALL, &server), 0);
        assert_order(server, waiting, 4);
        end();
}
END_TEST

/* Two of three servers of a name go; nobody who waited was of the second one's. */
START_TEST(who_waits_is_served_when_a_name_becomes_unique) {
        int servers[2], first, bus, waiting;
        Answer answer;

        begin();
        add_instance(A, BUS_REACH_ALL);
        add_instance(B, BUS_REACH_ALL);
        bus = open_bus(HOST);
        ck_assert_int_eq(serve(bus, "n", LXBUS_SCOPE_ALL, &first), 0);
        (void)fill(bus, "n");
        ck_assert_int_eq(reach(bus, "n", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &servers[0]), 0);
        ck_assert_int_eq(serve(open_bus(B), "n", LXBUS_SCOPE_ALL, &servers[1]), 0);
        drop(first);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
        drop(servers[0]);
        settle();
        assert_order(servers[1], &waiting, 1);
        end();
}
END_TEST

/* ---- half closed ---- */

START_TEST(a_server_that_reads_no_more_keeps_no_client_and_leaves_its_name) {
        int server, port;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(shutdown(server, SHUT_RD), 0);
        for (int i = 0; i < 3; i++) { /* it could have gone a moment later */
                ck_assert_int_eq(reach(open_bus(B), "n", "", 0, &port), 0);
                ck_assert_int_eq(recv(port, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
        }
        ck_assert_int_eq(ports_of("n"), 0);
        ck_assert_int_eq(shutdown(server, SHUT_WR), 0);
        settle();
        ck_assert_int_eq(ports_of("n"), -ENOENT);
        end();
}
END_TEST

START_TEST(one_who_waits_and_reads_no_more_gives_way_to_the_next) {
        int server, waiting[3], bus;

        begin_with_instances();
        bus = open_bus(A);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(reach(bus, "later", "", LXBUS_REQUEST_WAIT, &waiting[i]), -EAGAIN);
        ck_assert_int_eq(shutdown(waiting[0], SHUT_RD), 0);
        ck_assert_int_eq(shutdown(waiting[1], SHUT_WR), 0);
        settle();
        ck_assert_int_eq(serve(open_bus(B), "later", LXBUS_SCOPE_ALL, &server), 0);
        assert_order(server, &waiting[2], 1);
        ck_assert_uint_eq(n_waiters(), 0);
        ck_assert_int_eq(take(server), -EAGAIN);
        end();
}
END_TEST

START_TEST(a_bus_that_writes_no_more_is_closed_and_what_it_asked_for_stays) {
        int bus, server, port, waiting;
        Answer answer;

        begin_with_instances();
        bus = open_bus(A);
        ck_assert_int_eq(serve(bus, "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(reach(bus, "later", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        ck_assert_int_eq(shutdown(bus, SHUT_WR), 0);
        settle();
        ck_assert_uint_eq(g_hash_table_size(sides[A]->channels), 0);
        ck_assert_int_eq(reach(open_bus(B), "n", "", 0, &port), 0);
        assert_connected(port, take(server));
        ck_assert_int_eq(serve(open_bus(B), "later", LXBUS_SCOPE_ALL, &port), 0);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), 0);
        assert_connected(waiting, take(port));
        end();
}
END_TEST

/* ---- very many ports ---- */

static void connect_many(int bus, const char *name, int server, int *ports, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const LxbusRequest r = request(LXBUS_TYPE_CONNECT, name, 0);
                Answer answer;

                ports[i] = submit(bus, &r);
                ck_assert_int_eq(hear(ports[i], LXBUS_TYPE_REPLY, &answer), 0);
                for (size_t k = 0; k < answer.n_fds; k++)
                        drop(answer.fds[k]);
                ck_assert_int_eq(hear(server, LXBUS_TYPE_CONNECTION, &answer), 0);
                for (size_t k = 0; k < answer.n_fds; k++)
                        drop(answer.fds[k]); /* the end, too: this one side is as good as both */
        }
}

static Server *server_called(const char *name) {
        return g_hash_table_lookup(sides[A]->names, name);
}

/* Ends that nobody has open any more, of which lxssd does not know before it looks. */
START_TEST(what_a_list_counts_is_rationed_and_everybody_has_a_turn) {
        enum { FEW = 3 };
        int servers[4], ports[FEW], bus;

        begin_with_instances();
        bus = open_bus(A);
        for (int i = 0; i < 4; i++) {
                const char name[] = { (char)('k' + i), 0 };

                ck_assert_int_eq(serve(bus, name, LXBUS_SCOPE_ALL, &servers[i]), 0);
                connect_many(bus, name, servers[i], ports, FEW);
        }
        server_called("k")->n_counted = BROKER_PORTS_LOOK + 1;
        server_called("l")->n_counted = BROKER_PORTS_LOOK * 2;
        server_called("m")->n_counted = BROKER_PORTS_LOOK - 200; /* both of these fit */
        server_called("n")->n_counted = 100;
        broker->look_after = INT64_MAX;
        ck_assert_int_eq(ports_of("m"), 0);
        ck_assert_int_eq(ports_of("k"), BROKER_PORTS_LOOK + 1); /* the last number */
        ck_assert_int_eq(ports_of("l"), BROKER_PORTS_LOOK * 2);
        ck_assert_int_eq(ports_of("n"), 0);
        broker->look_after = 0;
        ck_assert_int_eq(ports_of("k") == 0, ports_of("l") != 0); /* one */
        ck_assert_int_gt(broker->look_after, 0);
        broker->look_after = 0;
        ck_assert_int_eq(ports_of("k") + ports_of("l"), 0); /* and then the other */
        end();
}
END_TEST

/* As many again, as if they had come at once: it has had its turn. */
START_TEST(what_does_not_fit_into_one_list_is_counted_by_the_next) {
        static const char *const names[] = { "k", "l", "m" };
        int server, port, bus, looks[3] = { 0 };

        begin_with_instances();
        bus = open_bus(A);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(serve(bus, names[i], LXBUS_SCOPE_ALL, &server), 0);
                connect_many(bus, names[i], server, &port, 1);
                server_called(names[i])->n_counted = BROKER_PORTS_LOOK - 50;
        }
        for (int list = 1; list <= 6; list++) {
                g_array_unref(broker_list(broker));
                for (int i = 0; i < 3; i++)
                        if (server_called(names[i])->n_counted == 0) {
                                looks[i]++;
                                server_called(names[i])->n_counted = BROKER_PORTS_LOOK - 50;
                        }
                ck_assert_int_eq(looks[0] + looks[1] + looks[2], list);
        }
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(looks[i], 2);
        end();
}
END_TEST

/* As GetManagedObjects reads them. */
START_TEST(properties_of_one_turn_share_what_may_be_counted) {
        static const char *const names[] = { "k", "l", "m" };
        int server, port, bus, looks = 0;

        begin_with_instances();
        bus = open_bus(A);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(serve(bus, names[i], LXBUS_SCOPE_ALL, &server), 0);
                connect_many(bus, names[i], server, &port, 1);
                server_called(names[i])->n_counted = BROKER_PORTS_LOOK - 50;
        }
        broker->look_turn = 0; /* whichever turn that was */
        for (int i = 0; i < 3; i++)
                looks += broker_count_ports(server_called(names[i])) == 0;
        ck_assert_int_eq(looks, 1);
        end();
}
END_TEST

int main(void) {
        return RUN_TESTS("broker-waiting", properties_of_one_turn_share_what_may_be_counted,
                         both_ends_do_not_wait_whatever_bus_they_come_through,
                         the_other_end_of_a_server_does_not_wait, the_other_end_of_one_who_waits_does_not_serve,
                         a_bus_does_not_wait_in_itself_or_another, a_ticket_does_not_wait,
                         an_end_that_waits_twice_is_gone_with_its_other_end,
                         who_waits_for_a_registration_is_served_in_turn_whatever_the_side, a_newcomer_overtakes_nobody,
                         who_does_not_wait_gets_no_room_that_others_wait_for,
                         who_waited_for_a_server_that_went_keeps_the_turn,
                         who_waits_is_served_when_a_name_becomes_unique,
                         a_server_that_reads_no_more_keeps_no_client_and_leaves_its_name,
                         one_who_waits_and_reads_no_more_gives_way_to_the_next,
                         a_bus_that_writes_no_more_is_closed_and_what_it_asked_for_stays,
                         what_a_list_counts_is_rationed_and_everybody_has_a_turn,
                         what_does_not_fit_into_one_list_is_counted_by_the_next);
}
