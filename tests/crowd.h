/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A user who has so many descriptors under way that no more can be sent (unix(7), ETOOMANYREFS). */

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/fd-socket.h"
#include "tests/test.h"

/* From now on this process, which is the test's own, is nobody's in particular: root may send as many as it likes. */
static inline void become_a_user(void) {
        const uid_t uid = 1000000000u + (uid_t)getpid();

        if (getuid() == 0)
                ck_assert_int_eq(setresuid(uid, uid, uid), 0);
        ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* its own /proc is its own again */
}

#define CROWD_PACKET 32

/* Fills the pair with descriptors, until nothing can be sent; close_crowd() ends that. Returns how many they are. */
static inline size_t make_crowd_within(struct rlimit limit, int pair[2]) {
        struct iovec part = { (void *)"x", 1 };
        int fds[CROWD_PACKET], r;
        size_t n = 0;

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = pair[0];
        for (;; n += ELEMENTSOF(fds)) {
                ck_assert_uint_lt(n, 4096);
                r = fd_socket_send_now(pair[0], &part, 1, fds, ELEMENTSOF(fds));
                if (r == -ETOOMANYREFS)
                        r = fd_socket_send_now_beyond(pair[0], &part, 1, fds, ELEMENTSOF(fds));
                if (r < 0)
                        break;
        }
        ck_assert_int_eq(r, -ETOOMANYREFS);
        return n;
}

static inline void make_crowd(int pair[2]) {
        (void)make_crowd_within((struct rlimit){ 64, 64 }, pair);
}

static inline void close_crowd(int pair[2]) {
        /* One by one: it is sockets that are under way, and closing these would leave them to the kernel's collector. */
        for (int fds[CROWD_PACKET];;) {
                char byte;
                size_t n;

                if (fd_socket_receive_parts(pair[1], &(struct iovec){ &byte, 1 }, 1, MSG_DONTWAIT, fds, ELEMENTSOF(fds), &n) <= 0)
                        break;
                for (size_t i = 0; i < n; i++)
                        closep(&fds[i]);
        }
        closep(&pair[0]);
        closep(&pair[1]);
}
