/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of `lxctl launch`: one poll(2) over the bus, the signals and the
 * relay, since nothing else happens in this process and its start must be quick.
 * Knows neither the command line nor how bytes are relayed. */

#include "client/program.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "client/lxss/launch-call.h"
#include "client/signals.h"
#include "client/text.h"

#define HINT_AFTER_US (500 * 1000)

static uint64_t now_us(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void signal_program(Program *program, int signo) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        if (!program->path || program->exited)
                return;
        dbus_begin_call(&w, program->path, PROCESS_INTERFACE, "Signal", "ib");
        dbus_put(&w, "ib", signo, true);
        (void)connection_send(program->connection, &w, NULL);
}

static bool runs(const Program *program) {
        return program->path && !program->exited;
}

/* In its terminal the program is where we are in ours. It is continued, too. */
static void set_foreground(Program *program, bool foreground) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        program->foreground = foreground;
        dbus_begin_call(&w, program->path, PROCESS_INTERFACE, "SetForeground", "b");
        dbus_put(&w, "b", foreground);
        (void)connection_send(program->connection, &w, NULL);
}

static void continue_program(Program *program, bool foreground) {
        if (program->terminal && runs(program))
                set_foreground(program, foreground);
        else
                signal_program(program, SIGCONT);
}

/* Stops us as the program was, with the terminal as its owner left it. When a
 * shell continues us, SIGCONT is in signal_fd and on_signal() does the rest.
 * Where there is no shell that could, nothing stops, and the program goes on too,
 * in its foreground, since it would at once be stopped again else. */
static void stop_self(Program *program, int signo, bool group) {
        relay_suspend(&program->relay);
        if (signal_stop_self(signo, group))
                return;
        relay_resume(&program->relay);
        continue_program(program, true);
}

/* SIGTSTP came to us. */
static void on_stop_request(Program *program) {
        program->early_stop = false;
        if (runs(program)) {
                /* SIGSTOP: in the instance the job has no shell, and would not stop by SIGTSTP. */
                signal_program(program, SIGSTOP);
                program->stop_expected = true;
        }
        stop_self(program, SIGTSTP, false);
}

static void on_launched(Program *program, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *path;

        program->answered = true;
        program->hint_at = 0;
        program->error = remote_failure_of(answer, &program->failure);
        if (program->error == 0 && dbus_get(&reader, "o", &path) < 0)
                program->error = remote_bad_answer(-EBADMSG, &program->failure);
        if (program->error == 0) {
                program->path = strdup(path);
                program->error = program->path ? 0 : -ENOMEM;
        }
        if (program->early_signal > 0)
                signal_program(program, program->early_signal);
        if (program->early_stop)
                on_stop_request(program);
}

static void on_stopped(Program *program, int signo) {
        if (signo == SIGSTOP && program->stop_expected) {
                program->stop_expected = false;
                return;
        }
        /* Before it stopped; stopped ourselves, we would show it only when somebody continues us. */
        relay_catch_up(&program->relay);
        /* The terminal stops the whole job, ours too if there is a pipeline around us. */
        stop_self(program, signo == SIGTTIN || signo == SIGTTOU ? signo : SIGTSTP,
                  signo != SIGSTOP && program->relay.master >= 0);
}

static void on_exited(Program *program, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        int code, status;

        if (dbus_get(&reader, "ii", &code, &status) < 0)
                return;
        program->code = code;
        program->status = status;
        program->exited = true;
        relay_drain(&program->relay);
}

static const char *describe_kind(const char *kind) {
        if (streq(kind, "install"))
                return "installation";
        if (streq(kind, "clone"))
                return "cloning";
        return streq(kind, "uninstall") ? "removal" : kind;
}

static void on_oobe(Program *program, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *state;

        if (!program->answered && answer->message.type == DBUS_METHOD_RETURN && streq(dbus_get_variant(&reader), "s") &&
            dbus_get(&reader, "s", &state) == 0 && streq(state, "running"))
                say("waiting for %s to be set up in another terminal", program->distribution);
}

