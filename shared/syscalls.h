/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls for which not every C library has a function: what links with
 * musl, too, calls them by these names. As in their manual pages; -1 and errno on
 * failure. */

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline int sys_pidfd_open(pid_t pid, unsigned flags) {
        return syscall(SYS_pidfd_open, pid, flags);
}

/* linux/close_range.h has the flags. */
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags) {
        return syscall(SYS_close_range, first, last, flags);
}

/* linux/ioprio.h has who and what. */
static inline int sys_ioprio_set(int which, int who, int priority) {
        return syscall(SYS_ioprio_set, which, who, priority);
}

/* musl's own takes at most 1024 bytes of control messages, of which 253 descriptors are more. Its header has padding,
 * which the caller has zeroed, as the kernel knows of none. */
static inline ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags) {
        return syscall(SYS_sendmsg, fd, message, flags);
}

/* musl's own refuses, since it takes a process where POSIX means all its threads. */
static inline int sys_sched_setscheduler(pid_t pid, int policy, const struct sched_param *parameters) {
        return syscall(SYS_sched_setscheduler, pid, policy, parameters);
}
