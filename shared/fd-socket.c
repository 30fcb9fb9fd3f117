/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sendmsg(2) and recvmsg(2) with SCM_RIGHTS, once and right: no descriptor is
 * lost or left open on any way out. */

#include "shared/fd-socket.h"

#include <sys/socket.h>

#include "shared/util.h"

typedef union Control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FD_SOCKET_MAX)];
} Control;

int fd_socket_send(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds) {
        Control control;
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n_parts };
        ssize_t n;

        if (n_fds > FD_SOCKET_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                memset(&control, 0, CMSG_SPACE(sizeof(int) * n_fds));
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        do
                n = sendmsg(fd, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* Takes the descriptors out of a message, closing those for which there is no room. */
static size_t take_fds(struct msghdr *message, int *fds, size_t max_fds) {
        size_t n_fds = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                        if (n_fds < max_fds)
                                fds[n_fds] = fd;
                        else
                                closep(&fd);
                        n_fds++;
                }
        }
        return n_fds;
}

ssize_t fd_socket_receive(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds) {
        Control control;
        struct iovec part = { .iov_base = buffer, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t n_fds;
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        n_fds = take_fds(&message, fds, max_fds);
        if (n_fds > max_fds || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                for (size_t i = 0; i < n_fds && i < max_fds; i++)
                        closep(&fds[i]);
                return -EMSGSIZE;
        }
        *ret_n_fds = n_fds;
        return n;
}
