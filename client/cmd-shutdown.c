/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl shutdown`: the end of all instances and of lxssd. Never starts it. */

#include "client/command.h"
#include "client/json.h"
#include "client/remote.h"

static int run_shutdown(Command *command) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        Json json = JSON_ON(stdout);
        int running, r = 0;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        running = command_connect(command, false, &bus, &error);
        if (running > 0)
                r = remote_call(bus, "Shutdown", NULL, &error, NULL);
        if (running < 0 || r < 0)
                return command_fail(command, running < 0 ? running : r, &error);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_bool(&json, "was_running", running > 0);
                json_close(&json, '}');
        }
        return EXIT_SUCCESS;
}

const Verb verb_shutdown = {
        .name = "shutdown",
        .group = VERB_GROUP_SERVICE,
        .synopsis = "",
        .summary = "End all instances and the service",
        .run = run_shutdown,
};
