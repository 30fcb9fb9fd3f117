/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What LxBus costs beside what it is made of. One measure a run, in nanoseconds on standard
 * output, so that the measures can take turns (bench/lxbus.py):
 *
 *   lxbus serve NAME           a server that echoes messages, and takes rings
 *   lxbus roundtrip NAME N     a message of 64 bytes there and back, N times
 *   lxbus connect NAME N       a connection and its first message there and back
 *   lxbus latency NAME N       the like with a pause after each: of N the 99th percentile
 *   lxbus flood                in an instance: programs that send lxssd descriptors as fast as they can, until killed
 *   lxbus hoard                the same: one that leaves as many descriptors unread as it may
 *   lxbus socketpair N         the same message over a bare socketpair between two processes
 *   lxbus unix N               connect(2), accept(2), and a first message there and back
 *   lxbus ring N               blocks of 64 KiB, N MiB of them, through a ring from one process to another
 *   lxbus memcpy N             as many copied by one process, from and to memory of the same size */

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "client/lxss/lxbus.h"
#include "shared/fd-socket.h"
#include "shared/lxbus-protocol.h"
#include "shared/util.h"

#define MESSAGE 64
#define BLOCK 65536u
#define RING (1u << 20)
/* What the blocks come from and go to; more than caches hold, as data is that somebody wants moved. */
#define DATA (64u << 20)

static uint64_t now(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

_Noreturn static void fail(const char *what, int r) {
        fprintf(stderr, "lxbus: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static int check(const char *what, int r) {
        if (r < 0)
                fail(what, r);
        return r;
}

static LxBus *open_bus(void) {
        LxBus *bus;

        check("opening", lxbus_open(&bus));
        return bus;
}

/* ---- over LxBus ---- */

static void echo(LxBusPort *port) {
        char buffer[BLOCK];
        size_t size;

        while (lxbus_port_receive(port, buffer, sizeof(buffer), &size, -1) == 0)
                if (lxbus_port_send(port, buffer, size) < 0)
                        break;
}

/* The first message of a connection is answered where it is accepted, so that no other process is part of the
 * measure. For further ones there is one, not a thread, as beside a bare socket: system calls on descriptors cost
 * more in a process of several threads. */
static void serve(const char *name) {
        LxBus *bus = open_bus();
        LxBusServer *server;
        LxBusPort *port;

        (void)signal(SIGCHLD, SIG_IGN);
        check("registering", lxbus_register(bus, name, LXBUS_VISIBLE_ALL, &server));
        puts("ready");
        fflush(stdout);
        while (check("accepting", lxbus_server_accept(server, -1, &port)) == 0) {
                char buffer[MESSAGE];
                size_t size;

                if (lxbus_port_receive(port, buffer, sizeof(buffer), &size, -1) == 0 &&
                    lxbus_port_send(port, buffer, size) == 0 && buffer[0] != 'c' && fork() == 0) {
                        echo(port);
                        _exit(EXIT_SUCCESS);
                }
                lxbus_port_free(port);
        }
}

static void there_and_back(LxBusPort *port, char kind) {
        char buffer[MESSAGE] = { kind };
        size_t size;

        check("sending", lxbus_port_send(port, buffer, sizeof(buffer)));
        check("receiving", lxbus_port_receive(port, buffer, sizeof(buffer), &size, -1));
}

static uint64_t measure_roundtrip(const char *name, unsigned n) {
        LxBus *bus = open_bus();
        LxBusPort *port;
        uint64_t start;

        check("connecting", lxbus_connect(bus, name, NULL, 0, -1, &port));
        there_and_back(port, 'r');
        start = now();
        for (unsigned i = 0; i < n; i++)
                there_and_back(port, 'r');
        return (now() - start) / n;
}

static uint64_t measure_connect(const char *name, unsigned n) {
        LxBus *bus = open_bus();
        uint64_t start = now();

        for (unsigned i = 0; i < n; i++) {
                LxBusPort *port;

                check("connecting", lxbus_connect(bus, name, NULL, LXBUS_WAIT, -1, &port));
                there_and_back(port, 'c');
                lxbus_port_free(port);
        }
        return (now() - start) / n;
}

static int compare_times(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t measure_latency(const char *name, unsigned n) {
        uint64_t *times = calloc(n, sizeof(*times));
        LxBus *bus = open_bus();

        for (unsigned i = 0; i < n; i++) {
                uint64_t start = now();
                LxBusPort *port;

                check("connecting", lxbus_connect(bus, name, NULL, LXBUS_WAIT, -1, &port));
                there_and_back(port, 'c');
                times[i] = now() - start;
                lxbus_port_free(port);
                (void)usleep(2000);
        }
        qsort(times, n, sizeof(*times), compare_times);
        return times[n * 99 / 100];
}

/* Of descriptors that are open, and that are under way. */
static void raise_limit(void) {
        struct rlimit limit;

        check("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
        limit.rlim_cur = limit.rlim_max;
        check("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
}

/* Requests that are none, each with as many descriptors as a packet carries, for which lxssd hangs up; and such
 * with one, which it answers. */
_Noreturn static void send_descriptors(int null) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LXBUS_SOCKET };
        const LxbusRequest list = { .type = LXBUS_TYPE_LIST };
        struct iovec part = { .iov_base = (void *)&list, .iov_len = sizeof(list) };
        int many[FD_SOCKET_MAX];

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = null;
        for (;;) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), pair[2];

                if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                        for (int i = 0; i < 20 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0; i++) {
                                (void)fd_socket_send(fd, &part, 1, &pair[1], 1);
                                (void)close(pair[0]);
                                (void)close(pair[1]);
                        }
                (void)fd_socket_send(fd, &part, 1, many, ELEMENTSOF(many));
                (void)close(fd);
        }
}

_Noreturn static void flood(void) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        raise_limit();
        puts("ready");
        fflush(stdout);
        for (int i = 0; i < 3; i++)
                if (fork() == 0)
                        send_descriptors(null);
        for (;;)
                (void)pause();
}

