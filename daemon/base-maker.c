/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss-base: makes the namespaces in which all of an lxssd's containers begin, and
 * hands them over. Whoever starts lxssd starts it, too, so that both happen at
 * once: with newuidmap(1) and newgidmap(1) in it, it takes as long as lxssd's own
 * start.
 *
 * Two processes: the carrier stands in the new namespaces and makes their mounts;
 * this one maps its ids from outside. Both end when lxssd does, which shows at the
 * socket. */

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/base-ids.h"
#include "daemon/base-report.h"
#include "daemon/base-stage.h"
#include "daemon/parent-death.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* What the carrier says when it is done, with the namespaces' descriptors. */
typedef struct CarrierReport {
        int error;
        char step[64];
} CarrierReport;

typedef struct Maker {
        bool root;
        const char *lxinit; /* its path */
        int self;   /* a pidfd, for the carrier's parent_death_arm() */
        int socket; /* to the carrier, to whom one byte says that its ids are mapped; at the other end, to us */
        BaseReport report;
} Maker;

_Noreturn static void finish(Maker *maker, const int *fds, size_t n_fds) {
        struct iovec part = { .iov_base = &maker->report, .iov_len = sizeof(maker->report) };

        int r = fd_socket_send(BASE_REPORT_FD, &part, 1, fds, n_fds);

        if (r < 0) {
                maker->report = (BaseReport){ .error = -r, .step = "handing over the namespaces" };
                (void)fd_socket_send(BASE_REPORT_FD, &part, 1, NULL, 0);
        }
        _exit(maker->report.error ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* error: negative errno. */
_Noreturn static void fail(Maker *maker, const char *step, int error) {
        maker->report.error = -error;
        snprintf(maker->report.step, sizeof(maker->report.step), "%s", step);
        finish(maker, NULL, 0);
}

_Noreturn static void carrier_send(int socket, const char *step, int error, const int *fds, size_t n_fds) {
        CarrierReport report = { .error = -error };
        struct iovec part = { .iov_base = &report, .iov_len = sizeof(report) };
        int r;

        snprintf(report.step, sizeof(report.step), "%s", step);
        r = fd_socket_send(socket, &part, 1, fds, n_fds);
        if (r < 0) {
                report = (CarrierReport){ .error = -r, .step = "handing over the namespaces" };
                (void)fd_socket_send(socket, &part, 1, NULL, 0);
        }
        _exit(EXIT_SUCCESS);
}

/* Safe: it has rights over its own namespaces alone, or is root and looks at nothing but the host's own tree. */
_Noreturn static void carrier_run(const Maker *maker, int socket) {
        int fds[BASE_FDS_MAX] = { -EBADF, -EBADF }, r;
        BaseStage stage = BASE_STAGE_NONE;
        const char *step;
        char byte;

        parent_death_arm(maker->self);
        umask(022); /* containers of root look at the stage as somebody else */
        /* Before the ids are there, since it takes as long as they do to come. */
        r = base_stage_prepare(maker->lxinit, &stage, &step);
        if (r < 0)
                carrier_send(socket, step, r, NULL, 0);
        fds[0] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        fds[1] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
        if (fds[0] < 0 || fds[1] < 0)
                carrier_send(socket, "opening the namespaces", -errno, NULL, 0);
        if (read_up_to(socket, &byte, 1) != 1)
                _exit(EXIT_FAILURE);
        r = base_stage_enter(&stage, &step);
        carrier_send(socket, step, r, fds, r < 0 ? 0 : maker->root ? 1 : 2);
}

static pid_t start_carrier(Maker *maker) {
        struct clone_args args = {
                .flags = maker->root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS,
                .exit_signal = SIGCHLD,
        };
        int pair[2];
        pid_t pid;

        maker->self = parent_death_open();
        if (maker->self < 0)
                return maker->self;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                closep(&pair[0]);
                carrier_run(maker, pair[1]);
        }
        closep(&pair[1]);
        maker->socket = pair[0];
        return pid;
}

static void map_ids(Maker *maker, pid_t carrier) {
        BaseReport *report = &maker->report;
        int r = -ENOENT;

        report->mode = ID_MODE_SUBIDS;
        if (base_find_subids(&report->uids, &report->gids))
                r = base_map_subids(carrier, &report->uids, &report->gids, BASE_REPORT_FD);
        if (r == 0)
                return;
        if (r == -ECANCELED)
                _exit(EXIT_FAILURE);
        report->mode = ID_MODE_SINGLE;
        r = base_map_single(carrier, &report->uids, &report->gids);
        if (r < 0)
                fail(maker, "mapping one's own user id", r);
}

static void take_namespaces(Maker *maker, int *fds, size_t *ret_n_fds) {
        CarrierReport report;
        ssize_t n;

        n = fd_socket_receive(maker->socket, &report, sizeof(report), fds, BASE_FDS_MAX, ret_n_fds);
        if (n != sizeof(report))
                fail(maker, "making namespaces", n < 0 ? (int)n : -ECHILD);
        if (report.error != 0)
                fail(maker, report.step, -report.error);
}

int main(int argc, char **argv) {
        Maker maker = { .root = geteuid() == 0, .report.mode = ID_MODE_ROOT };
        const struct iovec go = { .iov_base = (void *)"", .iov_len = 1 };
        int fds[BASE_FDS_MAX];
        size_t n_fds;
        pid_t carrier;

        if (argc != 2 || fcntl(BASE_REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
                fputs("lxss-base makes namespaces for lxssd, which starts it.\n", stderr);
                return EXIT_FAILURE;
        }
        maker.lxinit = argv[1];
        carrier = start_carrier(&maker);
        if (carrier < 0)
                fail(&maker, maker.root ? "making a mount namespace" : "making a user namespace", carrier);
        if (!maker.root)
                map_ids(&maker, carrier);
        /* Where it has failed before it could hear this, it has said why. */
        (void)fd_socket_send(maker.socket, &go, 1, NULL, 0);
        take_namespaces(&maker, fds, &n_fds);
        finish(&maker, fds, n_fds);
}
