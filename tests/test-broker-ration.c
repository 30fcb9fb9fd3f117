/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who asks without a pause: alone it is answered as fast as can be, beside others at a steady rate. */

#include "tests/broker-fixture.h"

/* More than a burst. */
#define MANY 600

/* Without waiting for anybody's turn. */
static void run_now(void) {
        while (sd_event_run(event, 0) > 0)
                ;
}

/* Whether the answer comes at once. */
static bool ask_now(int bus) {
        const LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        int end_of = submit(bus, &list);
        bool answered;

        ck_assert_int_ge(end_of, 0);
        run_now();
        answered = recv(end_of, &(char){ 0 }, 1, MSG_DONTWAIT) == 1;
        drop(end_of);
        return answered;
}

/* How many are answered until one is not. */
static int ask_often(int bus) {
        int answered = 0;

        while (answered < MANY && ask_now(bus))
                answered++;
        return answered;
}

static Ration *ration_at(int place) {
        Ration *ration = place == HOST ? g_hash_table_lookup(broker->rations, &(uid_t){ getuid() }) : &sides[place]->ration;

        ck_assert_ptr_nonnull(ration);
        return ration;
}

static unsigned n_held(int place) {
        return ration_at(place)->held.length;
}

/* As if very much had been asked from there, for a minute to come, beside others; or long ago, and now it is its
 * turn. However slow this test is. */
static void use_up(int place) {
        broker_heed_others(broker);
        ration_at(place)->due = broker->others_until = g_get_monotonic_time() + G_TIME_SPAN_MINUTE;
}

static void give_back(int place) {
        Ration *ration = ration_at(place);

        ration->due = 0;
        if (ration->timer)
                ck_assert_int_ge(sd_event_source_set_time(ration->timer, 0), 0);
}

START_TEST(alone_everybody_asks_as_fast_as_we_answer) {
        for (int place = HOST; place < PLACES; place++) {
                int bus;

                begin_with_instances();
                bus = open_bus(place);
                ck_assert_int_eq(ask_often(bus), MANY);
                ck_assert(!someone_is_held());
                end();
        }
}
END_TEST

START_TEST(beside_others_a_burst_is_free_and_then_there_are_pauses) {
        for (int place = HOST; place < PLACES; place++) {
                gint64 start = g_get_monotonic_time();
                int flood, calm, answered;

                begin_with_instances();
                flood = open_bus(place);
                calm = open_bus(place == A ? B : A);
                ck_assert(ask_now(calm));
                answered = ask_often(flood);
                if (g_get_monotonic_time() - start < answered * G_TIME_SPAN_MILLISECOND / 2) /* else nothing is a flood here */
                        ck_assert_int_lt(answered, MANY);
                ck_assert_int_gt(answered, 200);
                ck_assert(ask_now(calm));
                end();
        }
}
END_TEST

START_TEST(who_is_held_holds_nobody_else) {
        for (int place = HOST; place < PLACES; place++) {
                int flood, calm;

                begin_with_instances();
                flood = open_bus(place);
                calm = open_bus(place == A ? B : A);
                ck_assert(ask_now(flood));
                use_up(place);
                ck_assert(!ask_now(flood));
                for (int i = 0; i < 100; i++)
                        ck_assert(ask_now(calm));
                ck_assert_uint_eq(n_held(place), 1);
                give_back(place);
                end();
        }
}
END_TEST

START_TEST(those_who_are_held_have_turns_in_their_order) {
        const LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
        int buses[4], ends[4][2];

        begin_with_instances();
        for (size_t i = 0; i < ELEMENTSOF(buses); i++)
                buses[i] = open_bus(HOST);
        ck_assert(ask_now(buses[0]));
        use_up(HOST);
        for (size_t k = 0; k < 2; k++)
                for (size_t i = 0; i < ELEMENTSOF(buses); i++) {
                        ends[i][k] = submit(buses[i], &list);
                        run_now();
                }
        ck_assert_uint_eq(n_held(HOST), ELEMENTSOF(buses));
        for (size_t k = 0; k < 2; k++)
                for (size_t i = 0; i < ELEMENTSOF(buses); i++) {
                        ck_assert_int_lt(recv(ends[i][k], &(char){ 0 }, 1, MSG_DONTWAIT), 0);
                        give_back(HOST);
                        ck_assert_int_gt(sd_event_run(event, 0), 0);
                        use_up(HOST);
                        ck_assert_int_eq(recv(ends[i][k], &(char){ 0 }, 1, MSG_DONTWAIT), 1);
                }
        give_back(HOST);
        end();
}
END_TEST

