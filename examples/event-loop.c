/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs several command lines at once in a distribution, in an sd-event(3) loop, and says how each ended:
 *
 *   cc event-loop.c -o event-loop $(pkg-config --cflags --libs lxss libsystemd)
 *   ./event-loop 'sleep 1; echo first' 'exit 3' 'kill $$' */

#include <errno.h>
#include <lxss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

typedef struct Job {
        sd_event *loop;
        unsigned *n_left;
        const char *line;
} Job;

static void end(Job *job) {
        if (--*job->n_left == 0)
                sd_event_exit(job->loop, 0);
}

static void on_event(LxssProcess *process, const LxssEvent *event, void *userdata) {
        Job *job = userdata;

        if (event->type == LXSS_FAILED)
                printf("%s: %s\n", job->line, event->failure->message ? event->failure->message : strerror(-event->error));
        else if (event->type == LXSS_EXITED && event->exit.code == CLD_EXITED)
                printf("%s: exit %d\n", job->line, event->exit.status);
        else if (event->type == LXSS_EXITED)
                printf("%s: %s\n", job->line, event->exit.code == 0 ? "its instance ended" : strsignal(event->exit.status));
        else
                return;
        lxss_process_free(process);
        end(job);
}

/* Before each wait: a call may have read what the loop would wait for. */
static int prepare(sd_event_source *source, void *userdata) {
        (void)source;
        return lxss_dispatch(userdata);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)fd;
        (void)events;
        return prepare(source, userdata);
}

static int attach(sd_event *loop, LxssClient *client) {
        sd_event_source *source;
        int r;

        r = sd_event_add_io(loop, &source, lxss_fd(client), 1 /* EPOLLIN */, on_readable, client);
        if (r >= 0)
                r = sd_event_source_set_prepare(source, prepare);
        return r < 0 ? r : sd_event_source_set_floating(source, 1);
}

static int launch(LxssClient *client, Job *job, LxssFailure *failure) {
        const LxssFd fds[] = { { 1, STDOUT_FILENO }, { 2, STDERR_FILENO } };
        char *argv[] = { (char *)job->line, NULL };
        const LxssLaunch launch = { .argv = argv, .fds = fds, .n_fds = 2, .flags = LXSS_SHELL };
        LxssProcess *process;
        int r = lxss_launch_begin(client, &launch, &process, failure);

        if (r == 0)
                lxss_process_watch(process, on_event, job);
        return r;
}

int main(int argc, char **argv) {
        unsigned n_left = argc - 1;
        LxssFailure failure = LXSS_FAILURE_NONE;
        Job *jobs = calloc(argc, sizeof(*jobs));
        LxssClient *client = NULL;
        sd_event *loop = NULL;
        int r;

        if (n_left == 0 || !jobs || sd_event_default(&loop) < 0)
                return 2;
        setvbuf(stdout, NULL, _IOLBF, 0);
        r = lxss_connect(LXSS_FOR_INSTANCE, &client, &failure);
        for (int i = 1; i < argc && r == 0; i++) {
                jobs[i] = (Job){ loop, &n_left, argv[i] };
                r = launch(client, &jobs[i], &failure);
        }
        if (r == 0)
                r = attach(loop, client);
        if (r >= 0)
                r = sd_event_loop(loop);
        if (r < 0)
                fprintf(stderr, "event-loop: %s\n", failure.message ? failure.message : strerror(-r));
        sd_event_unref(loop);
        lxss_disconnect(client);
        lxss_failure_clear(&failure);
        free(jobs);
        return r < 0 ? 125 : 0;
}
