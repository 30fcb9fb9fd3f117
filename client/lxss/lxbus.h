/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LXBUS_H
#define LXBUS_H

/* LxBus: messages, descriptors, processes, terminals and memory between programs
 * in LXSS instances and on their host. See lxbus(7).
 *
 * The same functions work on both sides. They return 0 or a negative errno, never
 * set errno, keep no state of their own beside the objects that they return, and
 * every descriptor in them is close-on-exec. Times are in milliseconds; negative is
 * for ever, 0 does not wait. Whatever waits can be waited for with poll(2) instead:
 * the _fd() functions say on what.
 *
 * Threads: an LxBus may be used by several at once. An LxBusServer may, too, each
 * thread getting other connections. Of an LxBusPort one thread may read and another
 * write at the same time; lxbus_port_cancel() and lxbus_server_cancel() may be called
 * at any time; what frees an object must be the last use of it.
 *
 * Errors that every function may return: -ENOMEM, -EMFILE, -ENFILE, -EINVAL for
 * an argument that is never right, -ETIMEDOUT where a time was given and is over,
 * -ECANCELED after _cancel(), -EPROTO where lxssd or the peer does not speak LxBus; functions with a
 * bus: -EACCES where the settings keep this instance from it, -EPIPE where it is gone, which opening it again mends,
 * -ECONNRESET where lxssd had no descriptor left for the request, which may be tried again. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LXBUS_PUBLIC __attribute__((visibility("default")))
#else
#define LXBUS_PUBLIC
#endif

/* The longest name of a server. Letters, digits, dots, dashes and underscores, a letter or digit first. */
#define LXBUS_NAME_MAX 128
/* The largest message, in bytes, and the most objects that come with one. */
#define LXBUS_MESSAGE_MAX (16u << 20)
#define LXBUS_MESSAGE_OBJECTS_MAX 252u

typedef struct LxBus LxBus;
typedef struct LxBusServer LxBusServer;
typedef struct LxBusPort LxBusPort;

/* ---- The bus ---- */

/* Opens the bus: in an instance /run/lxss/bus, on the host through lxssd, which is started
 * where it does not run. -ECONNREFUSED where there is none; -EDQUOT where this user has too many open,
 * which in an instance the first call after it says, with -EPIPE. The caller frees *ret. */
LXBUS_PUBLIC int lxbus_open(LxBus **ret);

/* The same with a descriptor that the method OpenBus() of org.lxss.Manager1 returned. Takes fd
 * over, unless it fails. */
LXBUS_PUBLIC int lxbus_open_fd(int fd, LxBus **ret);

/* Frees it; NULL is legal. Servers and ports that came from it stay. Returns NULL. */
LXBUS_PUBLIC LxBus *lxbus_close(LxBus *bus);

/* ---- Servers ---- */

/* Who sees a server's name. The settings of an instance may narrow that. */
typedef enum LxBusVisibility {
        LXBUS_VISIBLE_HERE, /* programs of the same instance; for a server on the host, those of the host */
        LXBUS_VISIBLE_HOST, /* and those of the host */
        LXBUS_VISIBLE_ALL,  /* and those of every instance */
} LxBusVisibility;

/* Registers a server by this name, until it is freed or the process ends. -EADDRINUSE where
 * this side has one of this name already; -EACCES where the settings of the instance forbid that
 * visibility; -EDQUOT where this user has too many. The caller frees *ret. */
LXBUS_PUBLIC int lxbus_register(LxBus *bus, const char *name, LxBusVisibility visibility, LxBusServer **ret);

/* A server without a name. Only who has *ret_ticket, a descriptor that can be sent, inherited and
 * duplicated, can connect to it, with lxbus_open_fd() and lxbus_connect() without a name, from
 * any side. The caller closes *ret_ticket. */
LXBUS_PUBLIC int lxbus_register_unnamed(LxBus *bus, LxBusServer **ret, int *ret_ticket);

/* Waits for a connection. -EPIPE where the server ended with lxssd or its instance.
 * The caller frees *ret. */
LXBUS_PUBLIC int lxbus_server_accept(LxBusServer *server, int timeout, LxBusPort **ret);

