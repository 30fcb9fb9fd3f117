/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of `lxctl launch`: one poll(2) over the bus, the signals and the
 * relay, since nothing else happens in this process and its start must be quick.
 * Knows neither the command line nor how bytes are relayed. */

#include "client/program.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "client/remote.h"
#include "client/signals.h"
#include "client/text.h"

#define HINT_AFTER_US (500 * 1000)

static uint64_t now_us(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int append_bytes_array(sd_bus_message *m, char *const *strings) {
        int r = sd_bus_message_open_container(m, 'a', "ay");

        for (char *const *s = strings; s && *s && r >= 0; s++)
                r = sd_bus_message_append_array(m, 'y', *s, strlen(*s));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_fds(sd_bus_message *m, const LaunchRequest *request) {
        int r = sd_bus_message_open_container(m, 'a', "{uh}");

        for (size_t i = 0; i < request->n_fds && r >= 0; i++)
                r = sd_bus_message_append(m, "{uh}", (uint32_t)request->fds[i].number, request->fds[i].fd);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_directory(sd_bus_message *m, const char *directory) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "directory");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', directory, strlen(directory));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_terminal(sd_bus_message *m, const LaunchRequest *request) {
        uint32_t fds[3];
        size_t n = 0;
        int r;

        for (uint32_t fd = 0; fd < 3; fd++)
                if (request->terminal_mask & 1u << fd)
                        fds[n++] = fd;
        r = sd_bus_message_append(m, "{sv}", "terminal", "h", request->terminal_socket);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "terminal-fds");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', fds, n * sizeof(fds[0]));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0 && request->rows > 0)
                r = sd_bus_message_append(m, "{sv}", "terminal-size", "(uu)", (uint32_t)request->rows,
                                          (uint32_t)request->columns);
        return r;
}

static int append_options(sd_bus_message *m, const LaunchRequest *request) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && request->user)
                r = sd_bus_message_append(m, "{sv}", "user", "s", request->user);
        if (r >= 0 && request->directory)
                r = append_directory(m, request->directory);
        if (r >= 0 && request->shell)
                r = sd_bus_message_append(m, "{sv}", "shell", "b", 1);
        if (r >= 0 && request->terminal_mask)
                r = append_terminal(m, request);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "wait", "b", !request->no_wait);
        if (r >= 0 && request->linger_seconds != LINGER_NONE)
                r = sd_bus_message_append(m, "{sv}", "linger", "t", request->linger_seconds);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_request(sd_bus_message *m, const LaunchRequest *request) {
        const char *cwd = request->cwd ? request->cwd : "";
        int r;

        r = sd_bus_message_append(m, "s", request->distribution ? request->distribution : "");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', cwd, strlen(cwd));
        if (r >= 0)
                r = append_bytes_array(m, request->argv);
        if (r >= 0)
                r = append_fds(m, request);
        if (r >= 0)
                r = append_bytes_array(m, request->env);
        return r < 0 ? r : append_options(m, request);
}

static void signal_program(Program *program, int signo) {
        if (program->path && !program->exited)
                (void)sd_bus_call_method_async(program->bus, NULL, NULL, program->path, PROCESS_INTERFACE, "Signal",
                                               NULL, NULL, "ib", signo, 1);
}

static int on_launched(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *reterr) {
        Program *program = userdata;
        const char *path;
        int r;

        program->answered = true;
        program->hint_at = 0;
        if (sd_bus_message_is_method_error(reply, NULL)) {
                program->failure = -sd_bus_message_get_errno(reply);
                (void)sd_bus_error_copy(&program->error, sd_bus_message_get_error(reply));
                if (program->failure == 0)
                        program->failure = -EIO;
                return 1;
        }
        r = sd_bus_message_read(reply, "ou", &path, NULL);
        if (r >= 0) {
                program->path = strdup(path);
                r = program->path ? 0 : -ENOMEM;
        }
        program->failure = r < 0 ? r : 0;
        if (program->early_signal > 0)
                signal_program(program, program->early_signal);
        return 1;
}

