/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* LxBus as bytes ↔ values. No I/O. Everything is a packet on a SOCK_SEQPACKET
 * socket (unix(7)), numbers are native, since both ends are on one machine, and
 * every decoder takes its packet for a stranger's.
 *
 * The bus socket      what a program has of lxssd: /run/lxss/bus in an instance, the
 *                     descriptor of OpenBus() on the host. It takes requests and never
 *                     answers: a request brings one end of a socketpair along, and the
 *                     answer comes out of the other. So threads share a bus socket
 *                     without a lock, and a right to connect can be handed on as one.
 *                     A new pair for each: an end whose other end has a name (unix(7)),
 *                     as those have that lxssd keeps, ends the bus. Or the bus is the end itself, and
 *                     no bus any more: so who cannot send descriptors asks all the same.
 * The end of REGISTER gets a REPLY, then a CONNECTION with each client's port.
 * The end of CONNECT  gets a REPLY that says who the server is, and is the client's
 *                     port from then on: the other end is with the server, lxssd is out.
 * A port              carries messages of both sides, LxbusHeader first. /init's channel to lxssd is
 *                     one, whose ends lxssd makes itself (shared/init-protocol.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/distribution-name.h"

/* The bus socket of an instance, as its programs see it. */
#define LXBUS_DIRECTORY "/run/lxss"
#define LXBUS_SOCKET LXBUS_DIRECTORY "/bus"

/* Letters, digits, dots, dashes and underscores, a letter or digit first. */
#define LXBUS_NAME_LENGTH_MAX 128

typedef enum LxbusType {
        LXBUS_TYPE_REGISTER = 1,
        LXBUS_TYPE_CONNECT,
        LXBUS_TYPE_LIST,
        LXBUS_TYPE_REPLY = 16,
        LXBUS_TYPE_CONNECTION,
} LxbusType;

/* Who may connect to a server, beside those of its own side. Each includes the ones before it. */
typedef enum LxbusScope {
        LXBUS_SCOPE_OWN,  /* the instance that the server is in; of a server on the host: the host */
        LXBUS_SCOPE_HOST, /* and the host */
        LXBUS_SCOPE_ALL,  /* and every instance */
        LXBUS_SCOPE_MAX,
} LxbusScope;

enum {
        LXBUS_REQUEST_UNNAMED = 1 << 0, /* REGISTER: no name, the REPLY brings the right to connect */
        LXBUS_REQUEST_WAIT = 1 << 1,    /* CONNECT: until there is such a server, and it has room */
        LXBUS_REQUEST_HERE = 1 << 2,    /* without an end: this bus becomes it. Not of a right to connect */
};

/* What `where` of a CONNECT may be beside a distribution, whose names have no colon. */
#define LXBUS_WHERE_HOST ":host"

typedef struct LxbusRequest {
        uint32_t type;
        uint32_t flags;
        uint32_t scope; /* REGISTER */
        uint32_t reserved;
        char name[LXBUS_NAME_LENGTH_MAX + 1];
        char where[DISTRIBUTION_NAME_MAX + 1]; /* CONNECT: on which side; empty: the nearest one */
        char padding[2];
} LxbusRequest;

/* Who is at the other end, in lxssd's words. */
typedef struct LxbusIdentity {
        uint32_t uid;      /* on its own side */
        uint32_t host_uid; /* the same as the host knows it */
        int32_t pid;       /* as the host knows it */
        char instance[DISTRIBUTION_NAME_MAX + 1]; /* empty: the host */
        char padding[3];
} LxbusIdentity;

/* REPLY: with the server's pidfd, to an unnamed REGISTER with the right to connect,
 * to a LIST with a memfd of LxbusEntry. CONNECTION: with the port, then the client's pidfd. */
typedef struct LxbusReply {
        uint32_t type;
        int32_t error; /* 0, or an errno; then no descriptor comes along */
        LxbusIdentity identity;
} LxbusReply;

typedef struct LxbusEntry {
        LxbusIdentity identity;
        uint32_t scope;
        uint32_t n_ports; /* that are open; of very many, were a while ago */
        char name[LXBUS_NAME_LENGTH_MAX + 1]; /* empty: an unnamed one */
        char padding[3];
} LxbusEntry;

/* What a message on a port begins with. n_objects LxbusWireObject follow, then the
 * payload, unless that is in a memfd, which is then the first descriptor; the objects'
 * descriptors come in their order. */
typedef struct LxbusHeader {
        uint32_t size; /* of the payload */
        uint16_t flags;
        uint16_t n_objects;
} LxbusHeader;

enum {
        LXBUS_MESSAGE_MEMFD = 1 << 0,
        /* No message, and nothing else of one is there: the next packet brings descriptors. The readers of a
         * port between programs look for them only then, since recvmsg(2) costs an eighth more than recv(2),
         * which drops them. What announces is thus a matter of the reader: one that looks in every packet
         * (shared/lxbus-packet.h) is told of none, and takes an announcement for a broken message. */
        LXBUS_MESSAGE_ANNOUNCE = 1 << 1,
};

typedef enum LxbusKind {
        LXBUS_KIND_FD = 1,
        LXBUS_KIND_PROCESS, /* a pidfd */
        LXBUS_KIND_TERMINAL,
        LXBUS_KIND_MEMORY,  /* a memfd with F_SEAL_SHRINK */
        LXBUS_KIND_MAX,
} LxbusKind;

enum {
        LXBUS_OBJECT_TERMINATE = 1 << 0, /* PROCESS: it is killed when the port is closed */
};

typedef struct LxbusWireObject {
        uint32_t kind;
        uint32_t flags;
        uint64_t size; /* MEMORY: bytes */
} LxbusWireObject;

/* Payload that travels in the packet itself; far below every default of SO_SNDBUF. */
#define LXBUS_INLINE_MAX 32768u
/* Payload at all. */
#define LXBUS_PAYLOAD_MAX (16u << 20)
/* SCM_MAX_FD is 253, and the memfd needs one. */
#define LXBUS_OBJECTS_MAX 252u
/* The largest packet on a port. */
#define LXBUS_PACKET_MAX (sizeof(LxbusHeader) + LXBUS_OBJECTS_MAX * sizeof(LxbusWireObject) + LXBUS_INLINE_MAX)

bool lxbus_name_is_valid(const char *name);

/* Reads a request. Returns 0; -EBADMSG where it is none at all; -EINVAL where a value in it
 * is not allowed, with its type in ret->type, so that it can be answered. */
int lxbus_request_decode(const void *packet, size_t size, LxbusRequest *ret);

/* Reads a REPLY or a CONNECTION. Returns 0 or -EBADMSG. */
int lxbus_reply_decode(const void *packet, size_t size, LxbusType type, LxbusReply *ret);

/* A message as it lies in its packet. */
typedef struct LxbusFrame {
        LxbusHeader header;
        const LxbusWireObject *objects; /* into the packet, perhaps unaligned: lxbus_frame_object() */
        const void *payload;            /* into the packet; NULL where it is in the memfd */
} LxbusFrame;

/* Reads a packet that came with n_fds descriptors. Returns 0 or -EBADMSG: lengths that do not
 * fit, unknown kinds or flags, or another number of descriptors than it speaks of. */
int lxbus_frame_decode(const void *packet, size_t size, size_t n_fds, LxbusFrame *ret);
LxbusWireObject lxbus_frame_object(const LxbusFrame *frame, size_t i);
