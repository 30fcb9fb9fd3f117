/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program lxss-network: makes a network namespace for an instance, has pasta(1)
 * give it user-mode networking, and tells lxssd what becomes of that. It runs as a
 * worker does, the first process of a pid namespace, in the host's network; when
 * lxssd or the instance ends it is killed, and pasta with it, whatever ids and
 * namespaces that has moved to.
 *
 * Debian 12's pasta connects to whatever address a packet names, the host's loopback
 * included, so no such packet may reach it. The namespace belongs to the user namespace of
 * this program, a sibling of the instance's: root inside can neither change its routes
 * nor send raw packets. What is left is SO_BINDTODEVICE, which is everybody's;
 * daemon/network-guard.c closes that. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/loopback.h"
#include "daemon/network-guard.h"
#include "daemon/network-report.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* Nobody waits longer than that for a network; pasta takes some hundredths of a second. */
#define START_MSEC 30000

/* The instance's own addresses: the only ones of the world outside that it cannot reach. */
#define INTERFACE "eth0"
#define ADDRESS4 "10.0.2.101"
#define GATEWAY4 "10.0.2.102"
#define PREFIX4 "30" /* no room for others: nobody is a neighbour */
#define ADDRESS6 "fd6c:7873:7300::64"
#define GATEWAY6 "fe80::1"

#define INTERFACE_SIZE 32
#define ARGUMENTS_MAX 48

typedef struct Pasta {
        pid_t pid;
        int ready;  /* it writes its process id here when all is set up */
        int output; /* what it says; -EBADF: all has been read */
        char line[sizeof(((NetworkReport *)NULL)->text)];
        size_t n_line;
        char last[sizeof(((NetworkReport *)NULL)->text)];
} Pasta;

static void send_report(const NetworkReport *report, int fd) {
        struct iovec part = { .iov_base = (void *)report, .iov_len = sizeof(*report) };

        (void)fd_socket_send(NETWORK_REPORT_FD, &part, 1, &fd, fd >= 0);
}

/* error: negative errno. */
_Noreturn static void fail(const char *step, int error) {
        NetworkReport report = { .kind = NETWORK_REPORT_FAILED, .error = -error };

        snprintf(report.text, sizeof(report.text), "%s", step);
        send_report(&report, -EBADF);
        _exit(EXIT_FAILURE);
}

static void fclosep(FILE **f) {
        if (*f)
                (void)fclose(*f);
}

/* ------------------------------------------------------------ the namespace */

static void set_kernel(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void)write_all(fd, value, strlen(value));
}

/* ping(8) is for all groups: from the one that is the first outside to the last there. */
static void allow_ping(void) {
        _cleanup_(fclosep) FILE *map = fopen("/proc/self/gid_map", "re");
        unsigned inside, outside, count, low = 0, high = 0, least = ~0u, most = 0;
        char range[32];

        while (map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) {
                if (outside < least) {
                        least = outside;
                        low = inside;
                }
                if (outside + count > most) {
                        most = outside + count;
                        high = inside + count - 1;
                }
        }
        snprintf(range, sizeof(range), "%u %u", low, high);
        set_kernel("/proc/sys/net/ipv4/ping_group_range", range);
}

