/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the socket, what was read of it and is no whole message yet, and the
 * messages that nobody has asked for so far. Does not know what they mean. */

#include "client/lxss/connection.h"

#include <stdio.h>
#include <sys/socket.h>

#include "shared/fd-socket.h"
#include "shared/syscalls.h"

#define READ_SIZE 4096
#define SASL_MAX 1024

struct Connection {
        int fd;
        uint32_t serial;
        uint8_t *buffer;
        size_t size, allocated;
        int fds[2 * DBUS_FDS_MAX]; /* that came and belong to no whole message yet */
        size_t n_fds;
        Incoming *first, **last;
};

Incoming *incoming_free(Incoming *incoming) {
        if (!incoming)
                return NULL;
        for (size_t i = 0; i < incoming->n_fds; i++)
                closep(&incoming->fds[i]);
        free(incoming->fds);
        free(incoming);
        return NULL;
}

bool incoming_is_signal(const Incoming *incoming, const char *interface, const char *member) {
        const DbusMessage *m = &incoming->message;

        return m->type == DBUS_SIGNAL && streq(m->interface, interface) && streq(m->member, member);
}

DbusReader incoming_read(const Incoming *incoming) {
        return dbus_read(&incoming->message, incoming->fds);
}

/* Keeps what comes along, or closes it where a peer sends more than messages can have. */
static int take_fds(Connection *c, struct msghdr *message) {
        int r = message->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
                size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
                        if (c->n_fds < ELEMENTSOF(c->fds))
                                c->fds[c->n_fds++] = fd;
                        else {
                                closep(&fd);
                                r = -EBADMSG;
                        }
                }
        }
        return r;
}

/* Reads at most `wanted` bytes more. 0: something came; -EAGAIN; -ECONNRESET. */
static int receive(Connection *c, size_t wanted, int flags) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * DBUS_FDS_MAX)];
        } control;
        struct iovec part = { .iov_len = wanted };
        struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n;

        if (c->size + wanted > c->allocated) {
                uint8_t *grown = realloc(c->buffer, c->size + wanted);

                if (!grown)
                        return -ENOMEM;
                c->buffer = grown;
                c->allocated = c->size + wanted;
        }
        part.iov_base = c->buffer + c->size;
        do
                n = recvmsg(c->fd, &message, flags | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 ? -errno : -ECONNRESET;
        c->size += n;
        return take_fds(c, &message);
}

static void consume(Connection *c, size_t size) {
        c->size -= size;
        memmove(c->buffer, c->buffer + size, c->size);
}

/* One line, which must begin so. */
static int expect_line(Connection *c, const char *beginning) {
        size_t n = strlen(beginning);
        uint8_t *end;
        bool expected;

        while (!(end = c->size > 0 ? memmem(c->buffer, c->size, "\r\n", 2) : NULL)) {
                int r = c->size < SASL_MAX ? receive(c, SASL_MAX - c->size, 0) : -EPROTO;

                if (r < 0)
                        return r;
        }
        expected = (size_t)(end - c->buffer) >= n && memcmp(c->buffer, beginning, n) == 0;
        consume(c, end + 2 - c->buffer);
        return expected ? 0 : -EPROTO;
}

/* Returns how many bytes went, with the descriptors: one where those can go beyond the soft limit only. */
static ssize_t send_some(int fd, const struct msghdr *message) {
        struct iovec first = { .iov_base = message->msg_iov->iov_base, .iov_len = 1 };
        struct msghdr one = *message;
        ssize_t n = sys_sendmsg(fd, message, MSG_NOSIGNAL);
        int r;

        if (n >= 0 || errno != ETOOMANYREFS)
                return n < 0 ? -errno : n;
        one.msg_iov = &first;
        r = fd_socket_send_beyond(fd, &one);
        return r < 0 ? r : 1;
}

static int send_all(int fd, const uint8_t *bytes, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * DBUS_FDS_MAX)];
        } control;
        struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
        unsigned tries = 0;

        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                memset(&control, 0, message.msg_controllen);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        while (part.iov_len > 0) {
                ssize_t n = send_some(fd, &message);

                if (n == -EINTR || fd_socket_try_again((int)n, &tries))
                        continue;
                if (n < 0)
                        return n == -EPIPE ? -ECONNRESET : n == -ETOOMANYREFS ? -EDQUOT : (int)n;
                part.iov_base = (uint8_t *)part.iov_base + n;
                part.iov_len -= n;
                message.msg_control = NULL; /* they went with the first byte */
                message.msg_controllen = 0;
        }
        return 0;
}

