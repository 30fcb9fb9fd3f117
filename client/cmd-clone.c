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
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Clone", "ssa{sv}");
        dbus_put(&w, "ss", names[0], names[1]);
        operation_put_terminate(&w, terminate);
        r = operation_run(command, ACTIVATE_FOR_INSTANCE, &w);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, names);
        return r;
}

static int run_clone(Command *command) {
        const char *names[2] = { NULL, NULL };
        bool terminate;

        if (command_words_and_flag(command, 2, names, CLONE_TERMINATE, &terminate) < 0)
                return command->exit_code;
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
