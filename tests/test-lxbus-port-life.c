/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports over time: waiting, ending, threads, limits, and processes that end with them. */

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/port-fixture.h"

#define MESSAGES 20000

/* Bytes of a message that goes straight into the reader's buffer. */
#define LARGE 100000

static int64_t milliseconds(void) {
        struct timespec t;

        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
        return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static int read_byte(LxBusPort *port, int timeout) {
        size_t size = 0;
        char byte[4];
        int r = lxbus_port_receive(port, byte, sizeof(byte), &size, timeout);

        return r < 0 ? r : (int)size;
}

static void fill(LxBusPort *port) {
        static const char block[32768];
        const LxBusMessage m = { .data = (void *)block, .size = sizeof(block) };
        int r;

        do
                r = lxbus_port_write(port, &m, 0);
        while (r == 0);
        ck_assert_int_eq(r, -ETIMEDOUT);
}

/* ---- waiting ---- */

START_TEST(a_time_limit_is_kept) {
        const LxBusMessage m = { .data = (void *)"x", .size = 1 };
        int64_t start;

        open_ports();
        ck_assert_int_eq(read_byte(far, 0), -ETIMEDOUT);
        start = milliseconds();
        ck_assert_int_eq(read_byte(far, 30), -ETIMEDOUT);
        ck_assert_int_ge(milliseconds() - start, 29);
        fill(near);
        start = milliseconds();
        ck_assert_int_eq(lxbus_port_write(near, &m, 30), -ETIMEDOUT);
        ck_assert_int_ge(milliseconds() - start, 29);
        close_ports();
}
END_TEST

static void *read_one(void *port) {
        return (void *)(intptr_t)read_byte(port, -1);
}

static void *write_one(void *port) {
        static const char block[32768];

        return (void *)(intptr_t)lxbus_port_send(port, block, sizeof(block));
}

/* Many times, since the thread is anywhere by then. */
START_TEST(cancelling_ends_who_reads_and_who_writes) {
        for (int i = 0; i < 200; i++) {
                pthread_t reader, writer;

                open_ports();
                fill(near);
                writer = start(write_one, near);
                reader = start(read_one, near);
                lxbus_port_cancel(near);
                ck_assert_int_eq(join(reader), -ECANCELED);
                ck_assert_int_eq(join(writer), -ECANCELED);
                ck_assert_int_eq(read_byte(near, -1), -ECANCELED);
                ck_assert_int_eq(lxbus_port_send(near, "x", 1), -ECANCELED);
                close_ports();
        }
}
END_TEST

START_TEST(cancelling_ends_the_peer_too) {
        for (int i = 0; i < 200; i++) {
                pthread_t reader;

                open_ports();
                reader = start(read_one, far);
                lxbus_port_cancel(near);
                ck_assert_int_eq(join(reader), -EPIPE);
                ck_assert_int_eq(lxbus_port_send(far, "x", 1), -EPIPE);
                close_ports();
        }
}
END_TEST

START_TEST(a_peer_that_goes_ends_who_waits_for_it) {
        for (int i = 0; i < 200; i++) {
                pthread_t reader, writer;

                open_ports();
                fill(near);
                writer = start(write_one, near);
                reader = start(read_one, near);
                far = lxbus_port_free(far);
                ck_assert_int_eq(join(writer), -EPIPE);
                ck_assert_int_eq(join(reader), -EPIPE);
                close_ports();
        }
}
END_TEST

START_TEST(what_a_peer_sent_before_it_went_is_read_first) {
        open_ports();
        ck_assert_int_eq(lxbus_port_send(near, "ab", 2), 0);
        ck_assert_int_eq(lxbus_port_send(near, "", 0), 0);
        near = lxbus_port_free(near);
        ck_assert_int_eq(read_byte(far, -1), 2);
        ck_assert_int_eq(read_byte(far, -1), 0);
        ck_assert_int_eq(read_byte(far, -1), -EPIPE);
        close_ports();
}
END_TEST

/* Then the kernel says ECONNRESET before it gives what is there. */
START_TEST(an_answer_of_a_peer_that_went_without_reading_is_read) {
        char large[LARGE] = { 0 };

        for (int i = 0; i < 2; i++) {
                open_ports();
                ck_assert_int_eq(lxbus_port_send(far, "unread", 6), 0);
                ck_assert_int_eq(lxbus_port_send(near, i == 0 ? "ab" : large, i == 0 ? 2 : LARGE), 0);
                near = lxbus_port_free(near);
                if (i == 0)
                        ck_assert_int_eq(read_byte(far, -1), 2);
                else {
                        size_t size = 0;

                        ck_assert_int_eq(lxbus_port_receive(far, large, LARGE, &size, -1), 0);
                        ck_assert_uint_eq(size, LARGE);
                }
                ck_assert_int_eq(read_byte(far, -1), -EPIPE);
                ck_assert_int_eq(lxbus_port_send(far, "more", 4), -EPIPE);
                close_ports();
        }
}
END_TEST

START_TEST(who_has_finished_still_reads) {
        open_ports();
        ck_assert_int_eq(lxbus_port_send(near, "a", 1), 0);
        lxbus_port_finish(near);
        ck_assert_int_eq(lxbus_port_send(near, "b", 1), -EPIPE);
        ck_assert_int_eq(read_byte(far, -1), 1);
        ck_assert_int_eq(read_byte(far, -1), -EPIPE);
        assert_byte_passes(far, near);
        close_ports();
}
END_TEST

static void *read_late(void *port) {
        int n = 0;

        while (read_byte(port, -1) >= 0)
                n++;
        return (void *)(intptr_t)n;
}

START_TEST(a_descriptor_that_does_not_block_is_waited_for_all_the_same) {
        pthread_t reader;

        open_ports();
        ck_assert_int_eq(fcntl(lxbus_port_fd(near), F_SETFL, O_NONBLOCK), 0);
        ck_assert_int_eq(fcntl(lxbus_port_fd(far), F_SETFL, O_NONBLOCK), 0);
        reader = start(read_late, far);
        for (int i = 0; i < MESSAGES; i++)
                ck_assert_int_eq(lxbus_port_send(near, "x", 1), 0);
        lxbus_port_finish(near);
        ck_assert_int_eq(join(reader), MESSAGES);
        close_ports();
}
END_TEST

START_TEST(a_port_is_made_of_nothing_but_a_socket_of_packets) {
        size_t before = count_fds();
        LxBusPort *port = NULL;
        int pair[2], pipes[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        ck_assert_int_eq(lxbus_port_new(pair[0], &port), -EINVAL);
        ck_assert_int_eq(lxbus_port_new(pipes[0], &port), -EINVAL);
        ck_assert_int_eq(lxbus_port_new(-1, &port), -EBADF);
        ck_assert_ptr_null(port);
        for (int i = 0; i < 2; i++) { /* still ours */
                ck_assert_int_eq(close(pair[i]), 0);
                ck_assert_int_eq(close(pipes[i]), 0);
        }
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* ---- threads ---- */

static size_t size_of(int i) {
        return i % 100 == 0 ? 32769 : (size_t)i * 7919 % 5000;
}

static void *write_many(void *port) {
        _cleanup_free_ char *data = pattern(40000);

        for (int i = 0; i < MESSAGES; i++) {
                memcpy(data, &i, size_of(i) < sizeof(i) ? 0 : sizeof(i));
                if (lxbus_port_send(port, data, size_of(i)) < 0)
                        return (void *)(intptr_t)i;
        }
        lxbus_port_finish(port);
        return (void *)(intptr_t)MESSAGES;
}

static void *read_many(void *port) {
        _cleanup_free_ char *data = pattern(40000), *expected = pattern(40000);
        size_t size;

        for (int i = 0; i < MESSAGES; i++) {
                memcpy(expected, &i, size_of(i) < sizeof(i) ? 0 : sizeof(i));
                if (lxbus_port_receive(port, data, 40000, &size, -1) < 0 || size != size_of(i) ||
                    memcmp(data, expected, size) != 0)
                        return (void *)(intptr_t)i;
        }
        return (void *)(intptr_t)lxbus_port_receive(port, data, 40000, &size, -1);
}

START_TEST(both_ends_read_and_write_at_once) {
        pthread_t threads[4];

        open_ports();
        threads[0] = start(read_many, near);
        threads[1] = start(read_many, far);
        threads[2] = start(write_many, near);
        threads[3] = start(write_many, far);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                ck_assert_int_eq(join(threads[i]), i < 2 ? -EPIPE : MESSAGES);
        close_ports();
}
END_TEST

static void *accept_all(void *server) {
        LxBusPort *port;
        int r, n = 0;

        while ((r = lxbus_server_accept(server, -1, &port)) == 0) {
                n += lxbus_port_send(port, "x", 1) == 0;
                lxbus_port_free(port);
        }
        return (void *)(intptr_t)(r == -ECANCELED ? n : r);
}

static LxBusServer *make_server(int *ret_service) {
        LxBusServer *server = calloc(1, sizeof(*server));
        int pair[2];

        ck_assert_ptr_nonnull(server);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        server->fd = pair[0];
        *ret_service = pair[1];
        return server;
}

START_TEST(threads_that_accept_get_each_connection_once) {
        LxbusReply reply = { .type = LXBUS_TYPE_CONNECTION };
        struct iovec part = { &reply, sizeof(reply) };
        size_t before = count_fds();
        pthread_t threads[4];
        intptr_t sum = 0;
        int service;
        LxBusServer *server = make_server(&service);

        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                threads[i] = start(accept_all, server);
        for (int i = 0; i < 1000; i++) {
                int pair[2];
                char byte;

                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                ck_assert_int_eq(fd_socket_send(service, &part, 1, &pair[1], 1), 0);
                ck_assert_int_eq(close(pair[1]), 0);
                ck_assert_int_eq(recv(pair[0], &byte, 1, MSG_TRUNC), sizeof(LxbusHeader) + 1);
                ck_assert_int_eq(close(pair[0]), 0);
        }
        lxbus_server_cancel(server);
        for (size_t i = 0; i < ELEMENTSOF(threads); i++)
                sum += join(threads[i]);
        ck_assert_int_eq(sum, 1000);
        lxbus_server_free(server);
        closep(&service);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* lxssd is trusted; what comes instead is refused all the same, and nothing of it stays. */
START_TEST(a_connection_that_is_none_is_refused) {
        LxbusReply reply = { .type = LXBUS_TYPE_CONNECTION };
        struct iovec part = { &reply, sizeof(reply) };
        size_t before = count_fds();
        int service, fds[3] = { 0, 0, 0 };
        LxBusServer *server = make_server(&service);
        LxBusPort *port = NULL;

        ck_assert_int_eq(lxbus_server_accept(server, 10, &port), -ETIMEDOUT);
        ck_assert_int_eq(fd_socket_send(service, &part, 1, NULL, 0), 0);
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPROTO);
        ck_assert_int_eq(fd_socket_send(service, &part, 1, fds, 3), 0);
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPROTO);
        reply.error = EIO;
        ck_assert_int_eq(fd_socket_send(service, &part, 1, fds, 2), 0);
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPROTO);
        part.iov_len--;
        ck_assert_int_eq(fd_socket_send(service, &part, 1, fds, 2), 0);
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPROTO);
        closep(&service);
        ck_assert_int_eq(lxbus_server_accept(server, -1, &port), -EPIPE);
        lxbus_server_free(server);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* ---- limits ---- */

START_TEST(descriptors_that_find_no_place_are_an_error_and_leave_nothing) {
        if (!has_pidfds())
                return;

        LxBusObject objects[10], in[10];
        LxBusMessage out = { (char *)"x", 1, objects, ELEMENTSOF(objects) }, m;
        struct rlimit limit;
        size_t before;
        char byte;

        open_ports();
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxBusObject){ .kind = LXBUS_FD };
        for (size_t room = 0; room < ELEMENTSOF(objects); room++) {
                ck_assert_int_eq(lxbus_port_write(near, &out, -1), 0);
                before = count_fds();
                leave_fds(room, &limit);
                m = (LxBusMessage){ &byte, 1, in, ELEMENTSOF(in) };
                ck_assert_int_eq(lxbus_port_read(far, &m, -1), -EMFILE);
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                ck_assert_uint_eq(count_fds(), before);
                assert_byte_passes(near, far);
        }
        close_ports();
}
END_TEST

