/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Launches: from what the caller wants to the call, and what the answer makes of it. */

#include "client/lxss/lxss-private.h"

#include <sys/socket.h>

#include "client/lxss/launch-call.h"

static int copy_string(const char *s, char **ret) {
        if (s && !(*ret = strdup(s)))
                return -ENOMEM;
        return 0;
}

static int copy_fds(LaunchRequest *request, const LxssFd *fds, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 3), r;

                if (fd < 0)
                        return -errno;
                r = launch_request_add_fd(request, fds[i].number, fd);
                if (r < 0)
                        return r == -EEXIST ? -EINVAL : r;
        }
        return 0;
}

/* One that is gone is none, and "(unreachable)/…", which lies outside our root, is none, either. */
static char *current_directory(void) {
        char *cwd = getcwd(NULL, 0);

        if (cwd && *cwd != '/') {
                free(cwd);
                return NULL;
        }
        return cwd;
}

/* *ret_socket: our end of the one over which the master comes. */
static int add_terminal(LaunchRequest *request, const LxssTerminal *terminal, int *ret_socket) {
        int ends[2];

        if (!terminal || terminal->mask == 0)
                return 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        *ret_socket = ends[0];
        request->terminal_socket = ends[1];
        request->terminal_mask = terminal->mask;
        request->rows = terminal->rows;
        request->columns = terminal->columns;
        request->x_pixels = terminal->x_pixels;
        request->y_pixels = terminal->y_pixels;
        request->background = terminal->background;
        return 0;
}

static int make_request(const LxssLaunch *launch, LaunchRequest **ret, int *ret_terminal) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        int r;

        if (!request)
                return -ENOMEM;
        if (launch->flags & ~(LXSS_SHELL | LXSS_NO_WAIT))
                return -EINVAL;
        request->cwd = current_directory();
        request->shell = launch->flags & LXSS_SHELL;
        request->no_wait = launch->flags & LXSS_NO_WAIT;
        request->linger_seconds = launch->linger_seconds;
        request->closed_mask = launch->closed_mask;
        if ((r = copy_string(launch->distribution, &request->distribution)) < 0 ||
            (r = copy_string(launch->user, &request->user)) < 0 ||
            (r = copy_string(launch->directory, &request->directory)) < 0 ||
            (r = strv_copy(launch->argv, &request->argv)) < 0 ||
            (r = strv_copy(launch->environment, &request->env)) < 0 ||
            (r = copy_fds(request, launch->fds, launch->n_fds)) < 0 ||
            (r = add_terminal(request, launch->terminal, ret_terminal)) < 0)
                return r;
        *ret = steal_pointer(&request);
        return 0;
}

static void process_freep(LxssProcess **process) {
        lxss_process_free(*process);
}

static int send_launch(LxssProcess *process, const LaunchRequest *request, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        int r;

        launch_call_write(&w, request);
        r = connection_send(process->client->connection, &w, &process->launch_call);
        if (r == -E2BIG)
                return failure_set(failure, LXSS_ERROR_ARGUMENTS_TOO_LONG, r,
                                   "The program has too many arguments, variables or descriptors to be launched.");
        if (r == -EDQUOT)
                return remote_crowded(failure);
        if (r < 0 && lxss_result(r) != -ECONNRESET)
                return failure_set(failure, LXSS_ERROR_FAILED, r, "Cannot ask lxssd: %s", strerror(-r));
        return lxss_result(r);
}

int lxss_launch_begin(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret, LxssFailure *failure) {
        _cleanup_launch_request_ LaunchRequest *request = NULL;
        _cleanup_(process_freep) LxssProcess *process = calloc(1, sizeof(*process));
        const char *objection;
        int r;

        if (!process)
                return -ENOMEM;
        process->terminal = -EBADF;
        process->client = client;
        process->next = client->processes;
        client->processes = process;
        r = make_request(launch, &request, &process->terminal);
        if (r == 0)
                r = copy_string(launch->distribution, &process->distribution);
        if (r < 0)
                return r;
        objection = launch_request_validate(request);
        if (objection)
                return failure_set(failure, LXSS_ERROR_INVALID_ARGUMENT, -EINVAL, "%s", objection);
        r = send_launch(process, request, failure);
        if (r < 0)
                return r;
        *ret = steal_pointer(&process);
        return 0;
}

int lxss_launch(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret, LxssFailure *failure) {
        _cleanup_(process_freep) LxssProcess *process = NULL;
        int r;

        r = lxss_launch_begin(client, launch, &process, failure);
        if (r == 0)
                r = client_wait(client, &process->answered, deadline_after(-1));
        if (r == 0 && process->error < 0)
                r = failure_copy(failure, process->error, process->failure.name, process->failure.message);
        if (r < 0)
                return r;
        *ret = steal_pointer(&process);
        return 0;
}
