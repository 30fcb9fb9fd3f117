/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LxBus's packets. Input: a byte that says how many descriptors come along, one that says of which
 * kinds they are, one for the room that the reader has, one for how it reads, then the packet. It goes
 * through each decoder, and over a socketpair to a port, where whatever it is no descriptor may stay. */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client/lxss/lxbus-private.h"
#include "shared/fd-socket.h"
#include "tests/fuzz.h"

enum { PREFIX = 4, POOL = 6 };

typedef struct Fixture {
        int near;
        LxBusPort *far;
        int pool[POOL]; /* one of each that there is */
} Fixture;

static int make_memory(size_t size, int seals) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        FUZZ_REQUIRE(fd >= 0 && ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
        return fd;
}

/* A process that ended, and stays a zombie: killing it harms nobody. */
static int make_pidfd(void) {
        siginfo_t info;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        FUZZ_REQUIRE(pid > 0 && waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
        return syscall(SYS_pidfd_open, pid, 0);
}

static Fixture *set_up(void) {
        static Fixture fixture;
        int pair[2];

        if (!fixture.far) {
                FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
                fixture.pool[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
                fixture.pool[1] = make_memory(8192, F_SEAL_SHRINK);
                fixture.pool[2] = make_memory(3, F_SEAL_SHRINK | F_SEAL_WRITE);
                fixture.pool[3] = make_memory(100, 0);
                fixture.pool[4] = make_pidfd();
                fixture.pool[5] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                fixture.near = pair[0];
                FUZZ_REQUIRE(lxbus_port_new(pair[1], &fixture.far) == 0);
        }
        return &fixture;
}

/* ---- decoders ---- */

static void check_values(const uint8_t *data, size_t size) {
        LxbusRequest request;
        LxbusReply reply;
        int r = lxbus_request_decode(data, size, &request);

        FUZZ_REQUIRE(r == 0 || r == -EBADMSG || r == -EINVAL);
        if (r == 0) {
                FUZZ_REQUIRE(size == sizeof(request) && memcmp(&request, data, size) == 0);
                FUZZ_REQUIRE(strlen(request.name) <= LXBUS_NAME_LENGTH_MAX);
                FUZZ_REQUIRE(!*request.name || lxbus_name_is_valid(request.name));
        }
        for (LxbusType type = LXBUS_TYPE_REPLY; type <= LXBUS_TYPE_CONNECTION; type++)
                if (lxbus_reply_decode(data, size, type, &reply) == 0)
                        FUZZ_REQUIRE(reply.type == type && reply.error >= 0 &&
                                     strlen(reply.identity.instance) <= DISTRIBUTION_NAME_MAX);
}

static void check_frame(const uint8_t *data, size_t size, size_t n_fds) {
        uint64_t sum = 0;
        LxbusFrame frame;

        if (lxbus_frame_decode(data, size, n_fds, &frame) < 0)
                return;
        for (size_t i = 0; i < frame.header.n_objects; i++)
                sum += lxbus_frame_object(&frame, i).size;
        for (size_t i = 0; frame.payload && i < frame.header.size; i++)
                sum += ((const uint8_t *)frame.payload)[i];
        FUZZ_REQUIRE(sum <= UINT64_MAX); /* all of it was read */
        FUZZ_REQUIRE(n_fds == frame.header.n_objects + (frame.payload ? 0u : 1u));
}

/* ---- a port ---- */

static int lowest_free_fd(void) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        FUZZ_REQUIRE(fd >= 0 && close(fd) == 0);
        return fd;
}

static int read_message(LxBusPort *port, size_t room, size_t n_room) {
        LxBusObject objects[LXBUS_MESSAGE_OBJECTS_MAX];
        _cleanup_free_ char *data = malloc(room + 1);
        LxBusMessage m = { data, room, objects, n_room };
        int r;

        FUZZ_REQUIRE(data);
        r = lxbus_port_read(port, &m, 0);
        if (r == -EMSGSIZE) {
                FUZZ_REQUIRE(m.size > room || m.n_objects > n_room);
                FUZZ_REQUIRE(m.size <= LXBUS_MESSAGE_MAX && m.n_objects <= LXBUS_MESSAGE_OBJECTS_MAX);
                return read_message(port, m.size, m.n_objects);
        }
        if (r < 0)
                return r;
        FUZZ_REQUIRE(m.size <= room && m.n_objects <= n_room);
        for (size_t i = 0; i < m.n_objects; i++)
                FUZZ_REQUIRE(close(objects[i].fd) == 0);
        return 0;
}

static void check_port(Fixture *fixture, const uint8_t *prefix, const uint8_t *data, size_t size) {
        LxbusHeader announcement = { .flags = LXBUS_MESSAGE_ANNOUNCE };
        const struct iovec part = { (void *)data, size }, announcing = { &announcement, sizeof(announcement) };
        int fds[FD_SOCKET_MAX] = { 0 }, before = lowest_free_fd(), r;
        LxBusRing *ring = NULL;
        size_t n_fds = prefix[0] < FD_SOCKET_MAX ? prefix[0] : FD_SOCKET_MAX;

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = fixture->pool[(prefix[1] >> (2 * (i % 4)) & 3) + i % 2 * 2];
        if (size == sizeof(LxbusHeader) && memcmp(data + offsetof(LxbusHeader, flags), &announcement.flags, 2) == 0)
                return; /* the next packet is another input's */
        fixture->far->expects = false; /* whatever an earlier input left behind */
        if (fd_socket_send_now(fixture->near, &announcing, 1, NULL, 0) < 0)
                return;
        if (fd_socket_send_now(fixture->near, &part, 1, fds, n_fds) < 0) {
                (void)read_message(fixture->far, 0, 0);
                return;
        }
        if (prefix[3] & 1) {
                r = lxbus_ring_receive(fixture->far, 0, &ring);
                FUZZ_REQUIRE((r == 0) == (ring != NULL));
                lxbus_ring_free(ring);
                if (r == -EMSGSIZE)
                        r = read_message(fixture->far, 0, 0);
        } else
                r = read_message(fixture->far, (size_t)prefix[2] * 300, prefix[3] >> 1);
        FUZZ_REQUIRE(r == 0 || r == -EPROTO || r == -EPIPE || (r < 0 && prefix[3] & 1));
        FUZZ_REQUIRE(recv(lxbus_port_fd(fixture->far), fds, 1, MSG_DONTWAIT) < 0); /* it took one packet, whole */
        while (fixture->far->n_doomed > 0)
                port_spare(fixture->far, fixture->far->doomed[0]);
        FUZZ_REQUIRE(lowest_free_fd() == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Fixture *fixture = set_up();

        if (size < PREFIX)
                return 0;
        check_values(data + PREFIX, size - PREFIX);
        check_frame(data + PREFIX, size - PREFIX, data[0]);
        check_port(fixture, data, data + PREFIX, size - PREFIX);
        return 0;
}
