/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading from a port. What does not fit into what the reader has is kept, whole, for the
 * next one; the peer may be anybody, so nothing of a packet is believed before it was checked. */

#include <poll.h>
#include <sys/socket.h>

#include "client/lxss/lxbus-private.h"
#include "shared/fd-socket.h"
#include "shared/lxbus-packet.h"
#include "shared/util.h"

void packet_free(Packet *packet) {
        if (!packet)
                return;
        for (size_t i = 0; i < packet->n_fds; i++)
                fd_socket_discard(&packet->fds[i]);
        free(packet->data);
        free(packet);
}

/* With the payload of a message that is too large for a packet; else none. */
static int payload_memory(const Packet *packet, const LxbusFrame *frame) {
        return frame->payload ? -EBADF : packet->fds[0];
}

/* Whoever kills does it with his own rights. An instance may name its own processes, not those of the host, for one
 * of which it can have a pidfd: of its peer (SO_PEERPIDFD). On the host alone peers have a pid there. */
static bool may_be_ended(const LxBusPort *port, int pidfd) {
        bool by_instance = port->has_peer && *port->peer.instance && port->peer.pid > 0;

        return !by_instance || !pidfd_is_beside_us(pidfd);
}

static int look_at_object(const LxBusPort *port, const LxbusWireObject *wire, int fd, LxBusObject *ret) {
        LxBusObject object = { .kind = wire->kind, .flags = wire->flags, .fd = -EBADF };
        int r = object_check(object.kind, fd, &object.size);

        if (r < 0)
                return r == -EINVAL ? -EPROTO : r;
        if (object.kind == LXBUS_PROCESS)
                (void)pidfd_get_pid(fd, &object.pid);
        if (object.flags & LXBUS_TERMINATE && !may_be_ended(port, fd))
                return -EPROTO;
        *ret = object;
        return 0;
}

/* Of processes that end with the port: those of a message that is refused are not concerned. */
static int doom_processes(LxBusPort *port, const LxBusObject *objects, size_t n, const int *fds) {
        int doomed[LXBUS_OBJECTS_MAX], r = 0;
        size_t n_doomed = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                if (objects[i].flags & LXBUS_TERMINATE && (r = port_doom(port, fds[i], &doomed[n_doomed])) == 0)
                        n_doomed++;
        if (r < 0)
                while (n_doomed > 0)
                        port_spare(port, doomed[--n_doomed]);
        return r;
}

static int hand_over(LxBusPort *port, Packet *packet, const LxbusFrame *frame, LxBusMessage *message) {
        int *fds = packet->fds + (frame->payload ? 0 : 1), r;
        size_t n = frame->header.n_objects;

        r = lxbus_payload_copy(frame, payload_memory(packet, frame), message->data, frame->header.size);
        for (size_t i = 0; r == 0 && i < n; i++) {
                const LxbusWireObject object = lxbus_frame_object(frame, i);

                r = look_at_object(port, &object, fds[i], &message->objects[i]);
        }
        if (r == 0)
                r = doom_processes(port, message->objects, n, fds);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                message->objects[i].fd = steal_fd(&fds[i]);
        message->size = frame->header.size;
        message->n_objects = n;
        return 0;
}

/* Gives the reader what is kept, or says how much room it needs. */
static int deliver(LxBusPort *port, LxBusMessage *message) {
        Packet *packet = port->kept;
        LxbusFrame frame;
        int r;

        r = lxbus_frame_decode(packet->data, packet->size, packet->n_fds, &frame);
        if (r == 0)
                r = lxbus_payload_check(&frame, payload_memory(packet, &frame));
        if (r == 0 && (frame.header.size > message->size || frame.header.n_objects > message->n_objects)) {
                message->size = frame.header.size;
                message->n_objects = frame.header.n_objects;
                return -EMSGSIZE;
        }
        if (r == 0)
                r = hand_over(port, packet, &frame, message);
        packet_free(steal_pointer(&port->kept));
        return r == -EBADMSG ? -EPROTO : r;
}

/* The parts of a packet as recvmsg(2) left them, in one piece; with its descriptors. */
static int keep(LxBusPort *port, const struct iovec *parts, size_t n_parts, size_t size, const int *fds,
                size_t n_fds) {
        Packet *packet = malloc(sizeof(*packet));
        char *data = malloc(size);
        size_t at = 0;

        if (!packet || !data) {
                free(packet);
                free(data);
                for (size_t i = 0; i < n_fds; i++)
                        (void)close(fds[i]);
                return -ENOMEM;
        }
        for (size_t i = 0; i < n_parts && at < size; i++) {
                size_t n = parts[i].iov_len < size - at ? parts[i].iov_len : size - at;

                if (n > 0)
                        memcpy(data + at, parts[i].iov_base, n);
                at += n;
        }
        packet->data = data;
        packet->size = size;
        packet->n_fds = n_fds;
        memcpy(packet->fds, fds, n_fds * sizeof(int));
        port->kept = packet;
        return 0;
}