/* For poll(2): POLLIN means that lxbus_server_accept() will not wait. Borrowed. */
LXBUS_PUBLIC int lxbus_server_fd(const LxBusServer *server);

/* Ends every lxbus_server_accept() that waits, and those to come. */
LXBUS_PUBLIC void lxbus_server_cancel(LxBusServer *server);

/* Takes the name back. Open ports stay. NULL is legal. Returns NULL. */
LXBUS_PUBLIC LxBusServer *lxbus_server_free(LxBusServer *server);

/* ---- Ports ---- */

enum {
        LXBUS_WAIT = 1 << 0, /* for the server to be registered, and to have room for one more connection */
};

/* Connects to a server. where: NULL for the nearest one of that name, which is the own side, then
 * the host, then the one instance that has it; "" for the host; or the name of a
 * distribution, whose running instance is meant. name: NULL for what a ticket stands for.
 *
 * -ENOENT: nobody that we may see has that name; -ENOTUNIQ: several instances have, say where;
 * -EAGAIN: the server does not take its connections, and too many wait; -EDQUOT: too many of this
 * user wait. The caller frees *ret. */
LXBUS_PUBLIC int lxbus_connect(LxBus *bus, const char *name, const char *where, int flags, int timeout,
                               LxBusPort **ret);

/* Makes a port of a descriptor of one, as lxbus_port_fd() has it and another program inherits it. Takes
 * fd over, unless it fails. Nothing is known of the peer then. */
LXBUS_PUBLIC int lxbus_port_new(int fd, LxBusPort **ret);

/* Closes it. Processes that were sent or received with LXBUS_TERMINATE are killed. NULL is legal. Returns NULL. */
LXBUS_PUBLIC LxBusPort *lxbus_port_free(LxBusPort *port);

/* For poll(2), and to hand on. Borrowed. */
LXBUS_PUBLIC int lxbus_port_fd(const LxBusPort *port);

/* Says that no more will be written: the peer reads what is under way, and then -EPIPE. */
LXBUS_PUBLIC void lxbus_port_finish(LxBusPort *port);

/* Ends every read and write of this port that waits, here and at the peer, and those to come. */
LXBUS_PUBLIC void lxbus_port_cancel(LxBusPort *port);

/* Who is at the other end: who connected, or who had registered the server, in the words of lxssd,
 * which the peer cannot forge. It may have handed the port on since. */
typedef struct LxBusPeer {
        const char *instance; /* the name of its distribution; NULL: it is on the host */
        uid_t uid;            /* on its own side; 65534 where that side has none for it */
        uid_t host_uid;       /* the same as the host knows it */
        pid_t pid;            /* as this side knows it, 0: not at all; may have been reused since: pidfd cannot */
        int pidfd;            /* borrowed; negative: it had ended, or is not for this instance to have */
} LxBusPeer;

/* -ENODATA where nothing is known. Strings and descriptors in *ret live as long as the port. */
LXBUS_PUBLIC int lxbus_port_peer(const LxBusPort *port, LxBusPeer *ret);

/* ---- Messages ---- */

typedef enum LxBusKind {
        LXBUS_FD = 1,   /* any descriptor */
        LXBUS_PROCESS,  /* a process: a pidfd (pidfd_open(2)) */
        LXBUS_TERMINAL, /* a terminal, whichever end of it */
        LXBUS_MEMORY,   /* a memfd with F_SEAL_SHRINK (memfd_create(2)), which no end can truncate */
} LxBusKind;

enum {
        /* Of a process: it is killed when the port closes, at either end. On the host -EPROTO for an instance that
         * sends a process of the host. */
        LXBUS_TERMINATE = 1 << 0,
};

/* What is marshalled along with a message. */
typedef struct LxBusObject {
        LxBusKind kind;
        int flags;
        int fd;        /* sent: borrowed, or negative for the process `pid`. Received: the caller's */
        pid_t pid;     /* sent: a process where fd is negative. Received: of a process, as this pid namespace
                        * has it; 0: it has not */
        uint64_t size; /* received: of memory, in bytes */
} LxBusObject;

/* A message. In: where it is, and how much. To read: where it goes, and how much room there is;
 * data and objects may be NULL where their number is 0. */
typedef struct LxBusMessage {
        void *data;
        size_t size;
        LxBusObject *objects;
        size_t n_objects;
} LxBusMessage;

