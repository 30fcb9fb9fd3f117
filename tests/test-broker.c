/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who serves, who may connect, who waits, and what each is told of the other. */

#include <sys/stat.h>

#include "tests/broker-fixture.h"

/* ---- who sees whom ---- */

START_TEST(a_server_and_a_client_meet_and_lxssd_is_out) {
        int server, port, there;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(HOST), "name", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(reach(open_bus(A), "name", "", 0, &port), 0);
        there = take(server);
        assert_connected(port, there);
        assert_connected(there, port);
        broker_shut_down(broker);
        ck_assert_int_eq(take(server), -EPIPE);
        assert_connected(port, there);
        end();
}
END_TEST

/* So who cannot send descriptors asks for all that there is. */
START_TEST(a_bus_may_be_the_end_itself) {
        for (int place = HOST; place <= A; place++) {
                LxbusRequest serve_it = request(LXBUS_TYPE_REGISTER, "name", 0);
                int server, port, there, asking;
                Answer answer;

                begin_with_instances();
                serve_it.scope = LXBUS_SCOPE_ALL;
                submit_here(server = open_bus(place), serve_it);
                ck_assert_int_eq(hear(server, LXBUS_TYPE_REPLY, &answer), 0);
                submit_here(port = open_bus(place), request(LXBUS_TYPE_CONNECT, "name", 0));
                ck_assert_int_eq(hear(port, LXBUS_TYPE_REPLY, &answer), 0);
                there = take(server);
                assert_connected(port, there);
                assert_connected(there, port);
                ck_assert_int_eq(fcntl(there, F_GETFL) & O_NONBLOCK, 0);
                submit_here(asking = open_bus(place), request(LXBUS_TYPE_LIST, "", 0));
                ck_assert_int_eq(hear(asking, LXBUS_TYPE_REPLY, &answer), 0);
                ck_assert_uint_eq(answer.n_fds, 1);
                ck_assert_int_eq(hear(asking, LXBUS_TYPE_REPLY, &answer), -EPIPE); /* it was for that alone */
                submit_here(asking = open_bus(place), request(LXBUS_TYPE_CONNECT, "nobody", 0));
                ck_assert_int_eq(hear(asking, LXBUS_TYPE_REPLY, &answer), -ENOENT);
                submit_here(asking = open_bus(place), request(LXBUS_TYPE_CONNECT, "later", LXBUS_REQUEST_WAIT));
                ck_assert_int_eq(hear(asking, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
                ck_assert_uint_eq(g_hash_table_size(sides[place] ? sides[place]->channels : broker->host->channels), 0);
                ck_assert_int_eq(serve(open_bus(B), "later", LXBUS_SCOPE_ALL, &server), 0);
                ck_assert_int_eq(hear(asking, LXBUS_TYPE_REPLY, &answer), 0);
                assert_connected(asking, take(server));
                end();
        }
}
END_TEST

static bool should_see(int server, LxbusScope scope, int viewer, const BusReach reaches[PLACES]) {
        if (reaches[viewer] == BUS_REACH_NONE)
                return false;
        if (server == viewer)
                return true;
        if (reaches[server] != BUS_REACH_ALL || reaches[viewer] != BUS_REACH_ALL)
                return false;
        return viewer == HOST ? scope >= LXBUS_SCOPE_HOST : scope == LXBUS_SCOPE_ALL;
}

static int should_register(LxbusScope scope, BusReach reach) {
        return reach == BUS_REACH_NONE || (reach == BUS_REACH_INSTANCE && scope != LXBUS_SCOPE_OWN) ? -EACCES : 0;
}

static unsigned listed_for(int viewer) {
        const LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        struct stat st = { 0 };
        Answer answer;
        int to;

        ck_assert_int_eq(ask(open_bus(viewer), &list, &to, &answer), 0);
        ck_assert_int_eq(fstat(answer.fds[0], &st), 0);
        ck_assert_int_eq(fcntl(answer.fds[0], F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
        return (unsigned)(st.st_size / sizeof(LxbusEntry));
}

static void check_combination(int server, LxbusScope scope, const BusReach reaches[PLACES]) {
        int registered, port, r;

        begin();
        for (int i = A; i < PLACES; i++)
                add_instance(i, reaches[i]);
        r = serve(open_bus(server), "name", scope, &registered);
        ck_assert_int_eq(r, should_register(scope, reaches[server]));
        for (int viewer = HOST; r == 0 && viewer < PLACES; viewer++) {
                bool sees = should_see(server, scope, viewer, reaches);
                int refusal = reaches[viewer] == BUS_REACH_NONE ? -EACCES : -ENOENT;

                ck_assert_msg(reach(open_bus(viewer), "name", "", 0, &port) == (sees ? 0 : refusal),
                              "server %d scope %d viewer %d reaches %d %d", server, (int)scope, viewer,
                              (int)reaches[A], (int)reaches[B]);
                if (reaches[viewer] != BUS_REACH_NONE)
                        ck_assert_uint_eq(listed_for(viewer), viewer == HOST || sees);
        }
        end();
}

START_TEST(a_server_is_seen_as_far_as_it_and_both_settings_say) {
        for (int server = HOST; server < B; server++)
                for (LxbusScope scope = 0; scope < LXBUS_SCOPE_MAX; scope++)
                        for (BusReach a = 0; a <= BUS_REACH_NONE; a++)
                                for (BusReach b = 0; b <= BUS_REACH_NONE; b++)
                                        check_combination(server, scope, (const BusReach[]){ BUS_REACH_ALL, a, b });
}
END_TEST

START_TEST(the_nearest_server_of_a_name_is_meant) {
        int on[PLACES], port, bus_a, bus_b;

        begin_with_instances();
        bus_a = open_bus(A);
        bus_b = open_bus(B);
        ck_assert_int_eq(serve(bus_b, "n", LXBUS_SCOPE_ALL, &on[B]), 0);
        ck_assert_int_eq(reach(bus_a, "n", "", 0, &port), 0);
        ck_assert_int_ge(take(on[B]), 0); /* the only one */
        ck_assert_int_eq(serve(open_bus(HOST), "n", LXBUS_SCOPE_ALL, &on[HOST]), 0);
        ck_assert_int_eq(reach(bus_a, "n", "", 0, &port), 0);
        ck_assert_int_ge(take(on[HOST]), 0); /* the host before another instance */
        ck_assert_int_eq(serve(bus_a, "n", LXBUS_SCOPE_ALL, &on[A]), 0);
        ck_assert_int_eq(reach(bus_a, "n", "", 0, &port), 0);
        ck_assert_int_ge(take(on[A]), 0); /* the own side before the host */
        ck_assert_int_eq(reach(bus_a, "n", "B", 0, &port), 0);
        ck_assert_int_ge(take(on[B]), 0);
        ck_assert_int_eq(reach(bus_a, "n", LXBUS_WHERE_HOST, 0, &port), 0);
        ck_assert_int_ge(take(on[HOST]), 0);
        ck_assert_int_eq(reach(bus_a, "n", "nowhere", 0, &port), -ENOENT);
        drop(on[HOST]);
        settle();
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), -ENOTUNIQ);
        ck_assert_int_eq(reach(open_bus(HOST), "n", "A", 0, &port), 0);
        end();
}
END_TEST

START_TEST(a_name_is_taken_once_on_each_side_and_free_again) {
        int server, other;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_OWN, &other), -EADDRINUSE);
        ck_assert_int_eq(serve(open_bus(B), "n", LXBUS_SCOPE_ALL, &other), 0);
        ck_assert_int_eq(serve(open_bus(A), "N", LXBUS_SCOPE_ALL, &other), 0);
        drop(server);
        settle();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0);
        end();
}
END_TEST

