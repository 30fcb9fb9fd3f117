/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that a client has launched. */

#include <errno.h>
#include <poll.h>

#include "client/lxss/launch-call.h"
#include "client/lxss/lxbus-private.h"
#include "client/lxss/lxss-private.h"

struct LxssProcess {
        LxssClient *client;
        LxssProcess *next; /* of the client's */
        char *path;        /* of its object */
        pid_t pid;
        bool ended;
        LxssExit exit;
};

LxssProcess *lxss_process_free(LxssProcess *process) {
        LxssProcess **link;

        if (!process)
                return NULL;
        for (link = &process->client->processes; *link && *link != process; link = &(*link)->next)
                ;
        if (*link)
                *link = process->next;
        free(process->path);
        free(process);
        return NULL;
}

static void process_freep(LxssProcess **process) {
        lxss_process_free(*process);
}

void process_take_news(LxssClient *client, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        LxssExit end;

        if (!incoming_is_signal(incoming, PROCESS_INTERFACE, "Exited") ||
            dbus_get(&reader, "ii", &end.code, &end.status) < 0)
                return;
        for (LxssProcess *p = client->processes; p; p = p->next)
                if (streq(p->path, incoming->message.path)) {
                        p->exit = end;
                        p->ended = true;
                }
}

/* ---- launching ---- */

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

static int make_request(const LxssLaunch *launch, LaunchRequest **ret) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        int r;

        if (!request)
                return -ENOMEM;
        if (launch->flags & ~(LXSS_SHELL | LXSS_NO_WAIT))
                return -EINVAL;
        request->cwd = getcwd(NULL, 0); /* one that is gone is none */
        request->shell = launch->flags & LXSS_SHELL;
        request->no_wait = launch->flags & LXSS_NO_WAIT;
        request->linger_seconds = launch->linger_seconds;
        if ((r = copy_string(launch->distribution, &request->distribution)) < 0 ||
            (r = copy_string(launch->user, &request->user)) < 0 ||
            (r = copy_string(launch->directory, &request->directory)) < 0 ||
            (r = strv_copy(launch->argv, &request->argv)) < 0 ||
            (r = strv_copy(launch->environment, &request->env)) < 0 ||
            (r = copy_fds(request, launch->fds, launch->n_fds)) < 0)
                return r;
        *ret = steal_pointer(&request);
        return 0;
}

static int call_launch(LxssClient *client, const LaunchRequest *request, LxssProcess *process, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        const char *path;
        uint32_t pid;
        int r;

        launch_call_write(&w, request);
        r = remote_finish_call(client->connection, &w, &answer, (Failure *)failure);
        if (r < 0)
                return lxss_result(r);
        reader = incoming_read(answer);
        if (dbus_get(&reader, "ou", &path, &pid) < 0)
                return remote_bad_answer(-EBADMSG, (Failure *)failure);
        process->pid = (pid_t)pid;
        process->path = strdup(path);
        return process->path ? 0 : -ENOMEM;
}

int lxss_launch(LxssClient *client, const LxssLaunch *launch, LxssProcess **ret, LxssFailure *failure) {
        _cleanup_launch_request_ LaunchRequest *request = NULL;
        _cleanup_(process_freep) LxssProcess *process = NULL;
        const char *objection;
        int r;

        r = make_request(launch, &request);
        if (r < 0)
                return r;
        objection = launch_request_validate(request);
        if (objection)
                return failure_set((Failure *)failure, LXSS_ERROR_INVALID_ARGUMENT, -EINVAL, "%s", objection);
        process = calloc(1, sizeof(*process));
        if (!process)
                return -ENOMEM;
        process->client = client;
        r = call_launch(client, request, process, failure);
        if (r < 0)
                return r;
        process->next = client->processes;
        client->processes = process;
        *ret = steal_pointer(&process);
        return 0;
}

/* ---- what runs ---- */

pid_t lxss_process_pid(const LxssProcess *process) {
        return process->pid;
}

int lxss_process_open(LxssProcess *process, int *ret_pidfd, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        dbus_begin_call(&w, process->path, PROCESS_INTERFACE, "GetPidFd", "");
        r = remote_finish_call(process->client->connection, &w, &answer, (Failure *)failure);
        return lxss_result(r < 0 ? r : remote_take_fd(answer, ret_pidfd));
}

int lxss_process_signal(LxssProcess *process, int signo, bool group, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, process->path, PROCESS_INTERFACE, "Signal", "ib");
        dbus_put(&w, "ib", signo, group);
        return lxss_result(remote_finish_call(process->client->connection, &w, NULL, (Failure *)failure));
}

int lxss_process_wait(LxssProcess *process, int timeout, LxssExit *ret) {
        int64_t deadline = deadline_after(timeout);
        int r;

        for (;;) {
                r = lxss_dispatch(process->client);
                if (process->ended) {
                        *ret = process->exit;
                        return process->exit.code == 0 ? -EOWNERDEAD : 0;
                }
                if (r == 0)
                        r = wait_until(lxss_fd(process->client), POLLIN, deadline);
                if (r < 0)
                        return r;
        }
}
