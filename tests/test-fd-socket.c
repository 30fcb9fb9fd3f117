/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packets with descriptors: whatever arrives, none is lost or left open. */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "shared/fd-socket.h"
#include "tests/crowd.h"
#include "tests/test.h"

static int near, far;

static void make_pair(int type) {
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        near = pair[0];
        far = pair[1];
}

static void close_pair(void) {
        closep(&near);
        closep(&far);
}

static int send_text(int fd, const char *text, const int *fds, size_t n_fds) {
        struct iovec part = { .iov_base = (void *)text, .iov_len = strlen(text) };

        return fd_socket_send(fd, &part, 1, fds, n_fds);
}

START_TEST(a_packet_in_parts_arrives_as_one) {
        struct iovec parts[] = { { (void *)"ab", 2 }, { (void *)"", 0 }, { (void *)"cde", 3 } };
        char buffer[16];
        size_t n_fds = 9;

        make_pair(SOCK_SEQPACKET);
        ck_assert_int_eq(fd_socket_send(near, parts, ELEMENTSOF(parts), NULL, 0), 0);
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), NULL, 0, &n_fds), 5);
        ck_assert_mem_eq(buffer, "abcde", 5);
        ck_assert_uint_eq(n_fds, 0);
        close_pair();
}
END_TEST

START_TEST(descriptors_arrive_in_order_and_close_on_exec) {
        int pipes[2], received[2] = { -1, -1 };
        struct stat sent, arrived;
        char buffer[16];
        size_t n_fds;

        make_pair(SOCK_SEQPACKET);
        ck_assert_int_eq(pipe(pipes), 0); /* without close-on-exec */
        ck_assert_int_eq(send_text(near, "x", pipes, 2), 0);
        ck_assert_int_ge(fcntl(pipes[0], F_GETFD), 0); /* still ours */
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), received, 2, &n_fds), 1);
        ck_assert_uint_eq(n_fds, 2);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(fcntl(received[i], F_GETFD), FD_CLOEXEC);
                ck_assert_int_eq(fcntl(received[i], F_GETFL) & O_ACCMODE, i == 0 ? O_RDONLY : O_WRONLY);
                ck_assert_int_eq(fstat(pipes[i], &sent), 0);
                ck_assert_int_eq(fstat(received[i], &arrived), 0);
                ck_assert_uint_eq(sent.st_ino, arrived.st_ino);
                closep(&received[i]);
                closep(&pipes[i]);
        }
        close_pair();
}
END_TEST

START_TEST(as_many_descriptors_as_the_kernel_takes_arrive) {
        int fds[FD_SOCKET_MAX + 1], received[FD_SOCKET_MAX];
        size_t before, n_fds;
        char byte;

        make_pair(SOCK_SEQPACKET);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = near;
        before = count_fds();
        ck_assert_int_eq(send_text(near, "x", fds, FD_SOCKET_MAX + 1), -E2BIG);
        ck_assert_int_eq(send_text(near, "x", fds, FD_SOCKET_MAX), 0);
        ck_assert_int_eq(fd_socket_receive(far, &byte, 1, received, FD_SOCKET_MAX, &n_fds), 1);
        ck_assert_uint_eq(n_fds, FD_SOCKET_MAX);
        ck_assert_uint_eq(count_fds(), before + FD_SOCKET_MAX);
        for (size_t i = 0; i < n_fds; i++)
                closep(&received[i]);
        close_pair();
}
END_TEST

START_TEST(more_descriptors_than_wanted_are_closed_with_the_packet) {
        int fds[5], received[2];
        size_t before, n_fds = 77;
        char buffer[16];

        make_pair(SOCK_SEQPACKET);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = near;
        before = count_fds();
        for (size_t max = 0; max <= 2; max++) {
                ck_assert_int_eq(send_text(near, "x", fds, ELEMENTSOF(fds)), 0);
                ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), received, max, &n_fds), -EMSGSIZE);
                ck_assert_uint_eq(count_fds(), before);
                ck_assert_uint_eq(n_fds, 77);
        }
        ck_assert_int_eq(send_text(near, "next", NULL, 0), 0);
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), received, 2, &n_fds), 4);
        close_pair();
}
END_TEST

START_TEST(a_packet_that_is_too_large_is_gone_with_its_descriptors) {
        int received = -EBADF;
        size_t before, n_fds;
        char buffer[4];

        make_pair(SOCK_SEQPACKET);
        before = count_fds();
        ck_assert_int_eq(send_text(near, "12345", &near, 1), 0);
        ck_assert_int_eq(send_text(near, "1234", NULL, 0), 0);
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), &received, 1, &n_fds), -EMSGSIZE);
        ck_assert_uint_eq(count_fds(), before);
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), &received, 1, &n_fds), 4);
        ck_assert_uint_eq(n_fds, 0);
        close_pair();
}
END_TEST

