/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of LxBus's client side share. */

#include <stdatomic.h>
#include <stdbool.h>

#include "client/lxss/lxbus.h"
#include "shared/lxbus-protocol.h"

/* A moment on CLOCK_MONOTONIC in milliseconds; negative: never. */
int64_t deadline_after(int timeout);

/* Waits for events of poll(2), or an error. 0, -ETIMEDOUT, or another negative errno. */
int wait_until(int fd, short events, int64_t deadline);

struct LxBus {
        int fd;
        bool inside;        /* of an instance, where lxbus_connect_inside() gives another one */
        atomic_int crowded; /* > 0: descriptors could not be sent, and so many requests go without */
};

/* Another bus of the instance. Where lxssd is behind with new ones that is waited for. 0 or what connect(2) says. */
int lxbus_connect_inside(int *ret);

/* A packet that came, in one piece. */
typedef struct Packet {
        void *data; /* owned; NULL: there is none */
        size_t size;
        int fds[LXBUS_OBJECTS_MAX + 1]; /* owned */
        size_t n_fds;
} Packet;

/* With its descriptors; NULL is legal. */
void packet_free(Packet *packet);

struct LxBusServer {
        int fd;
        atomic_bool canceled;
};

struct LxBusPort {
        int fd;
        atomic_bool canceled;
        bool has_peer;
        LxbusIdentity peer;
        int peer_pidfd;
        bool announced; /* to the peer, that descriptors come; of the writer */
        bool expects;   /* the peer has said so; of the reader */
        Packet *kept;   /* what did not fit into what the last reader had */
        bool large;     /* the last packet was larger than SMALL_MAX; of the reader */
        int *doomed;    /* pidfds of processes that end with the port: of both directions, so locked */
        size_t n_doomed;
        atomic_flag doomed_lock;
};

/* Messages up to this size are put together in one piece, which costs less than to have the kernel do it. */
#define SMALL_MAX 4096

/* Takes the socket over, unless it fails. peer: as the service says; NULL: unknown. pidfd: taken over, too; may be
 * negative. */
int port_new(int fd, const LxbusIdentity *peer, int pidfd, LxBusPort **ret);

/* The process is killed when the port closes; borrowed. *ret: for port_spare(), which takes that back. */
int port_doom(LxBusPort *port, int pidfd, int *ret);
void port_spare(LxBusPort *port, int doomed);

/* The process id of a pidfd as this pid namespace has it; 0: it is not of it. -EINVAL: no pidfd. */
int pidfd_get_pid(int fd, pid_t *ret);
/* Whether its process is in this very pid namespace, and in none beneath it. */
bool pidfd_is_beside_us(int fd);

/* Whether a descriptor is what its kind says; size of memory. 0 or -EINVAL. */
int object_check(LxBusKind kind, int fd, uint64_t *ret_size);
