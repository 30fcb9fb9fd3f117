/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests to the service: a server, a connection, who is there. Each brings one end of a
 * socketpair along, out of whose other end the answer comes, so that there is nothing to
 * be shared between threads but the bus socket, which takes whole packets. */

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "client/lxss/lxbus-private.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* While descriptors are under way, each close of a socket has the kernel's collector look at them, and each send of one
 * waits for that: so a pair that cannot be sent is not made over and over. */
#define CROWDED_REQUESTS 64

_Static_assert((int)LXBUS_VISIBLE_HERE == LXBUS_SCOPE_OWN && (int)LXBUS_VISIBLE_HOST == LXBUS_SCOPE_HOST &&
                       (int)LXBUS_VISIBLE_ALL == LXBUS_SCOPE_ALL && LXBUS_NAME_MAX == LXBUS_NAME_LENGTH_MAX,
               "the interface and what goes over the wire agree");

int64_t deadline_after(int timeout) {
        struct timespec t;

        if (timeout < 0)
                return -1;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000 + timeout;
}

int wait_until(int fd, short events, int64_t deadline) {
        for (;;) {
                struct pollfd poll_fd = { .fd = fd, .events = events };
                int64_t left = deadline < 0 ? -1 : deadline - deadline_after(0);
                int n = poll(&poll_fd, 1, deadline < 0 ? -1 : left < 0 ? 0 : (int)left);

                if (n > 0)
                        return 0;
                if (n == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

int lxbus_open_fd(int fd, LxBus **ret) {
        LxBus *bus = malloc(sizeof(*bus));

        if (!bus)
                return -ENOMEM;
        *bus = (LxBus){ .fd = fd };
        *ret = bus;
        return 0;
}

LxBus *lxbus_close(LxBus *bus) {
        if (bus)
                closep(&bus->fd);
        free(bus);
        return NULL;
}

/* ---- requests ---- */

static LxbusRequest request_new(LxbusType type, uint32_t flags) {
        return (LxbusRequest){ .type = type, .flags = flags };
}

/* 0; or -EINVAL, where it is too long to be a name. */
static int set_field(char *field, size_t size, const char *value) {
        if (strlen(value) >= size)
                return -EINVAL;
        strcpy(field, value);
        return 0;
}

/* Through a bus of its own, which needs no descriptor to be sent. */
static int submit_here(const LxbusRequest *request, int *ret_end) {
        LxbusRequest here = *request;
        const struct iovec part = { .iov_base = &here, .iov_len = sizeof(here) };
        _cleanup_close_ int bus = -EBADF;
        int r;

        here.flags |= LXBUS_REQUEST_HERE;
        r = lxbus_connect_inside(&bus);
        if (r == 0)
                r = fd_socket_send(bus, &part, 1, NULL, 0);
        if (r < 0)
                return r == -ECONNREFUSED || r == -ECONNRESET ? -EPIPE : r;
        *ret_end = steal_fd(&bus);
        return 0;
}

/* The service reads what it is sent; where it is behind, that is waited for. -ETOOMANYREFS: the end cannot be sent,
 * inside at once, on the host after a while. */
static int submit_with_end(LxBus *bus, const LxbusRequest *request, int64_t deadline, int *ret_end) {
        struct iovec part = { .iov_base = (void *)request, .iov_len = sizeof(*request) };
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        unsigned tries = 0;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];
        for (;;) {
                r = fd_socket_send_now(bus->fd, &part, 1, &theirs, 1);
                if (r == -ETOOMANYREFS && !bus->inside) {
                        r = fd_socket_send_now_beyond(bus->fd, &part, 1, &theirs, 1);
                        if (r == -ETOOMANYREFS && deadline >= 0 && deadline_after(0) >= deadline)
                                return -ETIMEDOUT;
                        if (fd_socket_try_again(r, &tries))
                                continue;
                }
                if (r != -EAGAIN)
                        break;
                r = wait_until(bus->fd, POLLOUT, deadline);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r == -ECONNRESET || r == -ENOTCONN ? -EPIPE : r;
        *ret_end = steal_fd(&ours);
        return 0;
}

static int submit(LxBus *bus, const LxbusRequest *request, int64_t deadline, int *ret_end) {
        int r;

        if (bus->inside && atomic_load(&bus->crowded) > 0) {
                (void)atomic_fetch_sub(&bus->crowded, 1);
                return submit_here(request, ret_end);
        }
        r = submit_with_end(bus, request, deadline, ret_end);
        if (r != -ETOOMANYREFS)
                return r;
        if (!bus->inside)
                return -EDQUOT;
        atomic_store(&bus->crowded, CROWDED_REQUESTS);
        return submit_here(request, ret_end);
}

/* fds: what came along, the caller's. */
static int receive_reply(int end, LxbusType type, int flags, LxbusReply *ret, int *fds, size_t max_fds,
                         size_t *ret_n) {
        LxbusReply reply;
        const struct iovec part = { .iov_base = &reply, .iov_len = sizeof(reply) };
        size_t n_fds = 0;
        ssize_t n;
        int r;

        n = fd_socket_receive_parts(end, &part, 1, flags, fds, max_fds, &n_fds);
        if (n <= 0)
                return n == -EMSGSIZE ? -EPROTO : n < 0 ? (int)n : -EPIPE;
        r = lxbus_reply_decode(&reply, n, type, ret);
        if (r < 0 || (reply.error > 0 && n_fds > 0)) {
                for (size_t i = 0; i < n_fds; i++)
                        closep(&fds[i]);
                return -EPROTO;
        }
        *ret_n = n_fds;
        return 0;
}

/* Waits for the answer. A service that hangs up instead had no descriptor left, or is gone: then try again. */
static int await_reply(int end, int64_t deadline, LxbusReply *ret, int *ret_fd) {
        size_t n_fds = 0;
        int fd = -EBADF, r;

        do {
                r = deadline < 0 ? 0 : wait_until(end, POLLIN, deadline);
                if (r < 0)
                        return r;
                r = receive_reply(end, LXBUS_TYPE_REPLY, 0, ret, &fd, 1, &n_fds);
        } while (r == -EAGAIN);
        if (r < 0)
                return r == -EPIPE ? -ECONNRESET : r;
        if (ret->error > 0)
                return -ret->error;
        *ret_fd = n_fds > 0 ? fd : -EBADF;
        return 0;
}

static int request_and_wait(LxBus *bus, const LxbusRequest *request, int timeout, int *ret_end, LxbusReply *ret,
                            int *ret_fd) {
        int64_t deadline = deadline_after(timeout);
        _cleanup_close_ int end = -EBADF;
        int r;

        r = submit(bus, request, deadline, &end);
        if (r < 0)
                return r;
        r = await_reply(end, deadline, ret, ret_fd);
        if (r < 0)
                return r;
        *ret_end = steal_fd(&end);
        return 0;
}

/* ---- servers ---- */

static int register_server(LxBus *bus, const LxbusRequest *request, LxBusServer **ret, int *ret_ticket) {
        _cleanup_close_ int end = -EBADF, ticket = -EBADF;
        LxBusServer *server;
        LxbusReply reply;
        int r;

        r = request_and_wait(bus, request, -1, &end, &reply, &ticket);
        if (r < 0)
                return r;
        if (ret_ticket && ticket < 0)
                return -EPROTO;
        server = malloc(sizeof(*server));
        if (!server)
                return -ENOMEM;
        *server = (LxBusServer){ .fd = steal_fd(&end) };
        if (ret_ticket)
                *ret_ticket = steal_fd(&ticket);
        *ret = server;
        return 0;
}

int lxbus_register(LxBus *bus, const char *name, LxBusVisibility visibility, LxBusServer **ret) {
        LxbusRequest request = request_new(LXBUS_TYPE_REGISTER, 0);

        if (!lxbus_name_is_valid(name) || (unsigned)visibility >= LXBUS_SCOPE_MAX)
                return -EINVAL;
        request.scope = visibility;
        (void)set_field(request.name, sizeof(request.name), name);
        return register_server(bus, &request, ret, NULL);
}

int lxbus_register_unnamed(LxBus *bus, LxBusServer **ret, int *ret_ticket) {
        LxbusRequest request = request_new(LXBUS_TYPE_REGISTER, LXBUS_REQUEST_UNNAMED);

        return register_server(bus, &request, ret, ret_ticket);
}

LxBusServer *lxbus_server_free(LxBusServer *server) {
        if (server)
                closep(&server->fd);
        free(server);
        return NULL;
}

int lxbus_server_fd(const LxBusServer *server) {
        return server->fd;
}

void lxbus_server_cancel(LxBusServer *server) {
        atomic_store(&server->canceled, true);
        (void)shutdown(server->fd, SHUT_RDWR);
}

static int take_connection(LxBusServer *server, int flags, LxBusPort **ret) {
        _cleanup_close_ int port = -EBADF, pidfd = -EBADF;
        int fds[2] = { -EBADF, -EBADF }, r;
        LxbusReply reply;
        size_t n_fds = 0;

        r = receive_reply(server->fd, LXBUS_TYPE_CONNECTION, flags, &reply, fds, ELEMENTSOF(fds), &n_fds);
        if (r < 0)
                return r;
        port = fds[0];
        pidfd = fds[1];
        if (port < 0)
                return -EPROTO;
        r = port_new(port, &reply.identity, pidfd, ret);
        if (r < 0)
                return r;
        port = pidfd = -EBADF;
        return 0;
}

/* Who waits without end sleeps in recvmsg(2) itself. Between poll() and that another thread may have been quicker. */
int lxbus_server_accept(LxBusServer *server, int timeout, LxBusPort **ret) {
        int64_t deadline = deadline_after(timeout);
        int r;

        for (;;) {
                if (atomic_load(&server->canceled))
                        return -ECANCELED;
                r = take_connection(server, timeout < 0 ? 0 : MSG_DONTWAIT, ret);
                if (r != -EAGAIN)
                        return r == -EPIPE && atomic_load(&server->canceled) ? -ECANCELED : r;
                r = wait_until(server->fd, POLLIN, deadline);
                if (r < 0)
                        return r;
        }
}

/* ---- connections ---- */

static int fill_connect(LxbusRequest *request, const char *name, const char *where) {
        int r = 0;

        if (name && !lxbus_name_is_valid(name))
                return -EINVAL;
        if (where && *where && !distribution_name_is_valid(where))
                return -EINVAL;
        if (name)
                r = set_field(request->name, sizeof(request->name), name);
        if (r == 0 && where)
                r = set_field(request->where, sizeof(request->where), *where ? where : LXBUS_WHERE_HOST);
        return r;
}

int lxbus_connect(LxBus *bus, const char *name, const char *where, int flags, int timeout, LxBusPort **ret) {
        LxbusRequest request = request_new(LXBUS_TYPE_CONNECT, flags & LXBUS_WAIT ? LXBUS_REQUEST_WAIT : 0);
        _cleanup_close_ int end = -EBADF, pidfd = -EBADF;
        LxbusReply reply;
        int r;

        if (flags & ~LXBUS_WAIT)
                return -EINVAL;
        r = fill_connect(&request, name, where);
        if (r < 0)
                return r;
        r = request_and_wait(bus, &request, timeout, &end, &reply, &pidfd);
        if (r < 0)
                return r;
        r = port_new(end, &reply.identity, pidfd, ret);
        if (r < 0)
                return r;
        end = pidfd = -EBADF;
        return 0;
}

/* ---- who is there ---- */

/* Entries and their strings in one piece of memory. */
static int make_entries(const LxbusEntry *wire, size_t n, LxBusEntry **ret) {
        LxBusEntry *entries = malloc(n * (sizeof(LxBusEntry) + sizeof(LxbusEntry)) + 1);
        LxbusEntry *strings;

        if (!entries)
                return -ENOMEM;
        strings = (LxbusEntry *)(entries + n);
        memcpy(strings, wire, n * sizeof(*wire));
        for (size_t i = 0; i < n; i++) {
                LxbusEntry *e = &strings[i];

                e->name[sizeof(e->name) - 1] = e->identity.instance[sizeof(e->identity.instance) - 1] = 0;
                entries[i] = (LxBusEntry){
                        .name = *e->name ? e->name : NULL,
                        .instance = *e->identity.instance ? e->identity.instance : NULL,
                        .visibility = e->scope,
                        .uid = e->identity.uid,
                        .pid = e->identity.pid,
                        .n_ports = e->n_ports,
                };
        }
        *ret = entries;
        return 0;
}

int lxbus_list(LxBus *bus, LxBusEntry **ret, size_t *ret_n) {
        LxbusRequest request = request_new(LXBUS_TYPE_LIST, 0);
        _cleanup_close_ int end = -EBADF, list = -EBADF;
        _cleanup_free_ LxbusEntry *wire = NULL;
        LxbusReply reply;
        struct stat st;
        ssize_t size;
        int r;

        r = request_and_wait(bus, &request, -1, &end, &reply, &list);
        if (r < 0)
                return r;
        if (list < 0 || fstat(list, &st) < 0 || st.st_size % sizeof(*wire) != 0)
                return -EPROTO;
        wire = malloc(st.st_size + 1);
        if (!wire)
                return -ENOMEM;
        size = pread(list, wire, st.st_size, 0);
        if (size != st.st_size)
                return size < 0 ? -errno : -EPROTO;
        r = make_entries(wire, size / sizeof(*wire), ret);
        if (r < 0)
                return r;
        *ret_n = size / sizeof(*wire);
        return 0;
}