/* In a child, for from here there is no way back to the host's network. */
_Noreturn static void run_namespace_maker(int socket) {
        struct iovec part = { .iov_base = (void *)"", .iov_len = 1 };
        int fd;

        if (unshare(CLONE_NEWNET) < 0)
                _exit(errno);
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                _exit(errno);
        if (loopback_raise() < 0)
                _exit(EIO);
        /* The instance's root may listen everywhere, though the network is not its own. */
        set_kernel("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        /* Nobody else could have its addresses, and a launch does not wait for their answers. */
        set_kernel("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
        set_kernel("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
        allow_ping();
        _exit(-fd_socket_send(socket, &part, 1, &fd, 1));
}

static int make_namespace(void) {
        int pair[2], fd = -EBADF, status;
        size_t n_fds = 0;
        pid_t pid;
        char byte;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_namespace_maker(pair[1]);
        closep(&pair[1]);
        (void)fd_socket_receive(pair[0], &byte, 1, &fd, 1, &n_fds);
        closep(&pair[0]);
        (void)waitpid(pid, &status, 0);
        if (fd >= 0)
                return fd;
        return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* ------------------------------------------------------------------- pasta */

/* The interface that a default route of IPv6 leaves by: pasta has IPv6 only where it may take one
 * for a pattern. IPv4 it has in any case, with the loopback for a pattern, since all else is given. */
static bool find_interface6(char *ret, size_t size) {
        _cleanup_(fclosep) FILE *routes = fopen("/proc/net/ipv6_route", "re");
        char line[256], destination[33], name[INTERFACE_SIZE];
        unsigned prefix, flags;

        while (routes && fgets(line, sizeof(line), routes)) {
                if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %x %31s", destination, &prefix, &flags, name) != 4)
                        continue;
                /* RTF_UP, and not RTF_REJECT (linux/route.h) */
                if (prefix == 0 && strspn(destination, "0") == 32 && (flags & 0x201) == 0x1 && !streq(name, "lo")) {
                        snprintf(ret, size, "%s", name);
                        return true;
                }
        }
        return false;
}

/* The namespace is its standard input, and its standard output the file for its process id: it keeps no others open.
 * No port of either side is given to the other, and no address means the host's loopback (--no-map-gw). */
static void compose(const char *resolver, char interface[INTERFACE_SIZE], const char *argv[ARGUMENTS_MAX]) {
        static const char *const always[] = {
                "pasta",           "--foreground",
                "--quiet",         "--netns",
                "/proc/self/fd/0", "--netns-only",
                "--no-netns-quit", "--pid",
                "/proc/self/fd/1", "--config-net",
                "--ns-ifname",     INTERFACE,
                "--mac-addr",      "9a:55:9a:55:9a:55",
                "--tcp-ports",     "none",
                "--udp-ports",     "none",
                "--tcp-ns",        "none",
                "--udp-ns",        "none",
                "--no-map-gw",     "--no-dhcp",
                "--no-dhcpv6",     "--no-ra",
                "--address",       ADDRESS4,
                "--netmask",       PREFIX4,
                "--gateway",       GATEWAY4,
        };
        size_t n = ELEMENTSOF(always);

        memcpy(argv, always, sizeof(always));
        argv[n++] = "--interface";
        if (find_interface6(interface, INTERFACE_SIZE)) {
                const char *const six[] = { interface, "--address", ADDRESS6, "--gateway", GATEWAY6 };

                memcpy(&argv[n], six, sizeof(six));
                n += ELEMENTSOF(six);
        } else {
                argv[n++] = "lo";
                argv[n++] = "--ipv4-only";
        }
        if (resolver) {
                argv[n++] = "--dns-forward";
                argv[n++] = resolver;
        }
        argv[n] = NULL;
}

static int spawn_pasta(int namespace, int ready, int output, const char *resolver, pid_t *ret) {
        const char *argv[ARGUMENTS_MAX];
        posix_spawn_file_actions_t actions;
        char interface[INTERFACE_SIZE];
        int r;

        compose(resolver, interface, argv);
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        (void)posix_spawn_file_actions_adddup2(&actions, namespace, 0);
        (void)posix_spawn_file_actions_adddup2(&actions, ready, 1);
        (void)posix_spawn_file_actions_adddup2(&actions, output, 2);
        r = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int start_pasta(int namespace, const char *resolver, Pasta *ret) {
        int ready[2], output[2], r;

        if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        r = spawn_pasta(namespace, ready[1], output[1], resolver, &ret->pid);
        closep(&ready[1]);
        closep(&output[1]);
        ret->ready = ready[0];
        ret->output = output[0];
        return r;
}

/* Debian 12's says that there is no syslog, too, and that is not why it fails. */
static void keep_line(Pasta *pasta) {
        static const char noise[] = "Failed to send ";

        pasta->line[pasta->n_line] = '\0';
        if (pasta->n_line > 0 && strncmp(pasta->line, noise, strlen(noise)) != 0)
                memcpy(pasta->last, pasta->line, sizeof(pasta->last));
        pasta->n_line = 0;
}

static void read_output(Pasta *pasta) {
        char buffer[512];
        ssize_t n = read(pasta->output, buffer, sizeof(buffer));

        if (n <= 0) {
                keep_line(pasta);
                closep(&pasta->output);
        }
        for (ssize_t i = 0; i < n; i++)
                if (buffer[i] == '\n')
                        keep_line(pasta);
                else if (pasta->n_line < sizeof(pasta->line) - 1)
                        pasta->line[pasta->n_line++] = buffer[i];
}

/* 0; -ECHILD where it ended instead; -ETIMEDOUT. */
static int wait_until_up(Pasta *pasta) {
        for (;;) {
                struct pollfd p[] = {
                        { .fd = pasta->ready, .events = POLLIN },
                        { .fd = pasta->output, .events = POLLIN },
                };
                char byte;

                if (poll(p, ELEMENTSOF(p), START_MSEC) == 0)
                        return -ETIMEDOUT;
                if (p[1].revents)
                        read_output(pasta);
                if (p[0].revents)
                        return read(pasta->ready, &byte, 1) == 1 ? 0 : -ECHILD;
        }
}

/* In a child, which enters the namespace for good. */
static int guard_namespace(int namespace) {
        int status = 0;
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0)
                _exit(setns(namespace, CLONE_NEWNET) < 0 ? errno : -network_guard(INTERFACE, GATEWAY4));
        (void)waitpid(pid, &status, 0);
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* Until it is over. */
static void report_end(Pasta *pasta, NetworkReportKind kind) {
        NetworkReport report = { .kind = kind };

        while (pasta->output >= 0)
                read_output(pasta);
        (void)waitpid(pasta->pid, &report.status, 0);
        memcpy(report.text, pasta->last, sizeof(report.text));
        if (kind == NETWORK_REPORT_FAILED && access(NETWORK_DEVICE, R_OK | W_OK) < 0) {
                report.kind = NETWORK_REPORT_CLOSED;
                report.error = errno;
        }
        send_report(&report, -EBADF);
}

int main(int argc, char **argv) {
        const NetworkReport up = { .kind = NETWORK_REPORT_UP }, missing = { .kind = NETWORK_REPORT_MISSING };
        Pasta pasta = { .n_line = 0 };
        int namespace, r;

        if (fcntl(NETWORK_REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
                fputs("lxss-network makes networks for instances. lxssd starts it.\n", stderr);
                return EXIT_FAILURE;
        }
        namespace = make_namespace();
        if (namespace < 0)
                fail("making a network namespace", namespace);
        r = start_pasta(namespace, argc > 1 ? argv[1] : NULL, &pasta);
        if (r == -ENOENT) {
                send_report(&missing, -EBADF);
                return EXIT_FAILURE;
        }
        if (r < 0)
                fail("executing pasta", r);
        r = wait_until_up(&pasta);
        if (r == -ETIMEDOUT)
                fail("waiting for pasta", r);
        if (r == 0 && (r = guard_namespace(namespace)) < 0)
                fail("closing the way to the host's loopback", r);
        if (r == 0) {
                send_report(&up, namespace);
                pasta.last[0] = '\0'; /* of what it warned at the start it does not end */
        }
        report_end(&pasta, r == 0 ? NETWORK_REPORT_ENDED : NETWORK_REPORT_FAILED);
        return EXIT_FAILURE;
}