/* Sends a message, whole or not at all. -EMSGSIZE: over LXBUS_MESSAGE_MAX or LXBUS_MESSAGE_OBJECTS_MAX;
 * -EPIPE: the peer is gone; -EINVAL: an object is not what its kind says; -ETOOMANYREFS: too many
 * descriptors of this user are under way, try again later. */
LXBUS_PUBLIC int lxbus_port_write(LxBusPort *port, const LxBusMessage *message, int timeout);

/* Reads a message and says what it has: message->size and ->n_objects. -EMSGSIZE: it needs more room,
 * as message->size and ->n_objects now say; it is kept, nothing of it is lost. -EPIPE: the
 * peer is gone, and there is no more. The caller closes the descriptors of objects. */
LXBUS_PUBLIC int lxbus_port_read(LxBusPort *port, LxBusMessage *message, int timeout);

/* The same for messages of bytes alone. Objects that come along are closed. */
LXBUS_PUBLIC int lxbus_port_send(LxBusPort *port, const void *data, size_t size);
LXBUS_PUBLIC int lxbus_port_receive(LxBusPort *port, void *data, size_t size, size_t *ret_size, int timeout);

/* ---- Who is there ---- */

typedef struct LxBusEntry {
        const char *name;     /* NULL: an unnamed one */
        const char *instance; /* NULL: the host */
        LxBusVisibility visibility;
        uid_t uid;            /* on its own side */
        pid_t pid;            /* as the host knows it */
        unsigned n_ports;     /* that are open; of very many, were a while ago */
} LxBusEntry;

/* Servers in the order of names: on the host all that there are, in an instance those to which it
 * may connect. The caller frees *ret, the strings in it included, with free(3). */
LXBUS_PUBLIC int lxbus_list(LxBus *bus, LxBusEntry **ret, size_t *ret_n);

/* ---- Shared memory ---- */

/* New memory of this size, mapped for reading and writing, that can be sent as LXBUS_MEMORY. The caller closes *ret_fd
 * and unmaps *ret_address (munmap(2)). */
LXBUS_PUBLIC int lxbus_memory_new(size_t size, int *ret_fd, void **ret_address);

/* Maps memory that was received. -EPERM where it is not sealed against shrinking, -ERANGE where it is smaller than
 * size. The caller unmaps *ret_address. */
LXBUS_PUBLIC int lxbus_memory_map(int fd, size_t size, void **ret_address);

/* A ring of bytes in shared memory, one end of which writes and the other reads; a socket wakes
 * the one that waits. Made by one end, sent over a port, and opened by the other. */
typedef struct LxBusRing LxBusRing;

typedef enum LxBusRingEnd { LXBUS_RING_READER, LXBUS_RING_WRITER } LxBusRingEnd;

/* size: a power of two, at least 4096. The caller frees *ret. */
LXBUS_PUBLIC int lxbus_ring_new(size_t size, LxBusRingEnd end, LxBusRing **ret);

/* Sends the other end of it, once (then -EINVAL); receives one. The caller frees *ret. */
LXBUS_PUBLIC int lxbus_ring_send(LxBusRing *ring, LxBusPort *port, int timeout);
LXBUS_PUBLIC int lxbus_ring_receive(LxBusPort *port, int timeout, LxBusRing **ret);

/* The room in front of the writer, or the bytes in front of the reader: *ret_size of them, in one piece;
 * waits until there is at least one. -EPIPE where the other end was freed (for the reader, once all is read),
 * or, to who has to wait, where its process ended. */
LXBUS_PUBLIC int lxbus_ring_begin(LxBusRing *ring, int timeout, void **ret, size_t *ret_size);

/* So many of them were written or read; at most *ret_size. */
LXBUS_PUBLIC int lxbus_ring_end(LxBusRing *ring, size_t size);

/* Readable when lxbus_ring_begin() should be tried; it has then to be tried until it says -ETIMEDOUT. Borrowed. */
LXBUS_PUBLIC int lxbus_ring_fd(const LxBusRing *ring);
LXBUS_PUBLIC LxBusRing *lxbus_ring_free(LxBusRing *ring);

#ifdef __cplusplus
}
#endif

#endif