START_TEST(a_server_is_told_of_once_and_found_by_its_id_until_it_goes) {
        int one, other, port;
        LxbusEntry entry;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_HOST, &one), 0);
        ck_assert_uint_eq(n_told, 1);
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &other), -EADDRINUSE);
        ck_assert_uint_eq(n_told, 1);
        ck_assert_int_eq(reach(open_bus(HOST), "n", "", 0, &port), 0);
        entry = broker_describe(broker_find_server(broker, last_added));
        ck_assert_str_eq(entry.name, "n");
        ck_assert_str_eq(entry.identity.instance, "A");
        ck_assert_uint_eq(entry.scope, LXBUS_SCOPE_HOST);
        ck_assert_uint_eq(broker_count_ports(broker_find_server(broker, last_added)), 1);
        drop(one);
        settle();
        ck_assert_uint_eq(last_removed, last_added);
        ck_assert_ptr_null(broker_find_server(broker, last_added));
        ck_assert_int_eq(serve(open_bus(HOST), "n", LXBUS_SCOPE_ALL, &one), 0);
        ck_assert_uint_gt(last_added, last_removed);
        end();
}
END_TEST

START_TEST(ids_are_listed_in_the_order_in_which_servers_came) {
        int server[3], first;
        GArray *ids;

        begin_with_instances();
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(serve(open_bus(i), "n", LXBUS_SCOPE_ALL, &server[i]), 0);
        drop(server[0]);
        settle();
        ids = broker_list_ids(broker);
        first = (int)g_array_index(ids, uint64_t, 0);
        ck_assert_uint_eq(ids->len, 2);
        ck_assert_int_eq(first, 2);
        ck_assert_uint_eq(g_array_index(ids, uint64_t, 1), 3);
        g_array_unref(ids);
        end_instance(B);
        ck_assert_uint_eq(last_removed, 3);
        end();
}
END_TEST

