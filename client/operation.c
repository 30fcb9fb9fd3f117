/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of verbs that wait for an operation: bus, signals and progress
 * bar in one poll(2). */

#include "client/operation.h"

#include <math.h>
#include <poll.h>

#include "client/progress.h"
#include "client/remote.h"
#include "client/signals.h"
#include "client/text.h"

typedef struct Follow {
        sd_bus *bus;
        const char *path;
        Progress progress;
        bool finished, succeeded;
        int signo; /* that asked to cancel */
        sd_bus_error *reterr;
} Follow;

static int read_changes(Follow *follow, sd_bus_message *m) {
        const char *name, *stage;
        double fraction;
        int r;

        r = sd_bus_message_skip(m, "s");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                if (streq(name, "Stage")) {
                        r = sd_bus_message_read(m, "v", "s", &stage);
                        if (r >= 0)
                                progress_update(&follow->progress, stage, NAN);
                } else if (streq(name, "Progress")) {
                        r = sd_bus_message_read(m, "v", "d", &fraction);
                        if (r >= 0)
                                progress_update(&follow->progress, NULL, fraction);
                } else
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static void read_end(Follow *follow, sd_bus_message *m) {
        const char *result, *name, *text;

        if (sd_bus_message_read(m, "sss", &result, &name, &text) < 0)
                return;
        follow->finished = true;
        follow->succeeded = streq(result, "done");
        if (!follow->succeeded && !sd_bus_error_is_set(follow->reterr))
                (void)sd_bus_error_set(follow->reterr, str_empty(name) ? "org.lxss.Error.Failed" : name,
                                       str_empty(text) ? result : text);
}

static int on_message(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *reterr) {
        Follow *follow = userdata;
        const char *path = sd_bus_message_get_path(m);

        if (!path || !streq(path, follow->path))
                return 0;
        if (sd_bus_message_is_signal(m, OPERATION_INTERFACE, "Finished"))
                read_end(follow, m);
        else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                (void)read_changes(follow, m);
        return 0;
}

static void on_signal(Follow *follow, int signo) {
        if (follow->signo) {
                progress_clear(&follow->progress);
                signal_die(signo); /* the second time: lxssd cancels when we are gone */
        }
        follow->signo = signo;
        (void)sd_bus_call_method_async(follow->bus, NULL, NULL, follow->path, OPERATION_INTERFACE, "Cancel", NULL,
                                       NULL, NULL);
}

static int wait_for_news(Follow *follow, int signal_fd) {
        struct pollfd polls[2];
        int events, signo;

        events = sd_bus_get_events(follow->bus);
        if (events < 0)
                return events;
        polls[0] = (struct pollfd){ .fd = sd_bus_get_fd(follow->bus), .events = events };
        polls[1] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
        if (poll(polls, 2, progress_interval(&follow->progress)) < 0 && errno != EINTR)
                return -errno;
        while ((signo = signals_read(signal_fd)) > 0)
                on_signal(follow, signo);
        progress_draw(&follow->progress);
        return 0;
}

static int follow_until_finished(Follow *follow, int signal_fd) {
        int r;

        while (!follow->finished) {
                r = sd_bus_process(follow->bus, NULL);
                if (r == 0)
                        r = wait_for_news(follow, signal_fd);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int follow_operation(Follow *follow, int signal_fd) {
        _cleanup_free_ char *stage = NULL;
        sd_bus_slot *slot = NULL;
        int r;

        r = sd_bus_add_filter(follow->bus, &slot, on_message, follow);
        if (r < 0)
                return r;
        /* It may have begun, or even ended, before: then there is nothing to show. */
        if (sd_bus_get_property_string(follow->bus, NULL, follow->path, OPERATION_INTERFACE, "Stage", NULL,
                                       &stage) >= 0)
                progress_update(&follow->progress, stage, NAN);
        r = follow_until_finished(follow, signal_fd);
        progress_clear(&follow->progress);
        sd_bus_slot_unref(slot);
        return r;
}

int operation_wait(Command *command, sd_bus *bus, const char *path, int signal_fd) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        Follow follow = { .bus = bus, .path = path, .reterr = &error };
        int r;

        progress_start(&follow.progress, command->quiet);
        r = follow_operation(&follow, signal_fd);
        if (r < 0)
                return command_fail(command, r, &error);
        if (follow.succeeded)
                return EXIT_SUCCESS;
        if (follow.signo) {
                say("canceled");
                signal_die(follow.signo);
        }
        return command_fail(command, -EIO, &error);
}
