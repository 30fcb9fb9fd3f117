/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The messages of LxBus's ports (shared/lxbus-protocol.h) on their way, each a packet of
 * shared/fd-socket.h: what liblxss's ports and both ends of /init's channel have in common. It
 * knows nothing of what the messages mean, and waits for nothing but the socket. */

#include <stdbool.h>
#include <sys/types.h>

#include "shared/lxbus-protocol.h"
#include "shared/util.h"

/* A message to be sent. All of it stays the caller's. */
typedef struct LxbusOutgoing {
        const void *payload;
        size_t size;
        int memory; /* with the payload, where that is larger than LXBUS_INLINE_MAX; else nobody looks at it */
        const LxbusWireObject *objects;
        const int *fds; /* one for each object */
        size_t n_objects;
        pid_t process; /* that the packet names, as fd_socket_send_process() says; 0: its sender */
        bool now;      /* does not wait for room, whatever the socket's flags are */
} LxbusOutgoing;

/* Returns 0; -EMSGSIZE over LXBUS_PAYLOAD_MAX or LXBUS_OBJECTS_MAX; or what fd_socket_send() does. */
int lxbus_packet_send(int socket, const LxbusOutgoing *message);

/* A copy of a payload that nobody can change or shorten any more, for LxbusOutgoing.memory.
 * Returns 0 and a descriptor, or negative errno. */
int lxbus_payload_to_memory(const void *payload, size_t size, int *ret);

/* Whether the memory that came with a message is what it must be: sealed, and as long as the payload.
 * 0 where that is in the packet. Returns 0 or -EBADMSG. */
int lxbus_payload_check(const LxbusFrame *frame, int memory);

/* The first `size` bytes of the payload, which has as many, out of the packet or of memory that was checked.
 * Returns 0, or -EBADMSG where they cannot be read. */
int lxbus_payload_copy(const LxbusFrame *frame, int memory, void *data, size_t size);

/* A message that came. */
typedef struct LxbusIncoming {
        LxbusFrame frame;               /* into the reader's buffer */
        int fds[LXBUS_OBJECTS_MAX + 1]; /* owned: those of the objects; negative: taken by somebody */
        size_t n_fds;
        int memory;    /* owned: with the payload, or negative */
        void *copy;    /* owned: of the memory, or NULL */
        pid_t process; /* that the packet names, where the socket has SO_PASSCRED; 0: none here */
} LxbusIncoming;

/* Receives a message. It looks for descriptors in every packet, so nobody announces them to it
 * (LXBUS_MESSAGE_ANNOUNCE); an announcement is no message. Returns 0; -EAGAIN; -EPIPE at the end; -EBADMSG,
 * -EMSGSIZE (larger than the buffer) or -EMFILE where what came is no message or could not be taken, and is
 * gone; or another negative errno. ret is to be cleared in any case. */
int lxbus_packet_receive(int socket, void *buffer, size_t size, LxbusIncoming *ret);

/* The payload, as frame.header.size bytes that stay until the message is cleared. Returns 0, -EBADMSG where its
 * memory is not what it must be, or -ENOMEM. */
int lxbus_incoming_payload(LxbusIncoming *incoming, const void **ret);

/* Closes and frees what nobody took. */
void lxbus_incoming_clear(LxbusIncoming *incoming);
#define _cleanup_lxbus_incoming_ _cleanup_(lxbus_incoming_clear)