/* Where a packet goes. */
typedef struct Place {
        LxbusHeader header;
        struct iovec parts[3];
        size_t n_parts;
        int fds[LXBUS_OBJECTS_MAX + 1];
        size_t n_fds;
        char buffer[LXBUS_PACKET_MAX]; /* for what is not read straight to where it goes */
} Place;

/* Into the buffer, which is copied from, or straight into the reader's, where that has room for a large
 * packet and the last one was large. */
static void choose_place(LxBusPort *port, const LxBusMessage *message, Place *ret) {
        bool small = !port->expects && (!port->large || message->size <= SMALL_MAX);

        ret->n_fds = 0;
        ret->n_parts = small ? 1 : 3;
        ret->parts[0] = small ? (struct iovec){ ret->buffer, LXBUS_PACKET_MAX } :
                                (struct iovec){ &ret->header, sizeof(ret->header) };
        ret->parts[1] = (struct iovec){ message->data, message->size };
        ret->parts[2] = (struct iovec){ ret->buffer, LXBUS_PACKET_MAX };
}

/* What comes in one piece has no descriptors: those that came uninvited the kernel has closed. */
static ssize_t receive_once(LxBusPort *port, Place *place, int flags) {
        ssize_t n;

        if (place->n_parts > 1)
                return fd_socket_receive_parts(port->fd, place->parts, place->n_parts, flags, place->fds,
                                               port->expects ? ELEMENTSOF(place->fds) : 0, &place->n_fds);
        do
                n = recv(port->fd, place->parts[0].iov_base, place->parts[0].iov_len, flags | MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        if (n >= (ssize_t)sizeof(place->header))
                memcpy(&place->header, place->parts[0].iov_base, sizeof(place->header));
        return n < 0 ? -errno : (size_t)n > place->parts[0].iov_len ? -EMSGSIZE : n;
}

/* One packet, or what kept it from coming; whoever waits without end sleeps in the system call itself. */
static ssize_t receive(LxBusPort *port, Place *place, int timeout, int64_t deadline) {
        ssize_t n;
        int r;

        for (;;) {
                n = receive_once(port, place, timeout < 0 ? 0 : MSG_DONTWAIT);
                if (n > 0)
                        return n;
                if (atomic_load_explicit(&port->canceled, memory_order_relaxed))
                        return -ECANCELED;
                /* Said once, where the peer went without reading all: what it sent is still there. */
                if (n == -ECONNRESET)
                        continue;
                if (n != -EAGAIN)
                        return n == 0 ? -EPIPE : n == -EMSGSIZE ? -EPROTO : n;
                r = wait_until(port->fd, POLLIN, deadline);
                if (r < 0)
                        return r;
        }
}

static bool is_announcement(const Place *place, size_t n) {
        const LxbusHeader *h = &place->header;

        return n == sizeof(*h) && h->flags == LXBUS_MESSAGE_ANNOUNCE && h->size == 0 && h->n_objects == 0 &&
               place->n_fds == 0;
}

/* A message of bytes that fits, without a look at anything else. */
static bool take_plain(const Place *place, size_t n, LxBusMessage *message) {
        const LxbusHeader *h = &place->header;

        if (n != sizeof(*h) + h->size || h->n_objects != 0 || h->flags != 0 || place->n_fds != 0 ||
            h->size > message->size || h->size > LXBUS_INLINE_MAX)
                return false;
        if (place->n_parts == 1 && h->size > 0)
                memcpy(message->data, (const char *)place->parts[0].iov_base + sizeof(*h), h->size);
        message->size = h->size;
        message->n_objects = 0;
        return true;
}

int lxbus_port_read(LxBusPort *port, LxBusMessage *message, int timeout) {
        int64_t deadline = timeout > 0 ? deadline_after(timeout) : timeout;
        Place place;
        ssize_t n;
        int r;

        if (port->kept)
                return deliver(port, message);
        for (;;) {
                choose_place(port, message, &place);
                n = receive(port, &place, timeout, deadline);
                if (n < 0)
                        return (int)n;
                if (n < (ssize_t)sizeof(place.header) || !is_announcement(&place, n))
                        break;
                if (port->expects) /* nobody says it twice */
                        return -EPROTO;
                port->expects = true;
        }
        port->expects = false;
        port->large = n > (ssize_t)sizeof(place.header) + SMALL_MAX;
        if (n >= (ssize_t)sizeof(place.header) && take_plain(&place, n, message))
                return 0;
        r = keep(port, place.parts, place.n_parts, n, place.fds, place.n_fds);
        return r < 0 ? r : deliver(port, message);
}

int lxbus_port_receive(LxBusPort *port, void *data, size_t size, size_t *ret_size, int timeout) {
        LxBusObject objects[LXBUS_OBJECTS_MAX];
        LxBusMessage message = { .data = data, .size = size, .objects = objects, .n_objects = LXBUS_OBJECTS_MAX };
        int r;

        r = lxbus_port_read(port, &message, timeout);
        if (r == 0)
                for (size_t i = 0; i < message.n_objects; i++)
                        closep(&objects[i].fd);
        if (r == 0 || r == -EMSGSIZE)
                *ret_size = message.size;
        return r;
}
