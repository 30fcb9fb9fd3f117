/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Without descriptors left, at every place where the library wants one: a documented error, nothing of it stays, and
 * the next one goes on. And peers that have closed one direction. */

#include "tests/bus-fixture.h"
#include "tests/crowd.h"

/* More than anything here takes. */
#define ROOM 10

/* Takes what waits at the server. */
static void drain(void) {
        LxBusPort *port;

        while (lxbus_server_accept(server, 0, &port) == 0)
                lxbus_port_free(port);
}

static int connect_once(void) {
        LxBusPort *port;
        int r = lxbus_connect(bus, "name", NULL, 0, -1, &port);

        if (r == 0)
                lxbus_port_free(port);
        return r;
}

static int register_once(void) {
        LxBusServer *other;
        int r = lxbus_register(bus, "name", LXBUS_VISIBLE_ALL, &other);

        if (r == 0) {
                lxbus_server_free(server);
                server = other;
        }
        return r;
}

static int list_once(void) {
        _cleanup_free_ LxBusEntry *entries = NULL;
        size_t n;

        return lxbus_list(bus, &entries, &n);
}

static int accept_once(void) {
        LxBusPort *port;
        int r = lxbus_server_accept(server, -1, &port);

        if (r == 0)
                lxbus_port_free(port);
        return r;
}

static int send_large(void) {
        static char data[100000];

        return lxbus_port_send(near, data, sizeof(data));
}

static int new_ring(void) {
        LxBusRing *ring;
        int r = lxbus_ring_new(4096, LXBUS_RING_WRITER, &ring);

        if (r == 0)
                lxbus_ring_free(ring);
        return r;
}

/* Returns with how many descriptors it works; with fewer it says so. */
static size_t needs(int (*once)(void)) {
        for (size_t room = 0; room < ROOM; room++) {
                size_t before = count_fds();
                struct rlimit limit;
                int r;

                leave_fds(room, &limit);
                r = once();
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                ck_assert_uint_eq(count_fds(), before);
                if (r == 0)
                        return room;
                ck_assert_int_eq(r, -EMFILE);
        }
        return ROOM;
}

START_TEST(who_has_no_descriptor_for_a_request_is_told_and_tries_again) {
        if (!has_pidfds()) /* nor limits */
                return;
        begin();
        ck_assert_uint_eq(needs(connect_once), 2);
        drain();
        ck_assert_uint_eq(needs(list_once), 2);
        ck_assert_uint_eq(needs(register_once), 2);
        ck_assert_int_eq(connect_once(), 0);
        ck_assert_int_eq(accept_once(), 0);
        end();
}
END_TEST

/* The connection for which there is none is lost, and its client sees that. */
START_TEST(a_server_without_descriptors_loses_a_connection_and_takes_the_next) {
        LxBusPort *clients[ROOM];
        char byte;
        size_t n, size;

        if (!has_pidfds())
                return;
        begin();
        for (size_t i = 0; i < ROOM; i++)
                ck_assert_int_eq(lxbus_connect(bus, "name", NULL, 0, -1, &clients[i]), 0);
        n = needs(accept_once);
        ck_assert_uint_eq(n, 2);        /* the port, and the pidfd of its peer */
        for (size_t i = 0; i <= n; i++) /* the last one was closed by us */
                ck_assert_int_eq(lxbus_port_receive(clients[i], &byte, 1, &size, -1), -EPIPE);
        ck_assert_int_eq(lxbus_port_receive(clients[n + 1], &byte, 1, &size, 0), -ETIMEDOUT);
        ck_assert_int_eq(accept_once(), 0);
        for (size_t i = 0; i < ROOM; i++)
                lxbus_port_free(clients[i]);
        end();
}
END_TEST

START_TEST(what_is_made_for_a_message_is_not_left_where_the_rest_finds_no_place) {
        static char data[100000];
        size_t size;

        if (!has_pidfds())
                return;
        open_ports();
        ck_assert_uint_eq(needs(send_large), 1);
        ck_assert_int_eq(lxbus_port_receive(far, data, sizeof(data), &size, -1), 0);
        ck_assert_uint_eq(size, sizeof(data));
        ck_assert_int_eq(lxbus_port_receive(far, data, sizeof(data), &size, 0), -ETIMEDOUT); /* it came once */
        ck_assert_uint_eq(needs(new_ring), 3);
        close_ports();
}
END_TEST

/* ---- half closed ---- */

START_TEST(a_peer_that_reads_no_more_is_gone_for_writers_and_still_heard) {
        char byte;
        size_t size;

        open_ports();
        ck_assert_int_eq(shutdown(lxbus_port_fd(far), SHUT_RD), 0);
        ck_assert_int_eq(lxbus_port_send(near, "x", 1), -EPIPE);
        ck_assert_int_eq(lxbus_port_receive(far, &byte, 1, &size, -1), -EPIPE);
        assert_byte_passes(far, near);
        lxbus_port_finish(far);
        ck_assert_int_eq(lxbus_port_receive(near, &byte, 1, &size, -1), -EPIPE);
        close_ports();
}
END_TEST

START_TEST(a_service_that_is_half_gone_is_gone) {
        LxBusServer *other;
        LxBusPort *port;

        begin();
        ck_assert_int_eq(lxbus_register(bus, "name", LXBUS_VISIBLE_ALL, &other), 0); /* who has the name now */
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPIPE);
        ck_assert_int_eq(kill(service_pid, SIGSTOP), 0); /* it does not answer, */
        ck_assert_int_eq(lxbus_connect(bus, "name", NULL, 0, 10, &port), -ETIMEDOUT);
        ck_assert_int_eq(kill(service_pid, SIGKILL), 0); /* and dies */
        ck_assert_int_eq(died_of(service_pid), SIGKILL);
        ck_assert_int_eq(lxbus_connect(bus, "name", NULL, 0, -1, &port), -EPIPE);
        ck_assert_int_eq(lxbus_server_accept(other, -1, &port), -EPIPE);
        lxbus_server_free(other);
        bus = lxbus_close(bus);
        server = lxbus_server_free(server);
        ck_assert_uint_eq(count_fds(), fds_before);
}
END_TEST

START_TEST(who_cannot_send_descriptors_waits_no_longer_than_was_said) {
        int pair[2], crowd[2];
        int64_t end;
        LxBusPort *port;

        if (!has_pidfds())
                return;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(lxbus_open_fd(pair[0], &bus), 0);
        become_a_user();
        make_crowd(crowd);
        end = deadline_after(1000);
        ck_assert_int_eq(lxbus_connect(bus, "n", NULL, 0, 0, &port), -ETIMEDOUT);
        ck_assert_int_eq(lxbus_connect(bus, "n", NULL, 0, 10, &port), -ETIMEDOUT);
        ck_assert_int_lt(deadline_after(0), end); /* it would be tried for two seconds else */
        ck_assert_int_eq(lxbus_connect(bus, "n", NULL, 0, -1, &port), -EDQUOT);
        close_crowd(crowd);
        bus = lxbus_close(bus);
        closep(&pair[1]);
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-edges", who_has_no_descriptor_for_a_request_is_told_and_tries_again,
                         a_server_without_descriptors_loses_a_connection_and_takes_the_next,
                         what_is_made_for_a_message_is_not_left_where_the_rest_finds_no_place,
                         a_peer_that_reads_no_more_is_gone_for_writers_and_still_heard,
                         a_service_that_is_half_gone_is_gone,
                         who_cannot_send_descriptors_waits_no_longer_than_was_said);
}
