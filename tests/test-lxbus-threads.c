/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What threads may share (lxbus.h): a bus, a server, the two directions of a port, and cancelling from
 * anywhere. What a data race is, ThreadSanitizer sees (make check-threads). */

#include "tests/bus-fixture.h"

#define THREADS 8
#define ROUNDS 200

/* ---- one bus, one server ---- */

/* Returns how many it served. */
static void *serve_all(void *p _unused_) {
        LxBusPort *port;
        intptr_t n = 0;
        int r;

        while ((r = lxbus_server_accept(server, n % 2 ? -1 : 60000, &port)) == 0) {
                char data[64];
                size_t size;

                r = lxbus_port_receive(port, data, sizeof(data), &size, -1);
                if (r == 0)
                        r = lxbus_port_send(port, data, size);
                lxbus_port_free(port);
                if (r < 0)
                        return (void *)(intptr_t)r;
                n++;
        }
        return (void *)(r == -ECANCELED ? n : r);
}

static int ask(uint64_t question) {
        uint64_t answer = 0;
        size_t size = 0;
        LxBusPort *port;
        int r;

        r = lxbus_connect(bus, "name", NULL, question % 2 ? LXBUS_WAIT : 0, question % 3 ? -1 : 60000, &port);
        if (r < 0)
                return r;
        r = lxbus_port_send(port, &question, sizeof(question));
        if (r == 0)
                r = lxbus_port_receive(port, &answer, sizeof(answer), &size, -1);
        lxbus_port_free(port);
        return r < 0 ? r : answer == question && size == sizeof(answer) ? 0 : -EBADMSG;
}

static void *ask_often(void *p) {
        for (int i = 0; i < ROUNDS; i++) {
                int r = ask(((uint64_t)(intptr_t)p << 32) + i);

                if (r < 0)
                        return (void *)(intptr_t)r;
        }
        return (void *)(intptr_t)ROUNDS;
}

static void *list_often(void *p _unused_) {
        for (int i = 0; i < ROUNDS; i++) {
                _cleanup_free_ LxBusEntry *entries = NULL;
                size_t n = 0;
                int r = lxbus_list(bus, &entries, &n);

                if (r < 0 || n != 1 || !streq(entries->name, "name") || entries->n_ports != 7)
                        return (void *)(intptr_t)(r < 0 ? r : -EBADMSG);
        }
        return (void *)(intptr_t)ROUNDS;
}

START_TEST(threads_connect_over_one_bus_and_accept_from_one_server) {
        pthread_t clients[THREADS], servers[3], lister;
        intptr_t served = 0;

        begin();
        for (size_t i = 0; i < ELEMENTSOF(servers); i++)
                servers[i] = start(serve_all, NULL);
        for (intptr_t i = 0; i < THREADS; i++)
                clients[i] = start(ask_often, (void *)i);
        lister = start(list_often, NULL);
        for (int i = 0; i < THREADS; i++)
                ck_assert_int_eq(join(clients[i]), ROUNDS);
        ck_assert_int_eq(join(lister), ROUNDS);
        lxbus_server_cancel(server);
        for (size_t i = 0; i < ELEMENTSOF(servers); i++)
                served += join(servers[i]);
        ck_assert_int_eq(served, THREADS * ROUNDS);
        end();
}
END_TEST

static void *accept_one(void *p _unused_) {
        LxBusPort *port = NULL;

        return (void *)(intptr_t)lxbus_server_accept(server, -1, &port);
}

START_TEST(a_server_is_cancelled_wherever_its_threads_are) {
        for (int i = 0; i < ROUNDS; i++) {
                pthread_t threads[3];

                begin();
                for (size_t k = 0; k < ELEMENTSOF(threads); k++)
                        threads[k] = start(accept_one, NULL);
                lxbus_server_cancel(server);
                for (size_t k = 0; k < ELEMENTSOF(threads); k++)
                        ck_assert_int_eq(join(threads[k]), -ECANCELED);
                end();
        }
}
END_TEST

/* ---- one port ---- */

static pid_t sleeper;

/* Every kind of message: small, as large as a packet, larger, with processes that end with the port. */
static void *write_all_kinds(void *p) {
        _cleanup_free_ char *data = pattern(40000);
        intptr_t n = 0;
        int r = 0;

        for (; r == 0 && n < ROUNDS; n++) {
                LxBusObject object = { .kind = LXBUS_PROCESS, .fd = -1, .pid = sleeper, .flags = LXBUS_TERMINATE };
                const LxBusMessage m = { data, (size_t)n * 200, &object, n % 4 == 3 };

                r = lxbus_port_write(p, &m, n % 2 ? -1 : 60000);
        }
        lxbus_port_finish(p);
        return (void *)(r < 0 ? r : n);
}

static void *read_all_kinds(void *p) {
        _cleanup_free_ char *data = pattern(40000);
        intptr_t n = 0;
        int r;

        for (;; n++) {
                LxBusObject object;
                LxBusMessage m = { data, n % 5 ? 40000 : 10, &object, 1 };

                r = lxbus_port_read(p, &m, n % 3 ? -1 : 60000);
                if (r == -EMSGSIZE) {
                        m.data = data;
                        r = lxbus_port_read(p, &(LxBusMessage){ data, 40000, &object, 1 }, 0);
                        m.n_objects = n % 4 == 3;
                }
                if (r < 0)
                        return (void *)(r == -EPIPE ? n : r);
                if (m.n_objects > 0)
                        closep(&object.fd);
        }
}

START_TEST(both_directions_of_a_port_have_their_own_thread) {
        pthread_t threads[4];

        if (!has_pidfds())
                return;
        sleeper = start_sleeper();
        open_ports();
        threads[0] = start(read_all_kinds, near);
        threads[1] = start(read_all_kinds, far);
        threads[2] = start(write_all_kinds, near);
        threads[3] = start(write_all_kinds, far);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                ck_assert_int_eq(join(threads[i]), ROUNDS);
        close_ports();
        ck_assert_int_eq(died_of(sleeper), SIGKILL);
}
END_TEST

static void *cancel(void *p) {
        lxbus_port_cancel(p);
        return NULL;
}

/* In the middle of all that; what a thread was told before is its own. */
START_TEST(a_third_thread_cancels_what_the_others_do) {
        if (!has_pidfds())
                return;
        for (int i = 0; i < ROUNDS / 4; i++) {
                pthread_t threads[3];

                sleeper = start_sleeper();
                open_ports();
                threads[0] = start(read_all_kinds, near);
                threads[1] = start(write_all_kinds, near);
                threads[2] = start(cancel, near);
                for (int k = 2; k >= 0; k--)
                        ck_assert_int_le(join(threads[k]), ROUNDS);
                ck_assert_int_eq(lxbus_port_send(near, "x", 1), -ECANCELED);
                close_ports();
                ck_assert_int_eq(kill(sleeper, SIGKILL), 0);
                ck_assert_int_eq(died_of(sleeper), SIGKILL);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-threads", threads_connect_over_one_bus_and_accept_from_one_server,
                         a_server_is_cancelled_wherever_its_threads_are,
                         both_directions_of_a_port_have_their_own_thread, a_third_thread_cancels_what_the_others_do);
}
