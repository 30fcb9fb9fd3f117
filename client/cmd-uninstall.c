/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl uninstall`: removes a distribution with all its files. Does not ask
 * back: exactly one name must be given, and -d or a default do not count. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum { UNINSTALL_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { UNINSTALL_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static int begin(Connection *connection, const char *name, bool terminate, char **ret_path, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Uninstall", "sa{sv}");
        dbus_put(&w, "s", name);
        options = dbus_open_array(&w, '{');
        if (terminate)
                remote_put_option(&w, "terminate", "b", true);
        dbus_close_array(&w, options);
        return operation_begin(connection, &w, ret_path, reterr);
}

static void print_success(const Command *command, const char *name) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "name", name);
                json_close(&json, '}');
        } else if (!command->quiet) {
                fputs("Uninstalled ", stdout);
                text_print(stdout, name);
                fputs(".\n", stdout);
        }
}

static int uninstall(Command *command, const char *name, bool terminate) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        _cleanup_connection_ Connection *connection = NULL;
        int r;

        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(connection, name, terminate, &path, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = operation_wait(command, connection, path, signal_fd);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, name);
        return r;
}

static int run_uninstall(Command *command) {
        const char *name = NULL;
        bool terminate = false;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, 1, &name);
                if (id < 0)
                        return command->exit_code;
                terminate |= id == UNINSTALL_TERMINATE;
        }
        if (!name)
                return command_usage(command, "Which distribution? lxctl list shows them.");
        return uninstall(command, name, terminate);
}

const Verb verb_uninstall = {
        .name = "uninstall",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME",
        .summary = "Remove a distribution with all its files",
        .details = "Nothing is asked: the files are gone afterwards.",
        .options = option_table,
        .run = run_uninstall,
};
