/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Two ports that are connected, and packets put together by hand. Whoever uses it begins with
 * open_ports() and ends with close_ports(), which looks whether a descriptor stayed. */

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "client/lxss/lxbus-private.h"
#include "shared/fd-socket.h"
#include "tests/test.h"

static LxBusPort *near, *far;
static size_t fds_before;

static inline _unused_ void open_ports(void) {
        int pair[2];

        fds_before = count_fds();
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(lxbus_port_new(pair[0], &near), 0);
        ck_assert_int_eq(lxbus_port_new(pair[1], &far), 0);
}

static inline _unused_ void close_ports(void) {
        near = lxbus_port_free(near);
        far = lxbus_port_free(far);
        ck_assert_uint_eq(count_fds(), fds_before);
}

static inline _unused_ pthread_t start(void *(*run)(void *), void *argument) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, run, argument), 0);
        return thread;
}

static inline _unused_ intptr_t join(pthread_t thread) {
        void *result;

        ck_assert_int_eq(pthread_join(thread, &result), 0);
        return (intptr_t)result;
}

/* Bytes that tell where they belong. */
static inline _unused_ char *pattern(size_t size) {
        char *data = malloc(size + 1);

        ck_assert_ptr_nonnull(data);
        for (size_t i = 0; i < size; i++)
                data[i] = (char)(i * 7 + i / 251);
        return data;
}

/* As a reader wants it before a packet with descriptors. */
static inline _unused_ void send_announcement(LxBusPort *port) {
        LxbusHeader header = { .flags = LXBUS_MESSAGE_ANNOUNCE };
        const struct iovec part = { &header, sizeof(header) };

        ck_assert_int_eq(fd_socket_send(lxbus_port_fd(port), &part, 1, NULL, 0), 0);
}

/* A packet as nobody checked it; announced, where it has descriptors. */
static inline _unused_ void send_raw(LxBusPort *port, LxbusHeader header, const LxbusWireObject *objects,
                                     size_t n_objects, const void *payload, size_t n_payload, const int *fds,
                                     size_t n_fds) {
        const struct iovec parts[] = { { &header, sizeof(header) },
                                       { (void *)objects, n_objects * sizeof(*objects) },
                                       { (void *)payload, n_payload } };

        if (n_fds > 0)
                send_announcement(port);
        ck_assert_int_eq(fd_socket_send(lxbus_port_fd(port), parts, ELEMENTSOF(parts), fds, n_fds), 0);
}

static inline _unused_ void assert_byte_passes(LxBusPort *from, LxBusPort *to) {
        size_t size;
        char byte = 0;

        ck_assert_int_eq(lxbus_port_send(from, "x", 1), 0);
        ck_assert_int_eq(lxbus_port_receive(to, &byte, 1, &size, -1), 0);
        ck_assert_uint_eq(size, 1);
        ck_assert_int_eq(byte, 'x');
}

static inline _unused_ int make_memory(size_t size, int seals) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

/* A process that waits to be killed. */
static inline _unused_ pid_t start_sleeper(void) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void)pause();
        }
        return pid;
}

/* The signal of which it died. */
static inline _unused_ int died_of(pid_t pid) {
        int status;

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        return WTERMSIG(status);
}

/* This many descriptors more, and no more, can be opened. */
static inline _unused_ void leave_fds(size_t n, struct rlimit *ret_before) {
        struct rlimit limit;
        int next = fcntl(0, F_DUPFD_CLOEXEC, 3);

        ck_assert_int_ge(next, 0);
        ck_assert_int_eq(close(next), 0);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        *ret_before = limit;
        limit.rlim_cur = next + n;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
