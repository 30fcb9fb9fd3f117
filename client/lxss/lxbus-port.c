/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ports: their life, what is sent along, and writing. The common message, small and of bytes
 * alone, is put together with its header and sent by the cheapest system call that there is. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

#include "client/lxss/lxbus-private.h"
#include "shared/lxbus-packet.h"
#include "shared/util.h"

_Static_assert(LXBUS_MESSAGE_MAX == LXBUS_PAYLOAD_MAX && LXBUS_MESSAGE_OBJECTS_MAX == LXBUS_OBJECTS_MAX &&
                               (int)LXBUS_FD == LXBUS_KIND_FD && (int)LXBUS_MEMORY == LXBUS_KIND_MEMORY &&
                               (int)LXBUS_TERMINATE == LXBUS_OBJECT_TERMINATE,
               "the interface and what goes over the wire agree");

int port_new(int fd, const LxbusIdentity *peer, int pidfd, LxBusPort **ret) {
        LxBusPort *port = calloc(1, sizeof(*port));

        if (!port)
                return -ENOMEM;
        port->fd = fd;
        port->peer_pidfd = pidfd;
        port->has_peer = peer != NULL;
        if (peer)
                port->peer = *peer;
        *ret = port;
        return 0;
}

int lxbus_port_new(int fd, LxBusPort **ret) {
        struct stat st;
        socklen_t size = sizeof(int);
        int type;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
                return -EINVAL;
        return port_new(fd, NULL, -EBADF, ret);
}

LxBusPort *lxbus_port_free(LxBusPort *port) {
        if (!port)
                return NULL;
        for (size_t i = 0; i < port->n_doomed; i++) {
                (void)syscall(SYS_pidfd_send_signal, port->doomed[i], SIGKILL, NULL, 0);
                closep(&port->doomed[i]);
        }
        free(port->doomed);
        packet_free(port->kept);
        closep(&port->peer_pidfd);
        closep(&port->fd);
        free(port);
        return NULL;
}

int lxbus_port_fd(const LxBusPort *port) {
        return port->fd;
}

void lxbus_port_finish(LxBusPort *port) {
        (void)shutdown(port->fd, SHUT_WR);
}

void lxbus_port_cancel(LxBusPort *port) {
        atomic_store(&port->canceled, true);
        (void)shutdown(port->fd, SHUT_RDWR);
}

int lxbus_port_peer(const LxBusPort *port, LxBusPeer *ret) {
        if (!port->has_peer)
                return -ENODATA;
        *ret = (LxBusPeer){
                .instance = *port->peer.instance ? port->peer.instance : NULL,
                .uid = port->peer.uid,
                .host_uid = port->peer.host_uid,
                .pid = port->peer.pid,
                .pidfd = port->peer_pidfd,
        };
        if (ret->pid == 0 && ret->pidfd >= 0) /* the host's number means nothing here */
                (void)pidfd_get_pid(ret->pidfd, &ret->pid);
        return 0;
}

/* ---- objects ---- */

/* What /proc tells of a pidfd. -EINVAL: it is none. */
static int read_pidfd(int fd, char *text, size_t size) {
        _cleanup_close_ int info = -EBADF;
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        info = open(path, O_RDONLY | O_CLOEXEC);
        n = info < 0 ? -1 : read(info, text, size - 1);
        if (n < 0)
                return errno == ENOENT ? -EINVAL : -errno;
        text[n] = 0;
        return strstr(text, "\nPid:") ? 0 : -EINVAL;
}

int pidfd_get_pid(int fd, pid_t *ret) {
        char text[1024];
        int pid, r;

        r = read_pidfd(fd, text, sizeof(text));
        if (r < 0)
                return r;
        if (sscanf(strstr(text, "\nPid:"), "\nPid: %d", &pid) != 1)
                return -EINVAL;
        *ret = pid > 0 ? pid : 0;
        return 0;
}

bool pidfd_is_beside_us(int fd) {
        char text[1024], *line;
        int pid, beneath;

        if (read_pidfd(fd, text, sizeof(text)) < 0)
                return false;
        line = strstr(text, "\nNSpid:");
        return line && sscanf(line, "\nNSpid: %d%*[\t ]%d", &pid, &beneath) == 1 && pid > 0;
}