/* With credentials asked for, every packet has a control message more. */
START_TEST(control_messages_of_another_kind_are_no_descriptors) {
        int one = 1, received = -EBADF;
        size_t n_fds;
        char buffer[4];

        make_pair(SOCK_SEQPACKET);
        ck_assert_int_eq(setsockopt(far, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
        ck_assert_int_eq(send_text(near, "x", &near, 1), 0);
        ck_assert_int_eq(fd_socket_receive(far, buffer, sizeof(buffer), &received, 1, &n_fds), 1);
        ck_assert_uint_eq(n_fds, 1);
        closep(&received);
        close_pair();
}
END_TEST

START_TEST(the_end_is_zero_and_an_empty_socket_is_eagain) {
        size_t n_fds;
        char byte;

        make_pair(SOCK_SEQPACKET);
        ck_assert_int_eq(fd_socket_receive(far, &byte, 1, NULL, 0, &n_fds), -EAGAIN);
        ck_assert_int_eq(send_text(near, "x", NULL, 0), 0);
        closep(&near);
        ck_assert_int_eq(fd_socket_receive(far, &byte, 1, NULL, 0, &n_fds), 1);
        ck_assert_int_eq(fd_socket_receive(far, &byte, 1, NULL, 0, &n_fds), 0);
        close_pair();
}
END_TEST

START_TEST(writing_to_a_gone_peer_is_an_error_and_no_signal) {
        make_pair(SOCK_SEQPACKET);
        closep(&far);
        signal(SIGPIPE, SIG_DFL);
        ck_assert_int_eq(send_text(near, "x", NULL, 0), -EPIPE);
        close_pair();
}
END_TEST

START_TEST(a_full_socket_is_eagain_and_leaks_nothing) {
        size_t before, n_fds, sent = 0;
        int r, received;
        char byte;

        make_pair(SOCK_SEQPACKET);
        before = count_fds();
        while ((r = send_text(near, "x", &near, 1)) == 0)
                sent++;
        ck_assert(r == -EAGAIN || r == -ETOOMANYREFS);
        for (; sent > 0; sent--) {
                ck_assert_int_eq(fd_socket_receive(far, &byte, 1, &received, 1, &n_fds), 1);
                closep(&received);
        }
        ck_assert_uint_eq(count_fds(), before);
        close_pair();
}
END_TEST

/* Once the first thread, which sends, is in a poll(2) of nothing (proc(5)). */
static void *end_crowd(void *pair) {
        char path[64], text[64];

        snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)getpid());
        do {
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                ssize_t n = read(fd, text, sizeof(text) - 1);

                ck_assert_int_gt(n, 0);
                text[n] = '\0';
                closep(&fd);
        } while (strncmp(text, "7 0x0 0x0 ", 10) != 0);
        close_crowd(pair);
        return NULL;
}

START_TEST(too_many_under_way_is_waited_for_unless_it_is_said_not_to) {
        struct iovec part = { (void *)"x", 1 };
        pthread_t thread;
        int crowd[2];

        if (!has_pidfds())
                return;
        become_a_user();
        make_pair(SOCK_SEQPACKET);
        make_crowd(crowd);
        ck_assert_int_eq(fd_socket_send_now(near, &part, 1, &near, 1), -ETOOMANYREFS);
        ck_assert_int_eq(fd_socket_send(near, &part, 1, &near, 1), -ETOOMANYREFS);
        ck_assert_int_eq(fd_socket_send(near, &part, 1, NULL, 0), 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, end_crowd, crowd), 0);
        ck_assert_int_eq(fd_socket_send(near, &part, 1, &near, 1), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        close_pair();
}
END_TEST

/* The soft limit is that of the whole process, and stays. */
START_TEST(as_many_as_the_hard_limit_says_may_be_under_way) {
        const struct rlimit limit = { 64, 512 };
        struct rlimit after;
        sigset_t mask;
        int crowd[2];
        size_t n;

        if (!has_pidfds())
                return;
        become_a_user();
        n = make_crowd_within(limit, crowd);
        ck_assert_uint_gt(n, limit.rlim_max);
        ck_assert_uint_le(n, limit.rlim_max + CROWD_PACKET);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
        ck_assert_uint_eq(after.rlim_cur, limit.rlim_cur);
        ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
        ck_assert(sigisemptyset(&mask));
        ck_assert_int_lt(waitpid(-1, NULL, __WALL), 0);
        ck_assert_int_eq(errno, ECHILD);
        close_crowd(crowd);
}
END_TEST

int main(void) {
        return RUN_TESTS("fd-socket", a_packet_in_parts_arrives_as_one, descriptors_arrive_in_order_and_close_on_exec,
                         as_many_descriptors_as_the_kernel_takes_arrive,
                         more_descriptors_than_wanted_are_closed_with_the_packet,
                         a_packet_that_is_too_large_is_gone_with_its_descriptors,
                         control_messages_of_another_kind_are_no_descriptors,
                         the_end_is_zero_and_an_empty_socket_is_eagain, writing_to_a_gone_peer_is_an_error_and_no_signal,
                         a_full_socket_is_eagain_and_leaks_nothing,
                         too_many_under_way_is_waited_for_unless_it_is_said_not_to,
                         as_many_as_the_hard_limit_says_may_be_under_way);
}
