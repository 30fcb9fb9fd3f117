/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The launch request as a value: who owns what in it, and which requests make
 * sense. Knows neither D-Bus nor the init protocol. */

#include "shared/launch-request.h"

LaunchRequest *launch_request_new(void) {
        LaunchRequest *request = calloc(1, sizeof(*request));

        if (request)
                request->terminal_socket = -EBADF;
        return request;
}

LaunchRequest *launch_request_free(LaunchRequest *request) {
        if (!request)
                return NULL;
        for (size_t i = 0; i < request->n_fds; i++)
                closep(&request->fds[i].fd);
        closep(&request->terminal_socket);
        free(request->fds);
        free(request->distribution);
        free(request->user);
        free(request->cwd);
        free(request->directory);
        strv_free(request->argv);
        strv_free(request->env);
        free(request);
        return NULL;
}

int launch_request_add_fd(LaunchRequest *request, int number, int fd) {
        _cleanup_close_ int owned = fd;
        LaunchFd *grown;
        size_t i = request->n_fds;

        if (number < 0)
                return -EINVAL;
        while (i > 0 && request->fds[i - 1].number >= number) {
                if (request->fds[i - 1].number == number)
                        return -EEXIST;
                i--;
        }
        grown = reallocarray(request->fds, request->n_fds + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        memmove(grown + i + 1, grown + i, (request->n_fds - i) * sizeof(*grown));
        grown[i] = (LaunchFd){ .number = number, .fd = steal_fd(&owned) };
        request->fds = grown;
        request->n_fds++;
        return 0;
}

const char *launch_request_validate(const LaunchRequest *request) {
        if (request->terminal_mask & ~7u)
                return "Only descriptors 0, 1 and 2 can be the instance's terminal.";
        if (request->terminal_mask != 0 && request->terminal_socket < 0)
                return "A terminal was asked for, and no socket given to send it over.";
        if (request->background && request->terminal_mask == 0)
                return "A program without a terminal of its own is in the background of none.";
        if (request->cwd && request->cwd[0] != '/')
                return "The working directory is no absolute path.";
        if (request->shell && strv_length(request->argv) == 0)
                return "There are no words to give to the shell.";
        if (request->closed_mask & ~7u)
                return "Only descriptors 0, 1 and 2 can be closed; all others are, unless they are passed.";
        if (request->closed_mask & request->terminal_mask)
                return "A descriptor cannot be both closed and the instance's terminal.";
        for (size_t i = 0; i < request->n_fds; i++)
                if (request->fds[i].number < 3 && (request->closed_mask & 1u << request->fds[i].number))
                        return "A descriptor cannot be both passed and closed.";
        for (size_t i = 0; i < request->n_fds; i++)
                if (request->fds[i].number < 3 && (request->terminal_mask & 1u << request->fds[i].number))
                        return "A descriptor cannot be both passed and the instance's terminal.";
        for (char **e = request->env; e && *e; e++)
                if (**e == '=' || !strchr(*e, '='))
                        return "An environment entry is not of the form NAME=VALUE.";
        return NULL;
}