static int memory_check(int fd, uint64_t *ret_size) {
        struct stat st;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0)
                return -EINVAL;
        *ret_size = st.st_size;
        return 0;
}

int object_check(LxBusKind kind, int fd, uint64_t *ret_size) {
        struct termios t;
        pid_t pid;

        *ret_size = 0;
        switch (kind) {
        case LXBUS_FD:
                return fcntl(fd, F_GETFD) < 0 ? -EINVAL : 0;
        case LXBUS_PROCESS:
                return pidfd_get_pid(fd, &pid);
        case LXBUS_TERMINAL:
                return tcgetattr(fd, &t) < 0 ? -EINVAL : 0;
        case LXBUS_MEMORY:
                return memory_check(fd, ret_size);
        default:
                return -EINVAL;
        }
}

static void lock_doomed(LxBusPort *port) {
        while (atomic_flag_test_and_set(&port->doomed_lock))
                ;
}

int port_doom(LxBusPort *port, int pidfd, int *ret) {
        int fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3), r = 0, *doomed;

        if (fd < 0)
                return -errno;
        lock_doomed(port);
        doomed = reallocarray(port->doomed, port->n_doomed + 1, sizeof(int));
        if (doomed) {
                port->doomed = doomed;
                port->doomed[port->n_doomed++] = fd;
        } else
                r = -ENOMEM;
        atomic_flag_clear(&port->doomed_lock);
        if (r < 0)
                closep(&fd);
        else
                *ret = fd;
        return r;
}

void port_spare(LxBusPort *port, int doomed) {
        lock_doomed(port);
        for (size_t i = 0; i < port->n_doomed; i++)
                if (port->doomed[i] == doomed) {
                        port->doomed[i] = port->doomed[--port->n_doomed];
                        break;
                }
        atomic_flag_clear(&port->doomed_lock);
        closep(&doomed);
}

/* ---- writing ---- */

/* What goes into a packet beside the payload. */
typedef struct Outgoing {
        LxbusWireObject objects[LXBUS_OBJECTS_MAX];
        int fds[LXBUS_OBJECTS_MAX]; /* borrowed, but for those opened here */
        size_t n_objects;
        int opened[LXBUS_OBJECTS_MAX]; /* owned */
        size_t n_opened;
        int doomed[LXBUS_OBJECTS_MAX]; /* the port's */
        size_t n_doomed;
} Outgoing;

static void outgoing_clear(Outgoing *out) {
        for (size_t i = 0; i < out->n_opened; i++)
                closep(&out->opened[i]);
}

static int add_object(Outgoing *out, const LxBusObject *object) {
        LxbusWireObject *wire = &out->objects[out->n_objects];
        int fd = object->fd, r;

        if (object->flags & ~(object->kind == LXBUS_PROCESS ? LXBUS_TERMINATE : 0))
                return -EINVAL;
        if (fd < 0 && object->kind == LXBUS_PROCESS && object->pid > 0) {
                fd = syscall(SYS_pidfd_open, object->pid, 0);
                if (fd < 0)
                        return -errno;
                out->opened[out->n_opened++] = fd;
        }
        *wire = (LxbusWireObject){ .kind = object->kind, .flags = object->flags };
        r = object_check(object->kind, fd, &wire->size);
        if (r < 0)
                return r;
        out->fds[out->n_objects++] = fd;
        return 0;
}

/* Whether to try again. 1: yes; else what it came to. */
static int after_sending(LxBusPort *port, int r, int64_t deadline) {
        if (atomic_load_explicit(&port->canceled, memory_order_relaxed))
                return -ECANCELED;
        if (r == -ECONNRESET || r == -ENOTCONN)
                return -EPIPE;
        if (r != -EAGAIN)
                return r;
        r = wait_until(port->fd, POLLOUT, deadline);
        return r < 0 ? r : 1;
}

static int send_message(LxBusPort *port, LxbusOutgoing *message, int timeout) {
        int64_t deadline = timeout > 0 ? deadline_after(timeout) : timeout;
        int r;

        message->now = timeout >= 0;
        do {
                r = lxbus_packet_send(port->fd, message);
                if (r < 0)
                        r = after_sending(port, r, deadline);
        } while (r > 0);
        return r;
}