/* ---- who is who ---- */

static void assert_identity(const LxbusIdentity *identity, int of, int viewer) {
        ck_assert_str_eq(identity->instance, of == HOST ? "" : of == A ? "A" : "B");
        ck_assert_uint_eq(identity->host_uid, getuid());
        ck_assert_int_eq(identity->pid, viewer == HOST ? getpid() : 0);
}

START_TEST(pidfds_go_to_the_host_and_within_an_instance_only) {
        if (!has_pidfds())
                return;

        for (int server = HOST; server < PLACES; server++)
                for (int client = HOST; client < PLACES; client++) {
                        const LxbusRequest r = request(LXBUS_TYPE_CONNECT, "n", 0);
                        int end_of_server, port;
                        Answer answer;

                        begin_with_instances();
                        ck_assert_int_eq(serve(open_bus(server), "n", LXBUS_SCOPE_ALL, &end_of_server), 0);
                        ck_assert_int_eq(ask(open_bus(client), &r, &port, &answer), 0);
                        assert_identity(&answer.reply.identity, server, client);
                        ck_assert_uint_eq(answer.n_fds, client == HOST || client == server);
                        ck_assert_int_eq(hear(end_of_server, LXBUS_TYPE_CONNECTION, &answer), 0);
                        assert_identity(&answer.reply.identity, client, server);
                        ck_assert_uint_eq(answer.n_fds, 1u + (server == HOST || server == client));
                        end();
                }
}
END_TEST

START_TEST(a_user_is_told_as_his_own_side_knows_him) {
        const IdMap map = { .ranges = { { 0, 100000, 1000 }, { 1000, 500, 1 } }, .n_ranges = 2 };
        static const struct {
                uid_t outside, inside;
        } users[] = { { 100000, 0 }, { 100999, 999 }, { 101000, 65534 }, { 500, 1000 }, { 501, 65534 }, { 0, 65534 } };

        begin_with_instances();
        sides[A]->uids = map;
        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                Party party = broker_party_new(sides[A], users[i].outside, 7, -EBADF);

                ck_assert_uint_eq(party.identity.uid, users[i].inside);
                ck_assert_uint_eq(party.identity.host_uid, users[i].outside);
                ck_assert_str_eq(party.identity.instance, "A");
        }
        end();
}
END_TEST

START_TEST(the_map_of_users_is_that_of_the_leader) {
        IdMap map;

        begin_with_instances();
        ck_assert_int_eq(broker_load_uids(leaders[A], &map), 0);
        ck_assert_uint_ge(map.n_ranges, 1);
        ck_assert_int_lt(broker_load_uids(0x7fffffff, &map), 0);
        end();
}
END_TEST

/* ---- waiting ---- */

