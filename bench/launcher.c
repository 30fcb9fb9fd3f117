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

#include "client/lxss/remote.h"

typedef struct Launcher {
        Connection *connection;
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

static void ask(Launcher *l) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray array;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Launch", "sayaaya{uh}aaya{sv}");
        dbus_put(&w, "s", "");
        dbus_put_bytes(&w, "/", 1);
        array = dbus_open_array(&w, 'a');
        dbus_put_bytes(&w, l->program, strlen(l->program));
        dbus_close_array(&w, array);
        array = dbus_open_array(&w, '{');
        for (uint32_t fd = 0; fd < 3; fd++) {
                dbus_put_struct(&w);
                dbus_put(&w, "uh", fd, l->null);
        }
        dbus_close_array(&w, array);
        dbus_close_array(&w, dbus_open_array(&w, 'a'));
        dbus_close_array(&w, dbus_open_array(&w, '{'));
        r = connection_send(l->connection, &w, NULL);
        if (r < 0)
                die("Launch", r);
        l->n_asked++;
}

static void take(Launcher *l, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        int code, status;

        if (incoming->message.type == DBUS_ERROR) {
                l->n_failed++;
                l->n_ended++;
        } else if (incoming->message.type == DBUS_METHOD_RETURN)
                l->n_started++;
        else if (incoming_is_signal(incoming, PROCESS_INTERFACE, "Exited") && dbus_get(&reader, "ii", &code, &status) == 0) {
                l->n_ended++;
                l->n_failed += code != CLD_EXITED || status != 0;
        }
}

/* All that is there; waits for something. */
static void receive(Launcher *l) {
        struct pollfd p = { .fd = connection_fd(l->connection), .events = POLLIN };
        int r;

        (void)poll(&p, 1, -1);
        do {
                _cleanup_incoming_ Incoming *incoming = NULL;

                r = connection_next(l->connection, &incoming);
                if (r > 0)
                        take(l, incoming);
        } while (r > 0);
        if (r < 0)
                die("the connection", r);
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
        _cleanup_failure_ Failure failure = { 0 };
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
        r = remote_connect(ACTIVATE_FOR_INSTANCE, &l.connection, &failure);
        if (r < 0) {
                fprintf(stderr, "launcher: %s\n", failure.message);
                return EXIT_FAILURE;
        }
        if (streq(argv[1], "rate"))
                rate(&l, count, argc > 4 ? strtoul(argv[3], NULL, 10) : 1);
        else
                hold(&l, count);
        connection_free(l.connection);
        return EXIT_SUCCESS;
}
