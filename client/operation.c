/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the loop of verbs that wait for an operation: bus, signals and progress
 * bar in one poll(2). */

#include "client/operation.h"

#include <math.h>
#include <poll.h>

#include "client/progress.h"
#include "client/signals.h"
#include "client/text.h"

typedef struct Follow {
        Connection *connection;
        const char *path;
        char **distribution; /* its name, should it change; NULL: of no interest */
        uint32_t question;   /* the serial of the one for the stage */
        Progress progress;
        bool finished, succeeded;
        int signo;      /* that asked to cancel */
        bool impatient; /* … twice */
        Failure *reterr;
} Follow;

static void take_name(Follow *follow, const char *name) {
        char *copy = follow->distribution ? strdup(name) : NULL;

        if (!copy)
                return;
        free(*follow->distribution);
        *follow->distribution = copy;
}

static void read_warning(Follow *follow, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        const char *warning;

        if (dbus_get(&reader, "s", &warning) < 0 || !follow->progress.enabled)
                return;
        progress_clear(&follow->progress);
        say("warning: %s", warning);
}

/* sa{sv}as, of which the last does not matter. */
static void read_changes(Follow *follow, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming), entries;

        (void)dbus_get(&reader, "s", NULL);
        entries = dbus_enter_array(&reader, '{');
        while (dbus_more(&entries, &reader)) {
                const char *name, *type, *text;
                double fraction;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "s", &name);
                type = dbus_get_variant(&entries);
                if (streq(name, "Stage") && streq(type, "s")) {
                        if (dbus_get(&entries, "s", &text) == 0)
                                progress_update(&follow->progress, text, NAN);
                } else if (streq(name, "Distribution") && streq(type, "s")) {
                        if (dbus_get(&entries, "s", &text) == 0)
                                take_name(follow, text);
                } else if (streq(name, "Progress") && streq(type, "d")) {
                        if (dbus_get(&entries, "d", &fraction) == 0)
                                progress_update(&follow->progress, NULL, fraction);
                } else
                        dbus_skip(&entries, type);
        }
}

static void read_end(Follow *follow, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        const char *result, *name, *text;

        if (dbus_get(&reader, "sss", &result, &name, &text) < 0)
                return;
        follow->finished = true;
        follow->succeeded = streq(result, "done");
        if (!follow->succeeded)
                (void)failure_copy(follow->reterr, -EIO, name, str_empty(text) ? result : text);
}

/* The property's value, a variant. An error says that it has ended already: then Finished follows. */
static void read_stage(Follow *follow, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *stage;

        if (answer->message.type == DBUS_METHOD_RETURN && streq(dbus_get_variant(&reader), "s") &&
            dbus_get(&reader, "s", &stage) == 0)
                progress_update(&follow->progress, stage, NAN);
}

static void on_message(Follow *follow, const Incoming *incoming) {
        const char *path = incoming->message.path;

        if (follow->question && incoming->message.reply_serial == follow->question)
                read_stage(follow, incoming);
        if (!path || !streq(path, follow->path))
                return;
        if (incoming_is_signal(incoming, OPERATION_INTERFACE, "Finished"))
                read_end(follow, incoming);
        else if (incoming_is_signal(incoming, OPERATION_INTERFACE, "Warned"))
                read_warning(follow, incoming);
        else if (incoming_is_signal(incoming, PROPERTIES_INTERFACE, "PropertiesChanged"))
                read_changes(follow, incoming);
}

/* The answer to Cancel does not matter: Finished says what became of it. */
static void on_signal(Follow *follow, int signo) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        if (follow->signo) {
                follow->signo = signo;
                follow->impatient = true; /* lxssd cancels when we are gone */
                return;
        }
        follow->signo = signo;
        dbus_begin_call(&w, follow->path, OPERATION_INTERFACE, "Cancel", "");
        (void)connection_send(follow->connection, &w, NULL);
}

static int wait_for_news(Follow *follow, int signal_fd) {
        struct pollfd polls[2] = {
                { .fd = connection_fd(follow->connection), .events = POLLIN },
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

static int follow_until_finished(Follow *follow, int signal_fd) {
        while (!follow->finished && !follow->impatient) {
                _cleanup_incoming_ Incoming *incoming = NULL;
                int r;

                r = connection_next(follow->connection, &incoming);
                if (r > 0)
                        on_message(follow, incoming);
                else if (r == 0)
                        r = wait_for_news(follow, signal_fd);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What stage it was in from the beginning ("queued") no signal tells. The answer takes its turn among the signals,
 * since those that came with the operation's path are older. If it cannot be sent Finished may be there all the same,
 * or the next message says why. */
static void ask_for_stage(Follow *follow) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, follow->path, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", OPERATION_INTERFACE, "Stage");
        (void)connection_send(follow->connection, &w, &follow->question);
}

static int follow_operation(Follow *follow, int signal_fd) {
        int r;

        ask_for_stage(follow);
        r = follow_until_finished(follow, signal_fd);
        progress_clear(&follow->progress);
        return r;
}

void operation_put_terminate(DbusWriter *w, bool terminate) {
        DbusArray options = dbus_open_array(w, '{');

        if (terminate)
                remote_put_option(w, "terminate", "b", true);
        dbus_close_array(w, options);
}

/* ret_name may be NULL; else the answer has a string behind the operation. */
static int begin(Connection *connection, DbusWriter *call, char **ret_path, char **ret_name, Failure *reterr) {
        _cleanup_free_ char *path_copy = NULL, *name_copy = NULL;
        _cleanup_incoming_ Incoming *answer = NULL;
        const char *path, *name = "";
        DbusReader reader;
        int r;

        r = remote_finish_call(connection, call, &answer, reterr);
        if (r < 0)
                return r;
        reader = incoming_read(answer);
        if (dbus_get(&reader, "o", &path) < 0 || (ret_name && dbus_get(&reader, "s", &name) < 0))
                return remote_bad_answer(-EBADMSG, reterr);
        path_copy = strdup(path);
        name_copy = strdup(name);
        if (!path_copy || !name_copy)
                return -ENOMEM;
        *ret_path = steal_pointer(&path_copy);
        if (ret_name)
                *ret_name = steal_pointer(&name_copy);
        return 0;
}

int operation_begin(Connection *connection, DbusWriter *call, char **ret_path, Failure *reterr) {
        return begin(connection, call, ret_path, NULL, reterr);
}

int operation_wait(Command *command, Connection *connection, const char *path, int signal_fd, char **distribution) {
        _cleanup_failure_ Failure failure = {};
        Follow follow = { .connection = connection, .path = path, .distribution = distribution, .reterr = &failure };
        int r;

        progress_start(&follow.progress, command->quiet);
        r = follow_operation(&follow, signal_fd);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (follow.succeeded)
                return EXIT_SUCCESS;
        if (follow.signo) {
                if (!follow.impatient)
                        say("canceled");
                return -follow.signo;
        }
        return command_fail(command, -EIO, &failure);
}

int operation_run_named(Command *command, Activation activation, DbusWriter *call, char **ret_name) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        _cleanup_connection_ Connection *connection = NULL;
        int r;

        r = command_connect(command, activation, &connection, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(connection, call, &path, ret_name, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        return operation_wait(command, connection, path, signal_fd, NULL);
}

int operation_run(Command *command, Activation activation, DbusWriter *call) {
        return operation_run_named(command, activation, call, NULL);
}