START_TEST(a_message_for_whose_process_there_is_no_descriptor_is_not_sent) {
        if (!has_pidfds())
                return;

        pid_t child = start_sleeper();
        LxBusObject object = { .kind = LXBUS_PROCESS, .fd = -1, .pid = child, .flags = LXBUS_TERMINATE };
        LxBusMessage m = { (char *)"x", 1, &object, 1 };
        struct rlimit limit;

        open_ports();
        for (size_t room = 0; room < 2; room++) { /* for the pidfd, for what checks it, or for the one that is kept */
                leave_fds(room, &limit);
                ck_assert_int_eq(lxbus_port_write(near, &m, -1), -EMFILE);
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                ck_assert_int_eq(read_byte(far, 0), -ETIMEDOUT);
        }
        close_ports();
        ck_assert_int_eq(kill(child, SIGUSR1), 0);
        ck_assert_int_eq(died_of(child), SIGUSR1);
}
END_TEST

/* ---- processes that end with a port ---- */

static void pass_process(pid_t pid, int flags) {
        LxBusObject object = { .kind = LXBUS_PROCESS, .fd = -1, .pid = pid, .flags = flags };
        LxBusMessage m = { .objects = &object, .n_objects = 1 };

        ck_assert_int_eq(lxbus_port_write(near, &m, -1), 0);
        ck_assert_int_eq(lxbus_port_read(far, &m, -1), 0);
        ck_assert_int_eq(object.flags, flags);
        closep(&object.fd);
}

