/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl clone`: another distribution with the same files. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum { CLONE_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { CLONE_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static int begin(Connection *connection, const char *const *names, bool terminate, char **ret_path, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Clone", "ssa{sv}");
        dbus_put(&w, "ss", names[0], names[1]);
        options = dbus_open_array(&w, '{');
        if (terminate)
                remote_put_option(&w, "terminate", "b", true);
        dbus_close_array(&w, options);
        return operation_begin(connection, &w, ret_path, reterr);
}

static void print_success(const Command *command, const char *const *names) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "of", names[0]);
                json_string(&json, "name", names[1]);
                json_close(&json, '}');
        } else if (!command->quiet) {
                fputs("Cloned ", stdout);
                text_print(stdout, names[0]);
                fputs(" as ", stdout);
                text_print(stdout, names[1]);
                fputs(". Start it with: lxctl launch -d ", stdout);
                text_print(stdout, names[1]);
                fputc('\n', stdout);
        }
}

static int clone_distribution(Command *command, const char *const *names, bool terminate) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        _cleanup_connection_ Connection *connection = NULL;
        int r;

        r = command_connect(command, ACTIVATE_FOR_INSTANCE, &connection, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(connection, names, terminate, &path, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = operation_wait(command, connection, path, signal_fd);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, names);
        return r;
}

static int run_clone(Command *command) {
        const char *names[2] = { NULL, NULL };
        bool terminate = false;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, 2, names);
                if (id < 0)
                        return command->exit_code;
                terminate |= id == CLONE_TERMINATE;
        }
        if (!names[1])
                return command_usage(command, "Name the distribution and what the other one is to be called: lxctl clone NAME NEW");
        return clone_distribution(command, names, terminate);
}

const Verb verb_clone = {
        .name = "clone",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME NEW",
        .summary = "Make another distribution with the same files",
        .details =
                "The contents are shared as long as they are the same, where the file system can\n"
                "(btrfs, xfs), else copied. The distribution must not run.",
        .options = option_table,
        .run = run_clone,
};