/* Stops us as the program would be, with the terminal as its owner left it. When
 * a shell continues us, SIGCONT is in signal_fd and on_signal() does the rest.
 * Where there is no shell that could, nothing stops, and the program goes on too. */
static void stop_self(Program *program, bool group) {
        relay_suspend(&program->relay);
        (void)sd_bus_flush(program->bus);
        if (signal_stop_self(group))
                return;
        relay_resume(&program->relay);
        signal_program(program, SIGCONT);
}

static void on_stopped(Program *program, int signo) {
        if (signo == SIGSTOP && program->stop_expected) {
                program->stop_expected = false;
                return;
        }
        /* Ctrl-Z on a terminal stops the whole job, ours too if there is a pipeline around us. */
        stop_self(program, signo != SIGSTOP && program->relay.master >= 0);
}

static int on_message(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        Program *program = userdata;
        int code, status;

        if (program->path && sd_bus_message_get_path(m) && !streq(sd_bus_message_get_path(m), program->path))
                return 0;
        if (sd_bus_message_is_signal(m, PROCESS_INTERFACE, "Exited")) {
                if (sd_bus_message_read(m, "ii", &code, &status) < 0)
                        return 0;
                program->code = code;
                program->status = status;
                program->exited = true;
                relay_drain(&program->relay);
        } else if (sd_bus_message_is_signal(m, PROCESS_INTERFACE, "Stopped")) {
                if (sd_bus_message_read(m, "i", &status) >= 0 && !program->exited)
                        on_stopped(program, status);
        }
        return 0;
}

static const char *describe_kind(const char *kind) {
        if (streq(kind, "install"))
                return "installation";
        return streq(kind, "uninstall") ? "removal" : kind;
}

static int on_operations(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *reterr) {
        const Program *program = userdata;
        const char *kind, *distribution;

        if (program->answered || sd_bus_message_is_method_error(reply, NULL))
                return 1;
        if (sd_bus_message_enter_container(reply, 'a', "(sssdo)") < 0)
                return 1;
        while (sd_bus_message_read(reply, "(sssdo)", &kind, &distribution, NULL, NULL, NULL) > 0)
                if (str_empty(program->distribution) || streq(program->distribution, distribution)) {
                        say("waiting for the %s of %s to finish", describe_kind(kind), distribution);
                        return 1;
                }
        return 1;
}

static void ask_operations(Program *program) {
        (void)sd_bus_call_method_async(program->bus, NULL, NULL, MANAGER_PATH, MANAGER_INTERFACE, "ListOperations",
                                       on_operations, program, NULL);
}

static int on_default(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *reterr) {
        Program *program = userdata;
        const char *name;

        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "v", "s", &name) >= 0) {
                free(program->distribution);
                program->distribution = strdup(name);
        }
        ask_operations(program);
        return 1;
}

/* The answer takes long: ask for the reason, without waiting for that answer either. */
static void look_for_reason(Program *program) {
        program->hint_at = 0;
        if (program->early_signal > 0) {
                relay_finish(&program->relay);
                signal_die(program->early_signal);
        }
        if (program->quiet)
                return;
        if (!str_empty(program->distribution)) {
                ask_operations(program);
                return;
        }
        (void)sd_bus_call_method_async(program->bus, NULL, NULL, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                       "Get", on_default, program, "ss", MANAGER_INTERFACE, "DefaultDistribution");
}

static void on_signal(Program *program, int signo) {
        bool runs = program->path && !program->exited;

        if (signo == SIGWINCH)
                relay_resize(&program->relay);
        else if (signo == SIGCONT) {
                relay_resume(&program->relay);
                signal_program(program, SIGCONT);
        } else if (signo == SIGTSTP) {
                if (runs) {
                        /* SIGSTOP: in the instance the job has no shell, and would not stop by SIGTSTP. */
                        signal_program(program, SIGSTOP);
                        program->stop_expected = true;
                }
                stop_self(program, false);
        } else if (runs && signal_is_forwarded(signo))
                signal_program(program, signo);
        else if (!program->answered && program->hint_at > 0)
                program->early_signal = signo; /* the program may run already, and the answer be on its way */
        else {
                relay_finish(&program->relay);
                signal_die(signo);
        }
}