START_TEST(a_process_ends_with_either_port_if_that_was_said) {
        if (!has_pidfds())
                return;

        for (int i = 0; i < 2; i++) {
                pid_t child = start_sleeper(), other = start_sleeper();

                open_ports();
                pass_process(child, LXBUS_TERMINATE);
                pass_process(other, 0);
                if (i == 0)
                        near = lxbus_port_free(near);
                else
                        far = lxbus_port_free(far);
                ck_assert_int_eq(died_of(child), SIGKILL);
                close_ports();
                ck_assert_int_eq(kill(other, SIGUSR1), 0);
                ck_assert_int_eq(died_of(other), SIGUSR1);
        }
}
END_TEST

START_TEST(a_process_of_a_message_that_was_not_sent_lives_on) {
        if (!has_pidfds())
                return;

        pid_t child = start_sleeper();
        LxBusObject object = { .kind = LXBUS_PROCESS, .fd = -1, .pid = child, .flags = LXBUS_TERMINATE };
        const LxBusMessage m = { .objects = &object, .n_objects = 1 };

        open_ports();
        far = lxbus_port_free(far);
        ck_assert_int_eq(lxbus_port_write(near, &m, -1), -EPIPE);
        close_ports();
        ck_assert_int_eq(kill(child, SIGUSR1), 0);
        ck_assert_int_eq(died_of(child), SIGUSR1);
}
END_TEST