START_TEST(once_the_others_are_silent_nobody_is_held) {
        int flood;

        begin_with_instances();
        flood = open_bus(A);
        use_up(A);
        ck_assert(!ask_now(flood));
        broker->others_until = g_get_monotonic_time(); /* as a second later */
        ck_assert_int_ge(sd_event_source_set_time(ration_at(A)->timer, 0), 0);
        settle();
        ck_assert_int_eq(ask_often(flood), MANY);
        end();
}
END_TEST

START_TEST(new_buses_are_held_like_old_ones) {
        struct sockaddr_un address;
        int late;

        begin_with_instances();
        address = address_of(A);
        use_up(A);
        late = keep(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        ck_assert_int_eq(connect(late, (const struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert(!ask_now(late));
        ck_assert_uint_eq(g_hash_table_size(sides[A]->channels), 0);
        ck_assert_uint_eq(n_held(A), 1);
        give_back(A);
        settle();
        ck_assert_uint_eq(g_hash_table_size(sides[A]->channels), 1);
        end();
}
END_TEST

START_TEST(a_bus_that_becomes_an_end_is_held_as_a_bus_only) {
        for (int place = HOST; place < PLACES; place++) {
                int before, after;
                Answer answer;

                begin_with_instances();
                before = open_bus(place);
                after = open_bus(place);
                ck_assert(ask_now(before));
                use_up(place);
                submit_here(before, request(LXBUS_TYPE_LIST, "", 0));
                run_now();
                ck_assert_int_lt(recv(before, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
                give_back(place);
                ck_assert_int_eq(hear(before, LXBUS_TYPE_REPLY, &answer), 0);
                broker_heed_others(broker);
                ration_at(place)->due = g_get_monotonic_time() + 255 * G_TIME_SPAN_MILLISECOND - 1; /* this one, and no other */
                submit_here(after, request(LXBUS_TYPE_CONNECT, "n", LXBUS_REQUEST_WAIT));
                run_now();
                ck_assert_uint_eq(n_held(place), 0);
                ck_assert_int_eq(hear(after, LXBUS_TYPE_REPLY, &answer), -EAGAIN);
                end();
        }
}
END_TEST

START_TEST(a_packet_full_of_descriptors_counts_as_many_requests) {
        for (int place = HOST; place < PLACES; place++) {
                LxbusRequest list = request(LXBUS_TYPE_LIST, "", 0);
                struct iovec part = { &list, sizeof(list) };
                int fds[100] = { 0 }, bus;
                gint64 due;

                begin_with_instances();
                bus = open_bus(place);
                ck_assert(ask_now(bus));
                due = ration_at(place)->due;
                ck_assert_int_eq(fd_socket_send_now(bus, &part, 1, fds, ELEMENTSOF(fds)), 0);
                run_now();
                ck_assert_int_ge(ration_at(place)->due - due, 50 * G_TIME_SPAN_MILLISECOND);
                ck_assert_int_eq(recv(bus, &(char){ 0 }, 1, MSG_DONTWAIT), 0); /* it hung up */
                end();
        }
}
END_TEST

/* The owner of an unnamed server does not pay for those to whom it gave the right. This process is the host's. */
START_TEST(a_right_to_connect_is_held_for_who_uses_it) {
        const LxbusRequest connect_it = request(LXBUS_TYPE_CONNECT, "", 0);
        int server, right;

        if (!has_pidfds())
                return;
        begin_with_instances();
        ck_assert_int_eq(serve_unnamed(open_bus(A), &server, &right), 0);
        ck_assert(ask_now(open_bus(HOST)));
        use_up(A);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_ge(submit(right, &connect_it), 0);
                run_now();
                ck_assert_int_ge(take(server), 0);
        }
        use_up(HOST);
        ck_assert_int_ge(submit(right, &connect_it), 0);
        run_now();
        ck_assert_int_eq(recv(server, &(char){ 0 }, 1, MSG_DONTWAIT), 1); /* this one was still heard */
        ck_assert_uint_eq(n_held(HOST), 1);
        ck_assert_uint_eq(n_held(A), 0);
        give_back(A);
        give_back(HOST);
        end();
}
END_TEST

START_TEST(who_is_held_may_go) {
        enum { PROGRAM, INSTANCE, SERVER, EVERYTHING, ENDS };

        if (!has_pidfds())
                return;
        for (int what = 0; what < ENDS; what++) {
                const LxbusRequest wait = request(LXBUS_TYPE_CONNECT, "", LXBUS_REQUEST_WAIT);
                int flood, server, right;

                begin_with_instances();
                flood = open_bus(A);
                ck_assert_int_eq(serve_unnamed(open_bus(B), &server, &right), 0);
                ck_assert(ask_now(open_bus(HOST)));
                use_up(A);
                use_up(HOST);
                ck_assert(!ask_now(flood));
                ck_assert(!ask_now(open_bus(HOST)));
                ck_assert_int_ge(submit(right, &wait), 0); /* a bus of B's, for which the host is held */
                run_now();
                ck_assert_uint_eq(n_held(A), 1);
                ck_assert_uint_eq(n_held(HOST), 2);
                if (what == PROGRAM)
                        drop(flood);
                else if (what == INSTANCE)
                        end_instance(A);
                else if (what == SERVER)
                        drop(server);
                else
                        broker_shut_down(broker);
                if (what != INSTANCE)
                        give_back(A);
                give_back(HOST);
                end();
        }
}
END_TEST

START_TEST(who_waited_and_gave_up_is_let_go_of_at_that_pace) {
        const LxbusRequest wait = request(LXBUS_TYPE_CONNECT, "nobody", LXBUS_REQUEST_WAIT);
        int flood, waiting[10];

        begin_with_instances();
        flood = open_bus(A);
        for (size_t i = 0; i < ELEMENTSOF(waiting); i++)
                waiting[i] = submit(flood, &wait);
        settle();
        use_up(A);
        for (size_t i = 0; i < ELEMENTSOF(waiting); i++)
                drop(waiting[i]);
        run_now();
        ck_assert_uint_eq(g_hash_table_size(sides[A]->waiters), ELEMENTSOF(waiting));
        give_back(A);
        settle();
        ck_assert_uint_eq(g_hash_table_size(sides[A]->waiters), 0);
        end();
}
END_TEST

/* Users of the host come and go; what they asked is forgotten, once it does not matter any more. */
START_TEST(rations_of_users_are_not_kept) {
        Party party = { .pidfd = -EBADF };

        begin_with_instances();
        ck_assert_int_eq(broker_get_host(broker, &party.side), 0);
        for (uid_t uid = 1; uid < 1000; uid++) {
                party.identity.host_uid = uid;
                ck_assert_ptr_eq(broker_ration_of(&party), broker_ration_of(&party));
        }
        ck_assert_uint_le(g_hash_table_size(broker->rations), 1);
        broker_spend(broker_ration_of(&party), 1, NULL);
        broker_ration_of(&party)->due = G_MAXINT64;
        party.identity.host_uid = 1;
        (void)broker_ration_of(&party);
        ck_assert_uint_eq(g_hash_table_size(broker->rations), 2);
        end();
}
END_TEST

int main(void) {
        return RUN_TESTS("broker-ration", alone_everybody_asks_as_fast_as_we_answer,
                         beside_others_a_burst_is_free_and_then_there_are_pauses, who_is_held_holds_nobody_else,
                         those_who_are_held_have_turns_in_their_order, once_the_others_are_silent_nobody_is_held,
                         new_buses_are_held_like_old_ones, a_bus_that_becomes_an_end_is_held_as_a_bus_only,
                         a_packet_full_of_descriptors_counts_as_many_requests,
                         a_right_to_connect_is_held_for_who_uses_it,
                         who_is_held_may_go, who_waited_and_gave_up_is_let_go_of_at_that_pace,
                         rations_of_users_are_not_kept);
}
