/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sendmsg(2) and recvmsg(2) with SCM_RIGHTS, once and right: no descriptor is
 * lost or left open on any way out. */

#include "shared/fd-socket.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "shared/syscalls.h"
#include "shared/util.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04 /* Linux 6.5 */
#endif
#define SECURITY_LABEL_MAX 256

#define TRY_AFTER_MS 2
#define TRIES_MAX 1000
#define BEYOND_STACK 16384

/* Whoever gave us a socket may have asked it for all that there is (SO_PASSCRED, SO_PASSPIDFD, SO_PASSSEC). */
typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FD_SOCKET_MAX) + CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(sizeof(int)) + CMSG_SPACE(SECURITY_LABEL_MAX)];
} Control;

typedef struct Beyond {
        int fd;
        const struct msghdr *message;
        struct rlimit limit;
} Beyond;

/* Appends one control message to those that are there. */
static void add_control(struct msghdr *message, Control *control, int type, const void *data, size_t size) {
        struct cmsghdr *c = (struct cmsghdr *)(control->bytes + message->msg_controllen);

        memset(c, 0, CMSG_SPACE(size));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = type;
        c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), data, size);
        message->msg_control = control;
        message->msg_controllen += CMSG_SPACE(size);
}

bool fd_socket_try_again(int error, unsigned *tries) {
        if (error != -ETOOMANYREFS || ++*tries > TRIES_MAX)
                return false;
        (void)poll(NULL, 0, TRY_AFTER_MS);
        return true;
}

/* Shares all with its parent, which sleeps meanwhile, but the limits. */
static int send_and_exit(void *userdata) {
        const Beyond *beyond = userdata;

        if (setrlimit(RLIMIT_NOFILE, &beyond->limit) < 0)
                return errno;
        return sys_sendmsg(beyond->fd, beyond->message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

int fd_socket_send_beyond(int fd, const struct msghdr *message) {
        Beyond beyond = { .fd = fd, .message = message };
        char stack[BEYOND_STACK] __attribute__((aligned(16)));
        sigset_t all, before;
        int status = 0;
        pid_t pid;

        if (getrlimit(RLIMIT_NOFILE, &beyond.limit) < 0 || beyond.limit.rlim_cur == beyond.limit.rlim_max)
                return -ETOOMANYREFS;
        beyond.limit.rlim_cur = beyond.limit.rlim_max;
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler runs twice, or in the child */
        pid = clone(send_and_exit, stack + sizeof(stack), CLONE_VM | CLONE_FILES | CLONE_VFORK, &beyond);
        if (pid >= 0)
                while (waitpid(pid, &status, __WCLONE) < 0 && errno == EINTR)
                        ;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == EAGAIN)
                return -ETOOMANYREFS;
        return -WEXITSTATUS(status);
}

static int send_now(int fd, const struct msghdr *message) {
        ssize_t n;

        do
                n = sys_sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

static int send_patiently(int fd, const struct msghdr *message) {
        unsigned tries = 0;
        int r;

        do {
                r = sys_sendmsg(fd, message, MSG_NOSIGNAL) < 0 ? -errno : 0;
                if (r == -ETOOMANYREFS)
                        r = fd_socket_send_beyond(fd, message);
        } while (r == -EINTR || fd_socket_try_again(r, &tries));
        return r;
}

static int send_with_fds(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds, pid_t pid,
                         int (*send_message)(int fd, const struct msghdr *message)) {
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n_parts };
        Control control;

        if (n_fds > FD_SOCKET_MAX)
                return -E2BIG;
        if (n_fds > 0)
                add_control(&message, &control, SCM_RIGHTS, fds, sizeof(int) * n_fds);
        if (pid > 0) {
                const struct ucred credentials = { .pid = pid, .uid = getuid(), .gid = getgid() };

                add_control(&message, &control, SCM_CREDENTIALS, &credentials, sizeof(credentials));
        }
        return send_message(fd, &message);
}

int fd_socket_send_process(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds,
                           pid_t pid) {
        return send_with_fds(fd, parts, n_parts, fds, n_fds, pid, send_patiently);
}

int fd_socket_send(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds) {
        return send_with_fds(fd, parts, n_parts, fds, n_fds, 0, send_patiently);
}

int fd_socket_send_now(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds) {
        return send_with_fds(fd, parts, n_parts, fds, n_fds, 0, send_now);
}

int fd_socket_send_now_beyond(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds) {
        return send_with_fds(fd, parts, n_parts, fds, n_fds, 0, fd_socket_send_beyond);
}

/* A TCP socket with SO_LINGER would keep us in close(2) for as long as its owner says. */
void fd_socket_discard(int *fd) {
        const struct linger none = { 0 };

        if (*fd < 0)
                return;
        (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        closep(fd);
}

/* Takes the descriptors out of a message, closing those for which there is no room, and the pidfd of
 * its sender, which nobody here asked for. */
static size_t take_fds(struct msghdr *message, int *fds, size_t max_fds) {
        size_t n_fds = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                bool rights = c->cmsg_type == SCM_RIGHTS;

                if (c->cmsg_level != SOL_SOCKET || (!rights && c->cmsg_type != SCM_PIDFD))
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (rights && n_fds < max_fds)
                                fds[n_fds] = fd;
                        else
                                fd_socket_discard(&fd);
                        n_fds += rights;
                }
        }
        return n_fds;
}

static pid_t named_process(struct msghdr *message) {
        struct ucred credentials = { 0 };

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
                    c->cmsg_len == CMSG_LEN(sizeof(credentials)))
                        memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
        return credentials.pid;
}

static ssize_t receive_packet(int fd, const struct iovec *parts, size_t n_parts, int flags, int *fds, size_t max_fds,
                              size_t *ret_n_fds, pid_t *ret_pid) {
        Control control;
        struct msghdr message = {
                .msg_iov = (struct iovec *)parts,
                .msg_iovlen = n_parts,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t n_fds;
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        n_fds = take_fds(&message, fds, n > 0 ? max_fds : 0); /* an empty packet is an end to its reader */
        if (n == 0 && n_fds > 0)
                n_fds = 0;
        if (n_fds > max_fds || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                for (size_t i = 0; i < n_fds && i < max_fds; i++)
                        fd_socket_discard(&fds[i]);
                /* There is room for the control messages that exist: what is missing found no place in our table. */
                return n_fds > max_fds || message.msg_flags & MSG_TRUNC ? -EMSGSIZE : -EMFILE;
        }
        *ret_n_fds = n_fds;
        *ret_pid = named_process(&message);
        return n;
}

ssize_t fd_socket_receive_process(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                                  pid_t *ret_pid) {
        struct iovec part = { .iov_base = buffer, .iov_len = size };

        return receive_packet(fd, &part, 1, 0, fds, max_fds, ret_n_fds, ret_pid);
}

ssize_t fd_socket_receive(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds) {
        pid_t pid;

        return fd_socket_receive_process(fd, buffer, size, fds, max_fds, ret_n_fds, &pid);
}

ssize_t fd_socket_receive_parts(int fd, const struct iovec *parts, size_t n_parts, int flags, int *fds, size_t max_fds,
                                size_t *ret_n_fds) {
        pid_t pid;

        return receive_packet(fd, parts, n_parts, flags, fds, max_fds, ret_n_fds, &pid);
}
