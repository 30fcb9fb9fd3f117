/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of verbs that wait for an operation: lxssd, signals and progress
 * bar in one poll(2). */

#include "client/operation.h"

#include <poll.h>

#include "client/progress.h"
#include "client/signals.h"
#include "client/text.h"

typedef struct Follow {
        LxssClient *client;
        LxssOperation *operation;
        Progress progress;
        int signo;      /* that asked to cancel */
        bool impatient; /* … twice */
} Follow;

static void on_progress(LxssOperation *operation _unused_, const LxssProgress *news, void *userdata) {
        Progress *progress = userdata;

        progress_update(progress, news->stage, news->fraction);
        if (!news->warning || !progress->enabled)
                return;
        progress_clear(progress);
        say("warning: %s", news->warning);
}

static void on_signal(Follow *follow, int signo) {
        if (follow->signo)
                follow->impatient = true; /* lxssd cancels when we are gone */
        else
                (void)lxss_operation_cancel(follow->operation);
        follow->signo = signo;
}

static int wait_for_news(Follow *follow, int signal_fd) {
        struct pollfd polls[2] = {
                { .fd = lxss_fd(follow->client), .events = POLLIN },
                { .fd = signal_fd, .events = POLLIN },
        };
        int signo;

        if (poll(polls, 2, progress_interval(&follow->progress)) < 0 && errno != EINTR)
                return -errno;
        while ((signo = signals_read(signal_fd)) > 0)
                on_signal(follow, signo);
        progress_draw(&follow->progress);
        return 0;
}

/* As lxss_operation_wait(); -ETIMEDOUT: nobody waits for it any more. */
static int follow_operation(Follow *follow, int signal_fd, LxssFailure *failure) {
        int r;

        lxss_operation_watch(follow->operation, on_progress, &follow->progress);
        while ((r = lxss_operation_wait(follow->operation, 0, failure)) == -ETIMEDOUT && !follow->impatient) {
                r = wait_for_news(follow, signal_fd);
                if (r < 0)
                        break;
        }
        progress_clear(&follow->progress);
        return r;
}

int operation_wait(Command *command, LxssClient *client, LxssOperation *operation, int signal_fd) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        Follow follow = { .client = client, .operation = operation };
        int r;

        progress_start(&follow.progress, command->quiet);
        r = follow_operation(&follow, signal_fd, &failure);
        if (r == 0)
                return EXIT_SUCCESS;
        if (!follow.signo || r == -ECONNRESET)
                return command_fail(command, r, &failure);
        if (!follow.impatient)
                say("canceled");
        return -follow.signo;
}

int operation_run(Command *command, int flags, OperationBegin begin, const void *what, char **ret_snapshot) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_operation_ LxssOperation *operation = NULL;
        int r;

        r = command_connect(command, flags, &client, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(client, what, &operation, &failure);
        if (r == 0 && ret_snapshot && !(*ret_snapshot = strdup(lxss_operation_snapshot(operation))))
                r = -ENOMEM;
        if (r < 0)
                return command_fail(command, r, &failure);
        return operation_wait(command, client, operation, signal_fd);
}