static int process_bus(Program *program) {
        int r;

        do
                r = sd_bus_process(program->bus, NULL);
        while (r > 0);
        return r;
}

static void process_signals(Program *program) {
        int signo;

        while ((signo = signals_read(program->signal_fd)) > 0)
                on_signal(program, signo);
}

/* Milliseconds until `at` (µs), rounded up; -1 for never; at most `timeout` unless that is -1. */
static int sooner(int timeout, uint64_t at) {
        uint64_t now = now_us(), left;

        if (at == UINT64_MAX)
                return timeout;
        left = at > now ? (at - now + 999) / 1000 : 0;
        if (left > 3600 * 1000)
                left = 3600 * 1000;
        return timeout < 0 || (int)left < timeout ? (int)left : timeout;
}

static int wait_and_relay(Program *program) {
        struct pollfd polls[2 + RELAY_POLLS];
        uint64_t bus_timeout = UINT64_MAX;
        int timeout, events;

        events = sd_bus_get_events(program->bus);
        if (events < 0)
                return events;
        polls[0] = (struct pollfd){ .fd = sd_bus_get_fd(program->bus), .events = events };
        polls[1] = (struct pollfd){ .fd = program->signal_fd, .events = POLLIN };
        timeout = relay_get_polls(&program->relay, polls + 2);
        (void)sd_bus_get_timeout(program->bus, &bus_timeout);
        timeout = sooner(timeout, bus_timeout);
        if (program->hint_at > 0)
                timeout = sooner(timeout, program->hint_at);

        if (poll(polls, ELEMENTSOF(polls), timeout) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polls[1].revents)
                process_signals(program);
        if (program->hint_at > 0 && now_us() >= program->hint_at)
                look_for_reason(program);
        relay_process(&program->relay, polls + 2);
        if (program->relay.lost && !signal_is_ignored(SIGHUP)) {
                relay_finish(&program->relay);
                signal_die(SIGHUP);
        }
        return 0;
}

int program_start(Program *program, sd_bus *bus, const LaunchRequest *request, sd_bus_error *reterr) {
        _cleanup_bus_message_ sd_bus_message *m = NULL;
        int r;

        program->bus = sd_bus_ref(bus);
        program->distribution = request->distribution ? strdup(request->distribution) : NULL;
        r = sd_bus_add_filter(bus, NULL, on_message, program);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, NULL, MANAGER_PATH, MANAGER_INTERFACE, "Launch");
        if (r >= 0)
                r = append_request(m, request);
        if (r >= 0)
                r = sd_bus_call_async(bus, &program->call, m, on_launched, program, UINT64_MAX);
        if (r < 0)
                return sd_bus_error_set_errnof(reterr, r, "Cannot ask lxssd: %s", strerror(-r));
        program->hint_at = now_us() + HINT_AFTER_US;
        return 0;
}

int program_run(Program *program) {
        int r = 0;

        while (!program->exited) {
                r = process_bus(program);
                if (r < 0 || program->failure < 0)
                        break;
                if (program->exited)
                        break;
                r = wait_and_relay(program);
                if (r < 0)
                        break;
        }
        while (program->exited && !program->relay.drained) {
                r = wait_and_relay(program);
                if (r >= 0)
                        r = process_bus(program);
                if (r < 0)
                        break;
        }
        relay_finish(&program->relay);
        if (program->exited)
                return 0;
        return program->failure < 0 ? program->failure : r;
}

void program_finish(Program *program) {
        relay_finish(&program->relay);
        closep(&program->signal_fd);
        program->call = sd_bus_slot_unref(program->call);
        program->bus = sd_bus_flush_close_unref(program->bus);
        sd_bus_error_free(&program->error);
        free(steal_pointer(&program->path));
        free(steal_pointer(&program->distribution));
}
