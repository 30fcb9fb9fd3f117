/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shared memory: sealed against shrinking, so that neither end can take a page from under
 * the other's feet; and the ring on it, which needs the kernel only where one end waits. */

#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "client/lxss/lxbus-private.h"
#include "shared/util.h"

#define RING_SIZE_MIN 4096u
/* What a ring's bytes come after, in a page of their own. */
#define RING_HEADER 4096u
#define RING_SIZE_MAX (1u << 30)

int lxbus_memory_new(size_t size, int *ret_fd, void **ret_address) {
        _cleanup_close_ int fd = syscall(SYS_memfd_create, "lxbus", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        void *address;

        if (size == 0 || size > INT64_MAX)
                return -EINVAL;
        if (fd < 0 || ftruncate(fd, size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
                return -errno;
        address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (address == MAP_FAILED)
                return -errno;
        *ret_fd = steal_fd(&fd);
        *ret_address = address;
        return 0;
}

int lxbus_memory_map(int fd, size_t size, void **ret_address) {
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;
        void *address;

        if (size == 0)
                return -EINVAL;
        if (seals < 0 || !(seals & F_SEAL_SHRINK))
                return -EPERM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t)st.st_size < size)
                return -ERANGE;
        address = mmap(NULL, size, seals & F_SEAL_WRITE ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (address == MAP_FAILED)
                return -errno;
        *ret_address = address;
        return 0;
}

/* ---- rings ---- */

/* In the shared page; each end writes its own line, but for taking back `waits`, and believes nothing of the other's
 * without a look at the bounds.
 */
typedef struct RingSide {
        _Alignas(64) _Atomic uint64_t position; /* bytes written or read since the beginning */
        _Atomic uint32_t waits;                 /* it is about to wait, and wants to be woken once */
        _Atomic uint32_t closed;
} RingSide;

typedef struct RingHeader {
        RingSide sides[2]; /* by LxBusRingEnd */
} RingHeader;

/* What travels beside the memory. */
typedef struct RingOffer {
        uint64_t size;
        uint32_t end; /* of the receiver */
        uint32_t reserved;
} RingOffer;

struct LxBusRing {
        LxBusRingEnd end;
        uint64_t size, mask;
        RingHeader *header;
        char *bytes;
        uint64_t position; /* ours */
        int memory;
        int wake;  /* a socket, whose bytes wake us. No eventfd: whoever shares one can fill it, make it
                    * block, and so stop us when we wake him; and a socket tells when the other end dies */
        int other; /* the other end's, until it is sent */
};

static RingSide *ours(const LxBusRing *ring) {
        return &ring->header->sides[ring->end];
}

static RingSide *theirs(const LxBusRing *ring) {
        return &ring->header->sides[!ring->end];
}

static void wake_other(const LxBusRing *ring) {
        (void)send(ring->wake, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* if it is full, there is one already */
}

LxBusRing *lxbus_ring_free(LxBusRing *ring) {
        if (!ring)
                return NULL;
        if (ring->header) {
                atomic_store(&ours(ring)->closed, 1);
                wake_other(ring);
                (void)munmap(ring->header, RING_HEADER + ring->size);
        }
        closep(&ring->memory);
        closep(&ring->wake);
        closep(&ring->other);
        free(ring);
        return NULL;
}

static void ring_freep(LxBusRing **ring) {
        lxbus_ring_free(*ring);
}

static bool ring_size_is_valid(uint64_t size) {
        return size >= RING_SIZE_MIN && size <= RING_SIZE_MAX && (size & (size - 1)) == 0;
}

static LxBusRing *ring_alloc(LxBusRingEnd end, uint64_t size) {
        LxBusRing *ring = calloc(1, sizeof(*ring));

        if (ring)
                *ring = (LxBusRing){
                        .end = end,
                        .size = size,
                        .mask = size - 1,
                        .memory = -EBADF,
                        .wake = -EBADF,
                        .other = -EBADF,
                };
        return ring;
}

static void ring_set_memory(LxBusRing *ring, void *address) {
        ring->header = address;
        ring->bytes = (char *)address + RING_HEADER;
}

int lxbus_ring_new(size_t size, LxBusRingEnd end, LxBusRing **ret) {
        _cleanup_(ring_freep) LxBusRing *ring = NULL;
        void *address;
        int pair[2], r;

        if (!ring_size_is_valid(size) || (end != LXBUS_RING_READER && end != LXBUS_RING_WRITER))
                return -EINVAL;
        ring = ring_alloc(end, size);
        if (!ring)
                return -ENOMEM;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ring->wake = pair[0];
        ring->other = pair[1];
        r = lxbus_memory_new(RING_HEADER + size, &ring->memory, &address);
        if (r < 0)
                return r;
        ring_set_memory(ring, address);
        *ret = steal_pointer(&ring);
        return 0;
}

int lxbus_ring_send(LxBusRing *ring, LxBusPort *port, int timeout) {
        RingOffer offer = { .size = ring->size, .end = !ring->end };
        LxBusObject objects[] = {
                { .kind = LXBUS_MEMORY, .fd = ring->memory },
                { .kind = LXBUS_FD, .fd = ring->other },
        };
        const LxBusMessage message = { &offer, sizeof(offer), objects, ELEMENTSOF(objects) };
        int r;

        if (ring->other < 0) /* it went already */
                return -EINVAL;
        r = lxbus_port_write(port, &message, timeout);
        if (r == 0)
                closep(&ring->other);
        return r;
}

static bool has_option(int fd, int option, int wanted) {
        socklen_t size = sizeof(int);
        int value;

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* Of which MSG_DONTWAIT holds whatever else its sender did with it. */
static bool is_wake_socket(int fd) {
        return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_STREAM) &&
               has_option(fd, SO_ACCEPTCONN, 0);
}

static int open_offer(const RingOffer *offer, LxBusObject *objects, LxBusRing **ret) {
        _cleanup_(ring_freep) LxBusRing *ring = NULL;
        void *address;
        int r;

        if (!ring_size_is_valid(offer->size) || offer->end > LXBUS_RING_WRITER || !is_wake_socket(objects[1].fd) ||
            fcntl(objects[0].fd, F_GET_SEALS) & F_SEAL_WRITE) /* either end writes into the header */
                return -EPROTO;
        ring = ring_alloc(offer->end, offer->size);
        if (!ring)
                return -ENOMEM;
        r = lxbus_memory_map(objects[0].fd, RING_HEADER + offer->size, &address);
        if (r < 0)
                return r;
        ring_set_memory(ring, address);
        ring->memory = steal_fd(&objects[0].fd);
        ring->wake = steal_fd(&objects[1].fd);
        *ret = steal_pointer(&ring);
        return 0;
}

int lxbus_ring_receive(LxBusPort *port, int timeout, LxBusRing **ret) {
        LxBusObject objects[2] = { 0 };
        RingOffer offer;
        LxBusMessage message = { &offer, sizeof(offer), objects, ELEMENTSOF(objects) };
        int r;

        r = lxbus_port_read(port, &message, timeout);
        if (r < 0)
                return r;
        if (message.size != sizeof(offer) || message.n_objects != ELEMENTSOF(objects) ||
            objects[0].kind != LXBUS_MEMORY || objects[1].kind != LXBUS_FD)
                r = -EPROTO;
        else
                r = open_offer(&offer, objects, ret);
        for (size_t i = 0; i < message.n_objects; i++)
                closep(&objects[i].fd);
        return r;
}

int lxbus_ring_fd(const LxBusRing *ring) {
        return ring->wake;
}

/* How much lies in front of us. -EPROTO: the other's position is none that it can be at. Positions and `waits` are
 * read and written in one order that all agree upon, so that of two who look whether the other waits one sees it; an
 * exchange costs no more than the fence that it would take else. */
static int available(const LxBusRing *ring, uint64_t *ret) {
        uint64_t other = atomic_load(&theirs(ring)->position);
        uint64_t n = ring->end == LXBUS_RING_READER ? other - ring->position : ring->size - (ring->position - other);

        if (n > ring->size)
                return -EPROTO;
        *ret = n;
        return 0;
}

/* 0: woken; -EPIPE: the other end is gone without a word. */
static int sleep_on(LxBusRing *ring, int64_t deadline) {
        char bytes[512];
        ssize_t n;
        int r = wait_until(ring->wake, POLLIN, deadline);

        if (r < 0)
                return r;
        n = recv(ring->wake, bytes, sizeof(bytes), MSG_DONTWAIT);
        return n == 0 || errno == ECONNRESET ? -EPIPE : 0;
}

/* Says that we wait, and looks once more: the other end looks at that after it moved. That stays said where
 * the time is over, for whoever waits with poll(2) then. */
static int wait_for_other(LxBusRing *ring, int64_t deadline) {
        uint64_t n;
        int r;

        atomic_store(&ours(ring)->waits, 1);
        r = available(ring, &n);
        if (r < 0 || n > 0)
                return r;
        r = atomic_load(&theirs(ring)->closed) ? -EPIPE : sleep_on(ring, deadline);
        if (r == -EPIPE && available(ring, &n) == 0 && n > 0) /* it may have moved before it went */
                return 0;
        return r;
}

int lxbus_ring_begin(LxBusRing *ring, int timeout, void **ret, size_t *ret_size) {
        int64_t deadline = timeout > 0 ? deadline_after(timeout) : timeout;
        uint64_t n, start, piece;
        int r;

        for (;;) {
                r = available(ring, &n);
                if (r < 0)
                        return r;
                if (ring->end == LXBUS_RING_WRITER && atomic_load(&theirs(ring)->closed))
                        return -EPIPE; /* nobody will read it, whatever room there is */
                if (n > 0)
                        break;
                r = wait_for_other(ring, deadline);
                if (r < 0)
                        return r;
        }
        start = ring->position & ring->mask;
        piece = ring->size - start;
        *ret = ring->bytes + start;
        *ret_size = n < piece ? n : piece;
        return 0;
}

int lxbus_ring_end(LxBusRing *ring, size_t size) {
        uint64_t n;
        int r;

        r = available(ring, &n);
        if (r < 0)
                return r;
        if (size > n)
                return -EINVAL;
        ring->position += size;
        atomic_store(&ours(ring)->position, ring->position);
        if (atomic_load(&theirs(ring)->waits) && atomic_exchange(&theirs(ring)->waits, 0))
                wake_other(ring);
        return 0;
}
