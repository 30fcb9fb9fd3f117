/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See shared/lxbus-packet.h. A payload's memory is a stranger's until it was checked: sealed, it is a memfd
 * (memfd_create(2)), whose reader nobody can keep waiting. It is read with pread(2) all the same, since a
 * mapping could still end its reader with a signal, be it that no page is left for a hole in it. */

#include "shared/lxbus-packet.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shared/fd-socket.h"

_Static_assert(LXBUS_OBJECTS_MAX + 1 == FD_SOCKET_MAX, "a packet has room for every object and the payload's memory");

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int lxbus_packet_send(int socket, const LxbusOutgoing *message) {
        bool in_memory = message->size > LXBUS_INLINE_MAX;
        LxbusHeader header = { message->size, in_memory ? LXBUS_MESSAGE_MEMFD : 0, message->n_objects };
        const struct iovec parts[] = {
                { &header, sizeof(header) },
                { (void *)message->objects, message->n_objects * sizeof(*message->objects) },
                { (void *)message->payload, in_memory ? 0 : message->size },
        };
        int fds[FD_SOCKET_MAX];
        size_t n_fds = 0;

        if (message->size > LXBUS_PAYLOAD_MAX || message->n_objects > LXBUS_OBJECTS_MAX)
                return -EMSGSIZE;
        if (in_memory)
                fds[n_fds++] = message->memory;
        for (size_t i = 0; i < message->n_objects; i++)
                fds[n_fds++] = message->fds[i];
        if (message->now)
                return fd_socket_send_now(socket, parts, ELEMENTSOF(parts), fds, n_fds);
        return fd_socket_send_process(socket, parts, ELEMENTSOF(parts), fds, n_fds, message->process);
}

int lxbus_payload_to_memory(const void *payload, size_t size, int *ret) {
        _cleanup_close_ int fd = syscall(SYS_memfd_create, "lxbus-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, payload, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return -errno;
        *ret = steal_fd(&fd);
        return 0;
}

int lxbus_payload_check(const LxbusFrame *frame, int memory) {
        struct stat st;
        int seals;

        if (frame->payload)
                return 0;
        seals = fcntl(memory, F_GET_SEALS);
        if (seals < 0 || !(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_WRITE) || fstat(memory, &st) < 0)
                return -EBADMSG;
        return (uint64_t)st.st_size == frame->header.size ? 0 : -EBADMSG;
}

int lxbus_payload_copy(const LxbusFrame *frame, int memory, void *data, size_t size) {
        if (size == 0) /* data may be NULL */
                return 0;
        if (frame->payload)
                memcpy(data, frame->payload, size);
        else if (pread(memory, data, size, 0) != (ssize_t)size)
                return -EBADMSG;
        return 0;
}

int lxbus_packet_receive(int socket, void *buffer, size_t size, LxbusIncoming *ret) {
        size_t n_fds = 0;
        ssize_t n;
        int r;

        ret->n_fds = 0;
        ret->memory = -EBADF;
        ret->copy = NULL;
        do /* said once, where the peer went without reading all: what it sent is still there */
                n = fd_socket_receive_process(socket, buffer, size, ret->fds, ELEMENTSOF(ret->fds), &n_fds,
                                              &ret->process);
        while (n == -ECONNRESET);
        if (n <= 0)
                return n < 0 ? (int)n : -EPIPE;
        ret->n_fds = n_fds;
        r = lxbus_frame_decode(buffer, n, n_fds, &ret->frame);
        if (r < 0 || ret->frame.payload)
                return r;
        ret->memory = ret->fds[0];
        memmove(ret->fds, ret->fds + 1, --ret->n_fds * sizeof(int));
        return 0;
}

int lxbus_incoming_payload(LxbusIncoming *incoming, const void **ret) {
        const LxbusFrame *frame = &incoming->frame;
        _cleanup_free_ void *copy = NULL;
        int r;

        if (!frame->payload && !incoming->copy) {
                r = lxbus_payload_check(frame, incoming->memory);
                if (r < 0)
                        return r;
                copy = malloc(frame->header.size + 1);
                if (!copy)
                        return -ENOMEM;
                r = lxbus_payload_copy(frame, incoming->memory, copy, frame->header.size);
                if (r < 0)
                        return r;
                incoming->copy = steal_pointer(&copy);
        }
        *ret = frame->payload ?: incoming->copy;
        return 0;
}

void lxbus_incoming_clear(LxbusIncoming *incoming) {
        for (size_t i = 0; i < incoming->n_fds; i++)
                fd_socket_discard(&incoming->fds[i]);
        incoming->n_fds = 0;
        fd_socket_discard(&incoming->memory);
        free(steal_pointer(&incoming->copy));
}