START_TEST(who_waits_is_let_in_by_the_registration) {
        int waiting, limited, server;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(reach(open_bus(A), "later", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        ck_assert_int_eq(reach(open_bus(A), "later", "B", LXBUS_REQUEST_WAIT, &limited), -EAGAIN);
        ck_assert_int_eq(serve(open_bus(HOST), "later", LXBUS_SCOPE_OWN, &server), 0); /* none that A may see */
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
        drop(server);
        settle();
        ck_assert_int_eq(serve(open_bus(HOST), "later", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), 0);
        assert_connected(waiting, take(server));
        ck_assert_int_eq(hear(limited, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
        ck_assert_int_eq(serve(open_bus(B), "later", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(hear(limited, LXBUS_TYPE_REPLY, &answer), 0);
        assert_connected(limited, take(server));
        end();
}
END_TEST

/* Connects until there is no room. */
static unsigned fill(int bus, const char *name) {
        unsigned n = 0;
        int port, r;

        while ((r = reach(bus, name, "", 0, &port)) == 0)
                n++;
        ck_assert_int_eq(r, -EAGAIN);
        return n;
}

START_TEST(who_waits_for_room_gets_it_in_turn) {
        int server, bus, waiting[3], port;
        unsigned n;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(HOST), "busy", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(A);
        n = fill(bus, "busy");
        ck_assert_uint_ge(n, 32);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting[i]), -EAGAIN);
        for (unsigned i = 0; i < n; i++)
                ck_assert_int_ge(take(server), 0);
        for (int i = 0; i < 3; i++) {
                port = take(server);
                ck_assert_int_eq(hear(waiting[i], LXBUS_TYPE_REPLY, &answer), 0);
                assert_connected(waiting[i], port);
        }
        ck_assert_int_eq(reach(bus, "busy", "", 0, &port), 0);
        end();
}
END_TEST

START_TEST(closing_is_giving_up) {
        int server, bus, waiting[3], port;
        unsigned n;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(HOST), "busy", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(A);
        n = fill(bus, "busy");
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting[i]), -EAGAIN);
        drop(waiting[0]);
        drop(waiting[1]);
        settle();
        ck_assert_uint_eq(g_hash_table_size(sides[A]->waiters), 1);
        for (unsigned i = 0; i < n; i++)
                ck_assert_int_ge(take(server), 0);
        port = take(server);
        ck_assert_int_eq(hear(waiting[2], LXBUS_TYPE_REPLY, &answer), 0);
        assert_connected(waiting[2], port);
        ck_assert_int_eq(take(server), -EAGAIN);
        end();
}
END_TEST

START_TEST(who_waits_for_a_server_that_goes_waits_for_the_next) {
        int server, bus, waiting;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(B), "busy", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(A);
        (void)fill(bus, "busy");
        ck_assert_int_eq(reach(bus, "busy", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        drop(server);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
        ck_assert_int_eq(serve(open_bus(B), "busy", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), 0);
        assert_connected(waiting, take(server));
        end();
}
END_TEST

START_TEST(an_instance_that_ends_takes_all_of_its_own_with_it) {
        int server, bus, waiting, unnamed, ticket, port, there;
        Answer answer;

        begin_with_instances();
        bus = open_bus(A);
        ck_assert_int_eq(serve(bus, "n", LXBUS_SCOPE_ALL, &server), 0);
        ck_assert_int_eq(serve_unnamed(bus, &unnamed, &ticket), 0);
        ck_assert_int_eq(reach(open_bus(B), "n", "", 0, &port), 0);
        there = take(server);
        ck_assert_int_eq(reach(bus, "nobody", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        (void)fill(open_bus(B), "n");
        end_instance(A);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), -EPIPE);
        while (take(server) >= 0)
                ;
        ck_assert_int_eq(take(server), -EPIPE);
        ck_assert_int_eq(take(unnamed), -EPIPE);
        ck_assert_int_eq(reach(ticket, "", "", 0, &waiting), -EPIPE);
        assert_connected(port, there);
        end();
}
END_TEST

/* ---- unnamed servers ---- */

START_TEST(who_has_a_ticket_connects_and_nothing_else) {
        if (!has_pidfds())
                return;

        const LxbusRequest wrong[] = { request(LXBUS_TYPE_LIST, "", 0), request(LXBUS_TYPE_CONNECT, "n", 0),
                                       request(LXBUS_TYPE_REGISTER, "n", 0),
                                       request(LXBUS_TYPE_REGISTER, "", LXBUS_REQUEST_UNNAMED) };
        int server, ticket, port, there, end_of;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &ticket), 0);
        ck_assert_int_ge(ticket, 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_int_eq(ask(ticket, &wrong[i], &end_of, &answer), -EINVAL);
        ck_assert_int_eq(reach(ticket, "", "A", 0, &port), -EINVAL);
        ck_assert_int_eq(reach(ticket, "", "", 0, &port), 0);
        there = take(server);
        drop(ticket);
        settle();
        assert_connected(port, there);
        ck_assert_uint_eq(g_hash_table_size(sides[A]->servers), 1); /* it serves those who are connected */
        end();
}
END_TEST

START_TEST(a_ticket_works_for_a_host_that_was_never_on_the_bus) {
        if (!has_pidfds())
                return;

        int server, ticket, port;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &ticket), 0);
        ck_assert_ptr_null(broker->host);
        ck_assert_int_eq(reach(ticket, "", "", 0, &port), 0);
        ck_assert_int_eq(hear(server, LXBUS_TYPE_CONNECTION, &answer), 0);
        ck_assert_str_eq(answer.reply.identity.instance, "");
        ck_assert_uint_eq(answer.reply.identity.host_uid, geteuid());
        end();
}
END_TEST

START_TEST(a_ticket_to_a_server_that_goes_is_refused) {
        if (!has_pidfds())
                return;

        int server, ticket, waiting, port;
        Answer answer;

        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &ticket), 0);
        while (reach(ticket, "", "", 0, &port) == 0)
                ;
        ck_assert_int_eq(reach(ticket, "", "", LXBUS_REQUEST_WAIT, &waiting), -EAGAIN);
        drop(server);
        ck_assert_int_eq(hear(waiting, LXBUS_TYPE_REPLY, &answer), -ECONNREFUSED);
        ck_assert_int_eq(reach(ticket, "", "", 0, &port), -EPIPE);
        end();
}
END_TEST