/* A packet in one piece, without descriptors. */
static int send_bytes(LxBusPort *port, const void *packet, size_t size, int timeout) {
        int64_t deadline = timeout > 0 ? deadline_after(timeout) : timeout;
        int r;

        do {
                r = send(port->fd, packet, size, MSG_NOSIGNAL | (timeout < 0 ? 0 : MSG_DONTWAIT)) < 0 ? -errno : 0;
                if (r < 0 && r != -EINTR)
                        r = after_sending(port, r, deadline);
        } while (r > 0 || r == -EINTR);
        return r;
}

/* Once, though the message itself may have to wait for another call. */
static int announce(LxBusPort *port, int timeout) {
        const LxbusHeader header = { .flags = LXBUS_MESSAGE_ANNOUNCE };
        int r = port->announced ? 0 : send_bytes(port, &header, sizeof(header), timeout);

        port->announced |= r == 0;
        return r;
}

/* Before it is sent: what could not be done afterwards would be told of a message that went. */
static int doom_processes(LxBusPort *port, Outgoing *out) {
        for (size_t i = 0; i < out->n_objects; i++) {
                int r;

                if (!(out->objects[i].flags & LXBUS_TERMINATE))
                        continue;
                r = port_doom(port, out->fds[i], &out->doomed[out->n_doomed]);
                if (r < 0)
                        return r;
                out->n_doomed++;
        }
        return 0;
}

static int write_with_objects(LxBusPort *port, const LxBusMessage *message, int timeout) {
        _cleanup_(outgoing_clear) Outgoing out = { 0 };
        _cleanup_close_ int memory = -EBADF;
        LxbusOutgoing whole;
        int r = 0;

        if (message->size > LXBUS_INLINE_MAX)
                r = lxbus_payload_to_memory(message->data, message->size, &memory);
        for (size_t i = 0; r == 0 && i < message->n_objects; i++)
                r = add_object(&out, &message->objects[i]);
        if (r < 0)
                return r;
        whole = (LxbusOutgoing){
                .payload = message->data,
                .size = message->size,
                .memory = memory,
                .objects = out.objects,
                .fds = out.fds,
                .n_objects = out.n_objects,
        };
        r = doom_processes(port, &out);
        if (r == 0)
                r = announce(port, timeout);
        if (r == 0)
                r = send_message(port, &whole, timeout);
        if (r < 0)
                while (out.n_doomed > 0)
                        port_spare(port, out.doomed[--out.n_doomed]);
        else
                port->announced = false;
        return r;
}

static int write_small(LxBusPort *port, const LxBusMessage *message, int timeout) {
        const LxbusHeader header = { .size = message->size };
        char packet[sizeof(header) + SMALL_MAX];
        int r;

        memcpy(packet, &header, sizeof(header));
        if (message->size > 0)
                memcpy(packet + sizeof(header), message->data, message->size);
        r = send_bytes(port, packet, sizeof(header) + message->size, timeout);
        port->announced &= r < 0; /* any packet is the next one */
        return r;
}

static int write_large(LxBusPort *port, const LxBusMessage *message, int timeout) {
        LxbusOutgoing whole = { .payload = message->data, .size = message->size };
        int r = send_message(port, &whole, timeout);

        port->announced &= r < 0;
        return r;
}

int lxbus_port_write(LxBusPort *port, const LxBusMessage *message, int timeout) {
        if (message->size > LXBUS_PAYLOAD_MAX || message->n_objects > LXBUS_OBJECTS_MAX)
                return -EMSGSIZE;
        if (message->size > LXBUS_INLINE_MAX || message->n_objects > 0)
                return write_with_objects(port, message, timeout);
        return message->size > SMALL_MAX ? write_large(port, message, timeout) : write_small(port, message, timeout);
}

int lxbus_port_send(LxBusPort *port, const void *data, size_t size) {
        const LxBusMessage message = { .data = (void *)data, .size = size };

        return lxbus_port_write(port, &message, -1);
}