/* It is no operation that the launch waits for. */
static void ask_oobe(Program *program) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_free_ char *path = NULL;

        if (str_empty(program->distribution) || !(path = remote_distribution_path(program->distribution)))
                return;
        dbus_begin_call(&w, path, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", DISTRIBUTION_INTERFACE, "Oobe");
        (void)connection_send(program->connection, &w, &program->oobe_call);
}

static void on_operations(Program *program, const Incoming *answer) {
        DbusReader reader = incoming_read(answer), entries;

        if (program->answered || answer->message.type != DBUS_METHOD_RETURN)
                return;
        entries = dbus_enter_array(&reader, '(');
        while (dbus_more(&entries, &reader)) {
                const char *kind, *distribution;

                dbus_get_struct(&entries);
                /* A clone bears the new name, and holds the other one too. */
                if (dbus_get(&entries, "sssdo", &kind, &distribution, NULL, NULL, NULL) == 0 &&
                    (str_empty(program->distribution) || streq(program->distribution, distribution) ||
                     streq(kind, "clone"))) {
                        say("waiting for the %s of %s to finish", describe_kind(kind), distribution);
                        return;
                }
        }
        ask_oobe(program);
}

static void ask_operations(Program *program) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "ListOperations", "");
        (void)connection_send(program->connection, &w, &program->operations_call);
}

static void on_default(Program *program, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *name;

        if (answer->message.type == DBUS_METHOD_RETURN && streq(dbus_get_variant(&reader), "s") &&
            dbus_get(&reader, "s", &name) == 0) {
                free(program->distribution);
                program->distribution = strdup(name);
        }
        ask_operations(program);
}

static void ask_default(Program *program) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, MANAGER_PATH, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", MANAGER_INTERFACE, "DefaultDistribution");
        (void)connection_send(program->connection, &w, &program->default_call);
}

/* The answer takes long: ask for the reason, without waiting for that answer either. */
static void look_for_reason(Program *program) {
        program->hint_at = 0;
        if (program->early_signal > 0) {
                relay_finish(&program->relay);
                signal_die(program->early_signal);
        }
        if (program->early_stop)
                on_stop_request(program);
        if (program->quiet)
                return;
        if (str_empty(program->distribution))
                ask_default(program);
        else
                ask_operations(program);
}

static void on_signal(Program *program, int signo) {
        bool unsure = !program->answered && program->hint_at > 0; /* it may run already, and the answer be on its way */

        if (signo == SIGWINCH)
                relay_resize(&program->relay);
        else if (signo == SIGCONT) {
                program->early_stop = false;
                relay_resume(&program->relay);
                continue_program(program, program->relay.foreground);
        } else if (signo == SIGTSTP && unsure)
                program->early_stop = true;
        else if (signo == SIGTSTP)
                on_stop_request(program);
        else if (runs(program) && signal_is_forwarded(signo))
                signal_program(program, signo);
        else if (unsure)
                program->early_signal = signo;
        else {
                relay_finish(&program->relay);
                signal_die(signo);
        }
}

static void on_stopped_signal(Program *program, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        int signo;

        if (dbus_get(&reader, "i", &signo) == 0 && !program->exited)
                on_stopped(program, signo);
}

/* The program may have started already, and our terminal be raw for it. */
static void on_warned(Program *program, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming), warnings = dbus_enter_array(&reader, 's');

        if (program->quiet)
                return;
        relay_suspend(&program->relay);
        while (dbus_more(&warnings, &reader)) {
                const char *warning;

                if (dbus_get(&warnings, "s", &warning) == 0)
                        say("warning: %s", warning);
        }
        relay_resume(&program->relay);
}

