/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl terminate` and `lxctl shutdown`: the end of one instance, and of all
 * with lxssd. Shutdown does not
 * start a service only to stop it. */

#include "client/command.h"
#include "client/json.h"
#include "client/remote.h"

static void print_json(const Command *command, const char *key, const char *value) {
        Json json = JSON_ON(stdout);

        if (!command->json)
                return;
        json_open(&json, NULL, '{');
        if (value)
                json_string(&json, key, value);
        else
                json_bool(&json, key, true);
        json_close(&json, '}');
}

static int run_terminate(Command *command) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        const char *name;
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = remote_connect(true, &bus, &error); /* started, if need be, to say whether the name exists */
        if (r >= 0)
                r = remote_call(bus, "Terminate", NULL, &error, "s", name);
        if (r < 0)
                return command_fail(command, r, &error);
        print_json(command, "terminated", name);
        return EXIT_SUCCESS;
}

static int run_shutdown(Command *command) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        r = remote_connect(false, &bus, &error);
        if (r > 0)
                r = remote_call(bus, "Shutdown", NULL, &error, NULL);
        if (r < 0)
                return command_fail(command, r, &error);
        print_json(command, "shutdown", NULL);
        return EXIT_SUCCESS;
}

const Verb verb_terminate = {
        .name = "terminate",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "NAME",
        .summary = "End a distribution's instance and all its programs",
        .run = run_terminate,
};

const Verb verb_shutdown = {
        .name = "shutdown",
        .group = VERB_GROUP_SERVICE,
        .synopsis = "",
        .summary = "End all instances and the service",
        .run = run_shutdown,
};
