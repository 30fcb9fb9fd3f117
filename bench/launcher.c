/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Launches by the number, over one connection to lxssd.
 *
 *   launcher rate COUNT IN-FLIGHT PROGRAM   prints launches per second
 *   launcher spawn COUNT PROGRAM            the same by posix_spawn(3), one after the other
 *   launcher hold COUNT PROGRAM             says "ready" when COUNT run, and ends with its standard input
 *
 * PROGRAM is launched without arguments, in the default distribution. */

#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "client/handles.h"

typedef struct Launcher {
        LxssClient *client;
        const char *program;
        int null;
        unsigned n_asked, n_started, n_ended, n_failed;
} Launcher;

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what, int r) {
        fprintf(stderr, "launcher: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static void on_event(LxssProcess *process, const LxssEvent *event, void *userdata) {
        Launcher *l = userdata;

        l->n_started += event->type == LXSS_STARTED;
        l->n_ended += event->type == LXSS_FAILED || event->type == LXSS_EXITED;
        l->n_failed += event->type == LXSS_FAILED ||
                       (event->type == LXSS_EXITED && (event->exit.code != CLD_EXITED || event->exit.status != 0));
        if (event->type != LXSS_STARTED)
                lxss_process_free(process);
}

static void ask(Launcher *l) {
        const LxssFd fds[] = { { 0, l->null }, { 1, l->null }, { 2, l->null } };
        char *const argv[] = { (char *)l->program, NULL };
        const LxssLaunch launch = { .directory = "/", .argv = argv, .fds = fds, .n_fds = 3 };
        LxssProcess *process;
        int r;

        r = lxss_launch_begin(l->client, &launch, &process, NULL);
        if (r < 0)
                die("lxss_launch_begin", r);
        lxss_process_watch(process, on_event, l);
        l->n_asked++;
}

/* All that is there; waits for something. */
static void receive(Launcher *l) {
        struct pollfd p = { .fd = lxss_fd(l->client), .events = POLLIN };
        int r;

        (void)poll(&p, 1, -1);
        r = lxss_dispatch(l->client);
        if (r < 0)
                die("lxss_dispatch", r);
}

static void rate(Launcher *l, unsigned count, unsigned in_flight) {
        double start = now();

        while (l->n_ended < count) {
                while (l->n_asked < count && l->n_asked - l->n_ended < in_flight)
                        ask(l);
                receive(l);
        }
        if (l->n_failed > 0) {
                fprintf(stderr, "launcher: %u of %u launches failed\n", l->n_failed, count);
                exit(EXIT_FAILURE);
        }
        printf("%.1f\n", count / (now() - start));
}

static void hold(Launcher *l, unsigned count) {
        char byte;

        while (l->n_started < count && l->n_failed == 0) {
                while (l->n_asked < count && l->n_asked - l->n_started < 64)
                        ask(l);
                receive(l);
        }
        puts(l->n_failed > 0 ? "failed" : "ready");
        fflush(stdout);
        (void)!read(STDIN_FILENO, &byte, 1);
}

static void spawn(const char *program, unsigned count) {
        char *argv[] = { (char *)program, NULL };
        double start = now();

        for (unsigned i = 0; i < count; i++) {
                pid_t pid;
                int r = posix_spawn(&pid, program, NULL, NULL, argv, environ);

                if (r != 0)
                        die(program, -r);
                (void)waitpid(pid, NULL, 0);
        }
        printf("%.1f\n", count / (now() - start));
}

int main(int argc, char **argv) {
        Launcher l = { .program = argc > 3 ? argv[argc - 1] : "/bin/true" };
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        unsigned count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
        int r;

        if (argc < 4 || count == 0) {
                fputs("usage: launcher rate COUNT IN-FLIGHT PROGRAM | spawn COUNT PROGRAM | hold COUNT PROGRAM\n", stderr);
                return 2;
        }
        if (streq(argv[1], "spawn")) {
                spawn(l.program, count);
                return EXIT_SUCCESS;
        }
        l.null = open("/dev/null", O_RDWR | O_CLOEXEC);
        r = lxss_connect(LXSS_FOR_INSTANCE, &l.client, &failure);
        if (r < 0) {
                fprintf(stderr, "launcher: %s\n", failure.message);
                return EXIT_FAILURE;
        }
        if (streq(argv[1], "rate"))
                rate(&l, count, argc > 4 ? strtoul(argv[3], NULL, 10) : 1);
        else
                hold(&l, count);
        return EXIT_SUCCESS; /* and the programs go with us */
}
