/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* As inetd does it: a process of ours for each connection, and the program beside it with
 * pipes, so that any program that reads and writes can serve. */

#include "client/bus-serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "client/bus-relay.h"
#include "client/command.h"
#include "client/text.h"

/* What the program is told of the other end, beside its descriptors. */
static void describe_peer(const LxBusPort *port, size_t n_fds) {
        char number[32];
        LxBusPeer peer;

        snprintf(number, sizeof(number), "%zu", n_fds);
        (void)setenv("LXBUS_FDS", number, 1);
        if (lxbus_port_peer(port, &peer) < 0)
                return;
        (void)setenv("LXBUS_PEER_INSTANCE", peer.instance ? peer.instance : "", 1);
        snprintf(number, sizeof(number), "%u", (unsigned)peer.uid);
        (void)setenv("LXBUS_PEER_UID", number, 1);
        snprintf(number, sizeof(number), "%d", (int)peer.pid);
        (void)setenv("LXBUS_PEER_PID", number, 1);
}

/* Descriptors at their places, from 3 on, and all others closed. They are moved out of the way first. */
static int place(const LxBusObject *objects, size_t n) {
        int moved[LXBUS_MESSAGE_OBJECTS_MAX];

        for (size_t i = 0; i < n; i++) {
                moved[i] = fcntl(objects[i].fd, F_DUPFD_CLOEXEC, 3 + LXBUS_MESSAGE_OBJECTS_MAX);
                if (moved[i] < 0)
                        return -errno;
        }
        for (size_t i = 0; i < n; i++)
                if (dup2(moved[i], 3 + i) < 0)
                        return -errno;
        return 0;
}

int bus_fail_program(const char *program, int error) {
        say("%s: %s", program, error == ENOENT ? "There is no such program." : strerror(error));
        return error == ENOENT ? 127 : 126;
}

_Noreturn static void run_program(const BusService *service, const LxBusPort *port, int in, int out,
                                  const LxBusObject *objects, size_t n) {
        describe_peer(port, n);
        (void)signal(SIGPIPE, SIG_DFL);
        if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || place(objects, n) < 0)
                _exit(EXIT_SERVICE);
        (void)execvp(service->argv[0], service->argv);
        _exit(bus_fail_program(service->argv[0], errno));
}

static int exit_code_of(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return EXIT_SERVICE;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int with_program(LxBusPort *port, const BusService *service, const LxBusObject *objects, size_t n) {
        _cleanup_close_ int program_in = -EBADF, program_out = -EBADF, our_out = -EBADF, our_in = -EBADF;
        int in[2], out[2];
        pid_t pid;

        if (pipe2(in, O_CLOEXEC) < 0)
                return EXIT_SERVICE;
        program_in = in[0];
        our_out = in[1];
        if (pipe2(out, O_CLOEXEC) < 0)
                return EXIT_SERVICE;
        our_in = out[0];
        program_out = out[1];
        pid = fork();
        if (pid < 0)
                return EXIT_SERVICE;
        if (pid == 0)
                run_program(service, port, program_in, program_out, objects, n);
        closep(&program_in);
        closep(&program_out);
        (void)bus_relay(port, steal_fd(&our_in), steal_fd(&our_out), true);
        return exit_code_of(pid);
}

static int without_program(LxBusPort *port) {
        int r;

        (void)signal(SIGPIPE, SIG_DFL);
        r = bus_relay(port, dup(STDIN_FILENO), dup(STDOUT_FILENO), false);
        if (r < 0)
                say("The connection broke: %s", strerror(-r));
        return r < 0 ? EXIT_SERVICE : EXIT_SUCCESS;
}

static int answer(LxBusPort *port, const BusService *service) {
        LxBusObject objects[LXBUS_MESSAGE_OBJECTS_MAX];
        LxBusMessage message = { .objects = objects, .n_objects = ELEMENTSOF(objects) };
        int r = 0;

        if (service->take_fds)
                r = lxbus_port_read(port, &message, -1);
        else
                message.n_objects = 0;
        if (r < 0 && r != -EMSGSIZE) {
                say("The other end sent no descriptors: %s", strerror(-r));
                return EXIT_SERVICE;
        }
        if (r < 0) /* it begins with bytes */
                message.n_objects = 0;
        r = service->argv ? with_program(port, service, objects, message.n_objects) : without_program(port);
        for (size_t i = 0; i < message.n_objects; i++)
                closep(&objects[i].fd);
        return r;
}

/* In a process of its own, which nobody waits for, and which does not keep the server's name. */
static void answer_beside(LxBusServer *server, LxBusPort *port, const BusService *service) {
        pid_t pid = fork();
        int r;

        if (pid < 0)
                say("A connection was dropped: %s", strerror(errno));
        if (pid != 0)
                return;
        (void)signal(SIGCHLD, SIG_DFL);
        lxbus_server_free(server);
        r = answer(port, service);
        lxbus_port_free(port);
        _exit(r);
}

/* As execvp(3) does it. */
int bus_find_program(const char *program) {
        const char *path = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";
        int r = -ENOENT;

        if (strchr(program, '/'))
                return access(program, X_OK) < 0 ? -errno : 0;
        for (const char *end; r < 0 && *path; path = *end ? end + 1 : end) {
                _cleanup_free_ char *place = NULL;

                end = strchrnul(path, ':');
                if (asprintf(&place, "%.*s/%s", end > path ? (int)(end - path) : 1, end > path ? path : ".", program) < 0)
                        return -ENOMEM;
                if (access(place, X_OK) == 0)
                        r = 0;
                else if (errno == EACCES)
                        r = -EACCES;
        }
        return r;
}

int bus_serve(LxBusServer *server, const BusService *service) {
        LxBusPort *port;
        int code = EXIT_SUCCESS, r;

        (void)signal(SIGPIPE, SIG_IGN);
        if (!service->once)
                (void)signal(SIGCHLD, SIG_IGN);
        do {
                r = lxbus_server_accept(server, -1, &port);
                if (r < 0) {
                        say("Cannot wait for connections: %s", r == -EPIPE ? "LxBus ended" : strerror(-r));
                        return EXIT_SERVICE;
                }
                if (service->once)
                        code = answer(port, service);
                else
                        answer_beside(server, port, service);
                lxbus_port_free(port);
        } while (!service->once);
        return code;
}