static void on_message(Program *program, const Incoming *incoming) {
        const DbusMessage *m = &incoming->message;

        if (m->reply_serial != 0) {
                if (m->reply_serial == program->launch_call)
                        on_launched(program, incoming);
                else if (m->reply_serial == program->default_call)
                        on_default(program, incoming);
                else if (m->reply_serial == program->operations_call)
                        on_operations(program, incoming);
                else if (m->reply_serial == program->oobe_call)
                        on_oobe(program, incoming);
        } else if (incoming_is_signal(incoming, INSTANCE_INTERFACE, "Warned")) {
                on_warned(program, incoming);
        } else if (program->path && m->path && streq(m->path, program->path)) {
                if (incoming_is_signal(incoming, PROCESS_INTERFACE, "Exited"))
                        on_exited(program, incoming);
                else if (incoming_is_signal(incoming, PROCESS_INTERFACE, "Stopped"))
                        on_stopped_signal(program, incoming);
        }
}

/* 0: there is no more for now. */
static int process_messages(Program *program) {
        while (program->readable) {
                _cleanup_incoming_ Incoming *incoming = NULL;
                int r = connection_next(program->connection, &incoming);

                if (r < 0)
                        return r;
                program->readable = r > 0;
                if (r > 0)
                        on_message(program, incoming);
        }
        return 0;
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
        int timeout;

        polls[0] = (struct pollfd){ .fd = connection_fd(program->connection), .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = program->signal_fd, .events = POLLIN };
        timeout = relay_get_polls(&program->relay, polls + 2);
        if (program->hint_at > 0)
                timeout = sooner(timeout, program->hint_at);

        if (poll(polls, ELEMENTSOF(polls), timeout) < 0)
                return errno == EINTR ? 0 : -errno;
        program->readable |= polls[0].revents != 0;
        if (polls[1].revents)
                process_signals(program);
        if (program->hint_at > 0 && now_us() >= program->hint_at)
                look_for_reason(program);
        relay_process(&program->relay, polls + 2);
        /* Not every shell sends SIGCONT to what runs in the background already. */
        if (program->terminal && runs(program) && program->relay.foreground != program->foreground)
                set_foreground(program, program->relay.foreground);
        if (program->relay.lost && !signal_is_ignored(SIGHUP)) {
                relay_finish(&program->relay);
                signal_die(SIGHUP);
        }
        return 0;
}

int program_start(Program *program, Connection *connection, const LaunchRequest *request, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        int r;

        program->connection = connection;
        program->terminal = request->terminal_mask != 0;
        program->foreground = !request->background;
        free(program->distribution);
        program->distribution = request->distribution ? strdup(request->distribution) : NULL;
        launch_call_write(&w, request);
        r = connection_send(connection, &w, &program->launch_call);
        if (r == -E2BIG)
                return failure_set(reterr, LXSS_ERROR_ARGUMENTS_TOO_LONG, r,
                                   "The program has too many arguments, variables or descriptors to be launched.");
        if (r < 0)
                return failure_set(reterr, LXSS_ERROR_FAILED, r, "Cannot ask lxssd: %s", strerror(-r));
        program->hint_at = now_us() + HINT_AFTER_US;
        return 0;
}

int program_run(Program *program) {
        int r = 0;

        while (!program->exited) {
                r = process_messages(program);
                if (program->exited || r < 0 || program->error < 0)
                        break;
                r = wait_and_relay(program);
                if (r < 0)
                        break;
        }
        while (program->exited && !program->relay.drained) {
                r = wait_and_relay(program);
                if (r >= 0)
                        r = process_messages(program);
                if (r < 0)
                        break;
        }
        relay_finish(&program->relay);
        if (program->exited)
                return 0;
        return program->error < 0 ? program->error : r;
}

void program_finish(Program *program) {
        relay_finish(&program->relay);
        closep(&program->signal_fd);
        failure_clear(&program->failure);
        free(steal_pointer(&program->path));
        free(steal_pointer(&program->distribution));
}