START_TEST(a_process_of_a_message_that_was_refused_lives_on) {
        if (!has_pidfds())
                return;

        const LxbusWireObject objects[2] = { { .kind = LXBUS_KIND_PROCESS, .flags = LXBUS_OBJECT_TERMINATE },
                                             { .kind = LXBUS_KIND_MEMORY } };
        pid_t child = start_sleeper();
        int fds[2] = { (int)syscall(SYS_pidfd_open, child, 0), 0 };

        open_ports();
        send_raw(near, (LxbusHeader){ .n_objects = 2 }, objects, 2, NULL, 0, fds, 2);
        ck_assert_int_eq(read_byte(far, -1), -EPROTO);
        close_ports();
        closep(&fds[0]);
        ck_assert_int_eq(kill(child, SIGUSR1), 0);
        ck_assert_int_eq(died_of(child), SIGUSR1);
}
END_TEST

/* In a pid namespace of its own, as what is in an instance. */
static pid_t start_inner_sleeper(void) {
        const uint64_t args[11] = { CLONE_NEWPID | (geteuid() == 0 ? 0u : CLONE_NEWUSER), 0, 0, 0, SIGCHLD };
        pid_t pid = syscall(SYS_clone3, args, 64);

        if (pid == 0)
                for (;;)
                        (void)pause();
        return pid;
}

static int pass_to_host(const char *instance, pid_t pid) {
        const LxbusIdentity peer = { .pid = 77 };
        LxBusObject object = { .kind = LXBUS_PROCESS, .fd = -1, .pid = pid, .flags = LXBUS_TERMINATE }, in;
        LxBusMessage m = { .objects = &object, .n_objects = 1 };
        int r;

        far->has_peer = true;
        far->peer = peer;
        strcpy(far->peer.instance, instance);
        ck_assert_int_eq(lxbus_port_write(near, &m, -1), 0);
        m = (LxBusMessage){ .objects = &in, .n_objects = 1 };
        r = lxbus_port_read(far, &m, -1);
        if (r == 0)
                closep(&in.fd);
        return r;
}

START_TEST(an_instance_ends_its_own_processes_and_none_of_the_host) {
        if (!has_pidfds())
                return;

        pid_t host = start_sleeper(), inner = start_inner_sleeper();

        open_ports();
        ck_assert_int_eq(pass_to_host("debian", host), -EPROTO);
        if (inner > 0)
                ck_assert_int_eq(pass_to_host("debian", inner), 0);
        far = lxbus_port_free(far);
        if (inner > 0)
                ck_assert_int_eq(died_of(inner), SIGKILL);
        ck_assert_int_eq(kill(host, SIGUSR1), 0);
        ck_assert_int_eq(died_of(host), SIGUSR1); /* ours was the only other end that would have */
        close_ports();
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-port-life", a_time_limit_is_kept, cancelling_ends_who_reads_and_who_writes,
                         cancelling_ends_the_peer_too, a_peer_that_goes_ends_who_waits_for_it,
                         what_a_peer_sent_before_it_went_is_read_first,
                         an_answer_of_a_peer_that_went_without_reading_is_read, who_has_finished_still_reads,
                         a_descriptor_that_does_not_block_is_waited_for_all_the_same,
                         a_port_is_made_of_nothing_but_a_socket_of_packets, both_ends_read_and_write_at_once,
                         threads_that_accept_get_each_connection_once, a_connection_that_is_none_is_refused,
                         descriptors_that_find_no_place_are_an_error_and_leave_nothing,
                         a_message_for_whose_process_there_is_no_descriptor_is_not_sent,
                         a_process_ends_with_either_port_if_that_was_said,
                         a_process_of_a_message_that_was_not_sent_lives_on,
                         a_process_of_a_message_that_was_refused_lives_on,
                         an_instance_ends_its_own_processes_and_none_of_the_host);
}
