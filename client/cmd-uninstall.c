/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl uninstall`: removes a distribution with all its files. Does not ask
 * back: exactly one name must be given, and -d or a default do not count. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/remote.h"
#include "client/signals.h"
#include "client/text.h"

enum { UNINSTALL_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { UNINSTALL_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static int begin(sd_bus *bus, const char *name, bool terminate, char **ret_path, sd_bus_error *reterr) {
        _cleanup_bus_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r;

        if (terminate)
                r = remote_call(bus, "Uninstall", &reply, reterr, "sa{sv}", name, 1, "terminate", "b", 1);
        else
                r = remote_call(bus, "Uninstall", &reply, reterr, "sa{sv}", name, 0);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        *ret_path = strdup(path);
        return *ret_path ? 0 : -ENOMEM;
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
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = command_connect(command, true, &bus, &error);
        if (r < 0)
                return command_fail(command, r, &error);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(bus, name, terminate, &path, &error);
        if (r < 0)
                return command_fail(command, r, &error);
        r = operation_wait(command, bus, path, signal_fd);
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
