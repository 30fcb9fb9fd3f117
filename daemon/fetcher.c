/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs lxss-fetch. What that says is decoded as hostile, since it reads foreign
 * bytes; what it writes is not looked at here. */

#include "daemon/fetcher.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/spawn.h"
#include "shared/fd-socket.h"
#include "shared/transfer-variables.h"
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

FetchOrder *fetch_order_new(const char *verb) {
        FetchOrder *order = g_new(FetchOrder, 1);

        *order = (FetchOrder){
                .verb = verb,
                .words = g_ptr_array_new_with_free_func(g_free),
                .source = -EBADF,
                .keyring = -EBADF,
                .signature = -EBADF,
                .staging = -EBADF,
        };
        return order;
}

void fetch_order_add(FetchOrder *order, char *word) {
        g_ptr_array_add(order->words, word ?: g_strdup(""));
}

FetchOrder *fetch_order_free(FetchOrder *order) {
        if (!order)
                return NULL;
        g_ptr_array_unref(order->words);
        g_strfreev(order->environment);
        closep(&order->source);
        closep(&order->keyring);
        closep(&order->signature);
        closep(&order->staging);
        g_free(order);
        return NULL;
}

/* lxssd's own, but for what a client has said about its own transfers. */
static char **environment_of(const FetchOrder *order) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

        for (char **e = environ; *e; e++)
                if (!order->environment || !transfer_variable_is_known(*e))
                        g_strv_builder_add(builder, *e);
        if (order->environment)
                g_strv_builder_addv(builder, (const char **)order->environment);
        return g_strv_builder_end(builder);
}

static int spawn(Fetcher *fetcher, const FetchOrder *order, int report, int output) {
        g_autoptr(GPtrArray) argv = g_ptr_array_new();
        g_auto(GStrv) environment = environment_of(order);

        g_ptr_array_add(argv, (char *)"lxss-fetch");
        g_ptr_array_add(argv, (char *)order->verb);
        for (guint i = 0; i < order->words->len; i++)
                g_ptr_array_add(argv, order->words->pdata[i]);
        g_ptr_array_add(argv, NULL);
        return spawn_program(
                        (const char *const *)argv->pdata, environment,
                        (int[]){ report, output, order->source, order->keyring, order->signature, order->staging }, 6,
                        &fetcher->child);
}

static int start(sd_event *event, Fetcher *fetcher, const FetchOrder *order, int output) {
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        fetcher->report = pair[0];
        theirs = pair[1];
        if (fcntl(fetcher->report, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(event, &fetcher->report_source, fetcher->report, EPOLLIN, on_report, fetcher);
        return r < 0 ? r : spawn(fetcher, order, theirs, output);
}

int fetcher_start(sd_event *event, const FetchOrder *order, const FetcherEvents *events, void *userdata,
                  int *ret_output, Fetcher **ret) {
        _cleanup_close_ int output = -EBADF, theirs = -EBADF;
        Fetcher *fetcher;
        int pair[2], r;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        output = pair[0];
        theirs = pair[1];
        fetcher = g_new(Fetcher, 1);
        *fetcher = (Fetcher){ .report = -EBADF, .events = events, .userdata = userdata };
        r = start(event, fetcher, order, theirs);
        if (r < 0) {
                fetcher_free(fetcher);
                return r;
        }
        *ret_output = steal_fd(&output);
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