/* All that the client has to say is known beforehand, so it says it at once. EXTERNAL
 * takes the user id in decimal digits, each digit in hexadecimal. */
static int authenticate(Connection *c) {
        char uid[16], hex[2 * sizeof(uid)] = "", text[128];
        int n, r;

        n = snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
        for (int i = 0; i < n; i++)
                snprintf(hex + 2 * i, 3, "%02x", uid[i]);
        n = snprintf(text, sizeof(text), "%cAUTH EXTERNAL %s\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 0, hex);
        r = send_all(c->fd, (const uint8_t *)text, n, NULL, 0);
        if (r == 0)
                r = expect_line(c, "OK ");
        return r < 0 ? r : expect_line(c, "AGREE_UNIX_FD");
}

int connection_new(int fd, Connection **ret) {
        _cleanup_connection_ Connection *c = calloc(1, sizeof(*c));
        _cleanup_close_ int owned = fd;
        int r;

        if (!c)
                return -ENOMEM;
        c->fd = steal_fd(&owned);
        c->last = &c->first;
        r = authenticate(c);
        if (r < 0)
                return r;
        *ret = steal_pointer(&c);
        return 0;
}

Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;
        for (Incoming *i = c->first, *next; i; i = next) {
                next = i->next;
                incoming_free(i);
        }
        for (size_t i = 0; i < c->n_fds; i++)
                closep(&c->fds[i]);
        closep(&c->fd);
        free(c->buffer);
        free(c);
        return NULL;
}

int connection_fd(const Connection *c) {
        return c->fd;
}

int connection_send(Connection *c, DbusWriter *w, uint32_t *ret_serial) {
        int r;

        r = dbus_finish(w, ++c->serial);
        if (r == 0)
                r = send_all(c->fd, w->bytes, w->size, w->fds, w->n_fds);
        if (r == 0 && ret_serial)
                *ret_serial = c->serial;
        return r;
}

static int move_fds(Connection *c, Incoming *incoming) {
        size_t n = incoming->message.n_fds;

        if (n > c->n_fds)
                return -EBADMSG;
        if (n == 0)
                return 0;
        incoming->fds = calloc(n, sizeof(int));
        if (!incoming->fds)
                return -ENOMEM;
        memcpy(incoming->fds, c->fds, n * sizeof(int));
        incoming->n_fds = n;
        c->n_fds -= n;
        memmove(c->fds, c->fds + n, c->n_fds * sizeof(int));
        return 0;
}

/* A message out of the buffer: 1, or 0 and how many bytes are missing at least. */
static int take_message(Connection *c, Incoming **ret, size_t *ret_missing) {
        _cleanup_incoming_ Incoming *incoming = NULL;
        size_t size = DBUS_HEADER_MIN;
        int r;

        if (c->size >= DBUS_HEADER_MIN && (r = dbus_message_size(c->buffer, &size)) < 0)
                return r;
        if (c->size < size) {
                *ret_missing = size - c->size;
                return 0;
        }
        incoming = calloc(1, sizeof(*incoming) + size);
        if (!incoming)
                return -ENOMEM;
        memcpy(incoming->bytes, c->buffer, size);
        consume(c, size);
        r = dbus_message_parse(incoming->bytes, size, &incoming->message);
        if (r == 0)
                r = move_fds(c, incoming);
        if (r < 0)
                return r;
        *ret = steal_pointer(&incoming);
        return 1;
}

/* From the socket. */
static int receive_message(Connection *c, int flags, Incoming **ret) {
        for (;;) {
                size_t missing = 0;
                int r;

                r = take_message(c, ret, &missing);
                if (r != 0)
                        return r;
                r = receive(c, missing < READ_SIZE ? READ_SIZE : missing, flags);
                if (r < 0)
                        return r;
        }
}

int connection_next(Connection *c, Incoming **ret) {
        int r;

        if (c->first) {
                *ret = c->first;
                c->first = c->first->next;
                if (!c->first)
                        c->last = &c->first;
                (*ret)->next = NULL;
                return 1;
        }
        r = receive_message(c, MSG_DONTWAIT, ret);
        return r == -EAGAIN ? 0 : r;
}

int connection_call(Connection *c, DbusWriter *w, Incoming **ret) {
        uint32_t serial;
        int r;

        r = connection_send(c, w, &serial);
        while (r >= 0) {
                Incoming *incoming;

                r = receive_message(c, 0, &incoming);
                if (r < 0)
                        return r;
                if (incoming->message.reply_serial == serial) {
                        *ret = incoming;
                        return 0;
                }
                *c->last = incoming;
                c->last = &incoming->next;
        }
        return r;
}