/* Sockets that lie in their own queues, which the kernel's collector looks at over and over. */
_Noreturn static void hoard(void) {
        struct iovec part = { .iov_base = (void *)"", .iov_len = 1 };
        int fds[FD_SOCKET_MAX], pair[2], r = -EAGAIN;

        raise_limit();
        while (r != -ETOOMANYREFS) {
                if (r == -EAGAIN)
                        check("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
                for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                        fds[i] = pair[i % 2];
                r = fd_socket_send_now(pair[0], &part, 1, fds, ELEMENTSOF(fds));
        }
        puts("ready");
        fflush(stdout);
        for (;;)
                (void)pause();
}

/* ---- over bare sockets ---- */

/* In a session of its own, as a program in an instance is: the kernel schedules each as one (autogroup in sched(7)). */
static pid_t start(void) {
        pid_t pid = fork();

        if (pid == 0) {
                (void)setsid();
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        return pid;
}

static void echo_bytes(int fd) {
        char buffer[MESSAGE];
        ssize_t n;

        while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0 && send(fd, buffer, n, 0) == n)
                ;
}

static uint64_t measure_socketpair(unsigned n) {
        char buffer[MESSAGE] = { 0 };
        uint64_t begin = 0;
        int pair[2];

        check("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ? -errno : 0);
        if (start() == 0) {
                (void)close(pair[0]);
                echo_bytes(pair[1]);
                _exit(EXIT_SUCCESS);
        }
        (void)close(pair[1]);
        for (unsigned i = 0; i <= n; i++) {
                if (i == 1)
                        begin = now();
                if (send(pair[0], buffer, sizeof(buffer), 0) < 0 || recv(pair[0], buffer, sizeof(buffer), 0) <= 0)
                        fail("socketpair", -errno);
        }
        return (now() - begin) / n;
}

static uint64_t measure_unix(unsigned n) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        socklen_t size = sizeof(address);
        uint64_t begin;

        /* An address of the kernel's choice. */
        if (bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 || listen(listener, 128) < 0 ||
            getsockname(listener, (struct sockaddr *)&address, &size) < 0)
                fail("listening", -errno);
        if (start() == 0)
                for (;;) {
                        char buffer[MESSAGE];
                        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                        ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

                        (void)!send(fd, buffer, got, MSG_NOSIGNAL);
                        (void)close(fd);
                }
        begin = now();
        for (unsigned i = 0; i < n; i++) {
                char buffer[MESSAGE] = { 0 };
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

                if (connect(fd, (struct sockaddr *)&address, size) < 0 || send(fd, buffer, sizeof(buffer), 0) < 0 ||
                    recv(fd, buffer, sizeof(buffer), 0) <= 0)
                        fail("connecting", -errno);
                (void)close(fd);
        }
        return (now() - begin) / n;
}

/* ---- memory ---- */

static char *data_new(void) {
        char *data = mmap(NULL, DATA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

        if (data == MAP_FAILED)
                fail("mapping", -errno);
        return data;
}

static void move(LxBusRing *ring, char *data, uint64_t bytes, bool out) {
        for (uint64_t at = 0; at < bytes; at += BLOCK) {
                char *block = data + at % DATA;
                uint64_t left = BLOCK;

                while (left > 0) {
                        size_t size;
                        void *place;

                        check("waiting", lxbus_ring_begin(ring, -1, &place, &size));
                        if (size > left)
                                size = left;
                        if (out)
                                memcpy(block + BLOCK - left, place, size);
                        else
                                memcpy(place, block + BLOCK - left, size);
                        check("moving", lxbus_ring_end(ring, size));
                        left -= size;
                }
        }
}

static uint64_t measure_ring(unsigned mebibytes) {
        uint64_t bytes = (uint64_t)mebibytes << 20, begin;
        LxBusPort *ports[2];
        char byte, *source;
        LxBusRing *ring;
        int pair[2];

        check("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ? -errno : 0);
        check("port", lxbus_port_new(pair[0], &ports[0]));
        check("port", lxbus_port_new(pair[1], &ports[1]));
        if (start() == 0) {
                char *target = data_new();

                check("receiving", lxbus_ring_receive(ports[1], -1, &ring));
                check("sending", lxbus_port_send(ports[1], "", 1));
                move(ring, target, bytes, true);
                check("sending", lxbus_port_send(ports[1], "", 1));
                _exit(EXIT_SUCCESS);
        }
        check("ring", lxbus_ring_new(RING, LXBUS_RING_WRITER, &ring));
        check("sending", lxbus_ring_send(ring, ports[0], -1));
        source = data_new();
        check("receiving", lxbus_port_receive(ports[0], &byte, 1, &(size_t){ 0 }, -1));
        begin = now();
        move(ring, source, bytes, false);
        check("receiving", lxbus_port_receive(ports[0], &byte, 1, &(size_t){ 0 }, -1));
        return now() - begin;
}

static uint64_t measure_memcpy(unsigned mebibytes) {
        char *source = data_new(), *target = data_new();
        uint64_t bytes = (uint64_t)mebibytes << 20, begin = now();

        for (uint64_t at = 0; at < bytes; at += BLOCK) {
                memcpy(target + at % DATA, source + at % DATA, BLOCK);
                __asm__ volatile("" ::: "memory");
        }
        return now() - begin;
}

int main(int argc, char **argv) {
        const char *what = argc > 1 ? argv[1] : "";
        unsigned n = argc > 2 ? strtoul(argv[argc - 1], NULL, 10) : 0;
        uint64_t result;

        if (streq(what, "serve") && argc == 3)
                serve(argv[2]);
        if (streq(what, "flood"))
                flood();
        if (streq(what, "hoard"))
                hoard();
        if (streq(what, "latency") && argc == 4)
                result = measure_latency(argv[2], n);
        else if (streq(what, "roundtrip") && argc == 4)
                result = measure_roundtrip(argv[2], n);
        else if (streq(what, "connect") && argc == 4)
                result = measure_connect(argv[2], n);
        else if (streq(what, "socketpair") && argc == 3)
                result = measure_socketpair(n);
        else if (streq(what, "unix") && argc == 3)
                result = measure_unix(n);
        else if (streq(what, "ring") && argc == 3)
                result = measure_ring(n);
        else if (streq(what, "memcpy") && argc == 3)
                result = measure_memcpy(n);
        else
                return EXIT_FAILURE;
        printf("%llu\n", (unsigned long long)result);
        return EXIT_SUCCESS;
}
