/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs lxss-fetch. What that says is decoded as hostile, since it reads foreign
 * bytes; what it writes is not looked at here. */

#include "daemon/fetcher.h"

#include <glib.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/spawn.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

struct Fetcher {
        pid_t child; /* 0: it has ended, with: */
        int status;
        int report;
        sd_event_source *report_source;
        const FetcherEvents *events;
        void *userdata;
};

/* One datagram. 1; 0: there is no more yet; -ENOTCONN: there never will be. */
static int read_report(Fetcher *fetcher) {
        char bytes[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport report;
        size_t n_fds;
        ssize_t n;

        n = fd_socket_receive(fetcher->report, bytes, sizeof(bytes), NULL, 0, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0 && n != -EMSGSIZE)
                return -ENOTCONN;
        if (n > 0 && worker_report_decode(bytes, (size_t)n, &report) >= 0)
                fetcher->events->reported(&report, fetcher->userdata);
        return 1;
}

static int on_report(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata) {
        Fetcher *fetcher = userdata;

        if (read_report(fetcher) >= 0)
                return 0;
        /* What it started may hold the pipe, but not this. */
        fetcher->report_source = sd_event_source_disable_unref(fetcher->report_source);
        fetcher->events->over(fetcher->userdata);
        return 0;
}

bool fetcher_drain(Fetcher *fetcher) {
        int r;

        do
                r = read_report(fetcher);
        while (r > 0);
        /* Nobody else has the other end, so that it has ended, or is about to. */
        if (r < 0 && fetcher->child > 0 && waitpid(fetcher->child, &fetcher->status, 0) == fetcher->child)
                fetcher->child = 0;
        return fetcher->child == 0 && WIFSIGNALED(fetcher->status);
}

static int start(sd_event *event, Fetcher *fetcher, const char *const *argv, int archive, FetcherFds fds) {
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        fetcher->report = pair[0];
        theirs = pair[1];
        if (fcntl(fetcher->report, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(event, &fetcher->report_source, fetcher->report, EPOLLIN, on_report, fetcher);
        if (r < 0)
                return r;
        return spawn_program("lxss-fetch", argv, (int[]){ theirs, archive, fds.directory, fds.staging }, 4,
                             &fetcher->child);
}

int fetcher_start(sd_event *event, const char *const *argv, FetcherFds fds, const FetcherEvents *events, void *userdata,
                  int *ret_archive, Fetcher **ret) {
        _cleanup_close_ int archive = -EBADF, theirs = -EBADF;
        Fetcher *fetcher;
        int pair[2], r;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        archive = pair[0];
        theirs = pair[1];
        fetcher = g_new(Fetcher, 1);
        *fetcher = (Fetcher){ .report = -EBADF, .events = events, .userdata = userdata };
        r = start(event, fetcher, argv, theirs, fds);
        if (r < 0) {
                fetcher_free(fetcher);
                return r;
        }
        *ret_archive = steal_fd(&archive);
        *ret = fetcher;
        return 0;
}

void fetcher_kill(Fetcher *fetcher) {
        if (fetcher->child > 0)
                (void)kill(fetcher->child, SIGKILL);
}

Fetcher *fetcher_free(Fetcher *fetcher) {
        if (!fetcher)
                return NULL;
        fetcher->report_source = sd_event_source_disable_unref(fetcher->report_source);
        closep(&fetcher->report);
        if (fetcher->child > 0) {
                fetcher_kill(fetcher);
                (void)waitpid(fetcher->child, NULL, 0);
        }
        g_free(fetcher);
        return NULL;
}