START_TEST(a_process_belongs_to_the_side_that_its_ancestors_lead_to) {
        if (!has_pidfds())
                return;

        Party party;

        begin_with_instances();
        ck_assert_int_eq(broker_party_of_process(broker, leaders[A], &party), 0);
        ck_assert_ptr_eq(party.side, sides[A]);
        broker_party_clear(&party);
        ck_assert_int_eq(broker_party_of_process(broker, leaders[B], &party), 0);
        ck_assert_ptr_eq(party.side, sides[B]);
        broker_party_clear(&party);
        ck_assert_int_eq(broker_party_of_process(broker, getpid(), &party), 0);
        ck_assert_ptr_eq(party.side, broker->host);
        broker_party_clear(&party);
        ck_assert_int_eq(broker_party_of_process(broker, 0, &party), -ESRCH);
        ck_assert_int_eq(kill(leaders[A], SIGKILL), 0);
        ck_assert_int_eq(waitid(P_PID, leaders[A], &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(broker_party_of_process(broker, leaders[A], &party), -ESRCH); /* a zombie sends nothing */
        end();
}
END_TEST

/* ---- ports that are open ---- */

START_TEST(open_ports_are_counted_exactly_whatever_closes_when) {
        int ours[40], theirs[40], server, bus;

        begin_with_instances();
        ck_assert_int_eq(serve(open_bus(A), "n", LXBUS_SCOPE_ALL, &server), 0);
        bus = open_bus(HOST);
        for (int i = 0; i < 40; i++) {
                ck_assert_int_eq(reach(bus, "n", "", 0, &ours[i]), 0);
                ck_assert_int_eq(ports_of("n"), i + 1); /* those that wait, too */
                theirs[i] = take(server);
                ck_assert_int_eq(ports_of("n"), i + 1);
        }
        for (int i = 0; i < 40; i++) {
                int k = i * 17 % 40, copy = dup(theirs[k]);

                if (i % 3 == 0)
                        drop(ours[k]);
                drop(theirs[k]);
                ck_assert_int_eq(ports_of("n"), 40 - i);
                ck_assert_int_eq(close(copy), 0);
                ck_assert_int_eq(ports_of("n"), 40 - i - 1);
        }
        end();
}
END_TEST

int main(void) {
        return RUN_TESTS(
                        "broker", a_server_and_a_client_meet_and_lxssd_is_out, a_bus_may_be_the_end_itself,
                        a_server_is_seen_as_far_as_it_and_both_settings_say, the_nearest_server_of_a_name_is_meant,
                        a_name_is_taken_once_on_each_side_and_free_again,
                        a_server_is_told_of_once_and_found_by_its_id_until_it_goes,
                        ids_are_listed_in_the_order_in_which_servers_came,
                        pidfds_go_to_the_host_and_within_an_instance_only, a_user_is_told_as_his_own_side_knows_him,
                        the_map_of_users_is_that_of_the_leader, who_waits_is_let_in_by_the_registration,
                        who_waits_for_room_gets_it_in_turn, closing_is_giving_up,
                        who_waits_for_a_server_that_goes_waits_for_the_next,
                        an_instance_that_ends_takes_all_of_its_own_with_it, who_has_a_ticket_connects_and_nothing_else,
                        a_ticket_works_for_a_host_that_was_never_on_the_bus, a_ticket_to_a_server_that_goes_is_refused,
                        a_process_belongs_to_the_side_that_its_ancestors_lead_to,
                        open_ports_are_counted_exactly_whatever_closes_when);
}
