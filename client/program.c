/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of `lxctl launch`: one poll(2) over lxssd, the signals and the
 * relay, since nothing else happens in this process and its start must be quick.
 * Knows neither the command line nor how bytes are relayed. */

#include "client/program.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "client/signals.h"
#include "client/text.h"

#define HINT_AFTER_US (500 * 1000)

static uint64_t now_us(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* All of these wait for no answer: what lxssd does not say must not keep us from our own signals. */
static void signal_program(Program *program, int signo) {
        if (program->started)
                (void)lxss_process_signal(program->process, signo, LXSS_GROUP | LXSS_NO_ANSWER, NULL);
}

static bool runs(const Program *program) {
        return program->started && !program->exited;
}

/* In its terminal the program is where we are in ours. It is continued, too. */
static void set_foreground(Program *program, bool foreground) {
        program->foreground = foreground;
        (void)lxss_process_set_foreground(program->process, foreground);
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

static void on_launched(Program *program, const LxssEvent *event) {
        program->answered = true;
        program->hint_at = 0;
        program->started = event->type == LXSS_STARTED;
        program->error = event->error;
        program->failure = event->failure;
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

static void on_exited(Program *program, LxssExit end) {
        program->exit = end;
        program->exited = true;
        relay_drain(&program->relay);
}

static void on_event(LxssProcess *process _unused_, const LxssEvent *event, void *userdata) {
        Program *program = userdata;

        switch (event->type) {
        case LXSS_STARTED:
        case LXSS_FAILED:
                on_launched(program, event);
                break;
        case LXSS_WAITS:
                say("%s", event->text);
                break;
        case LXSS_STOPPED:
                on_stopped(program, event->signo);
                break;
        case LXSS_EXITED:
                on_exited(program, event->exit);
                break;
        }
}

/* The program may have started already, and our terminal be raw for it. */
static void on_warning(LxssClient *client _unused_, const char *warning, void *userdata) {
        Program *program = userdata;

        relay_suspend(&program->relay);
        say("warning: %s", warning);
        relay_resume(&program->relay);
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
        if (!program->quiet)
                (void)lxss_process_explain(program->process);
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

static int process_news(Program *program) {
        int r = program->readable ? lxss_dispatch(program->client) : 0;

        program->readable = false;
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
        int timeout;

        polls[0] = (struct pollfd){ .fd = lxss_fd(program->client), .events = POLLIN };
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

int program_start(Program *program, LxssClient *client, const LxssLaunch *launch, LxssFailure *reterr) {
        int r;

        program->client = client;
        program->terminal = launch->terminal && launch->terminal->mask != 0;
        program->foreground = program->terminal && !launch->terminal->background;
        r = lxss_launch_begin(client, launch, &program->process, reterr);
        if (r < 0)
                return r;
        lxss_process_watch(program->process, on_event, program);
        if (!program->quiet)
                lxss_watch_warnings(client, on_warning, program);
        program->relay.socket = lxss_process_terminal(program->process);
        program->hint_at = now_us() + HINT_AFTER_US;
        return 0;
}

int program_run(Program *program) {
        int r = 0;

        while (!program->exited) {
                r = process_news(program);
                if (program->exited || r < 0 || program->error < 0)
                        break;
                r = wait_and_relay(program);
                if (r < 0)
                        break;
        }
        while (program->exited && !program->relay.drained) {
                r = wait_and_relay(program);
                if (r >= 0)
                        r = process_news(program);
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
        program->process = lxss_process_free(program->process);
}
