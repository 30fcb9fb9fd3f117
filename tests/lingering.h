/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What keeps whoever closes it waiting, and a clock to see whether it did. */

#include <check.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The last descriptor of a socket that wants to linger until somebody reads who never will. */
static inline int lingering(int *ret_reader) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const struct linger linger = { 1, 20 };
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        static char block[65536];

        ck_assert_int_eq(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(listen(listener, 1), 0);
        ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        *ret_reader = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_eq(close(listener), 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0)
                ;
        return fd;
}

static inline double seconds(void) {
        struct timespec t;

        ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &t), 0);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

