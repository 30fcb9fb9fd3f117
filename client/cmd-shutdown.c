/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl shutdown`: the end of all instances and of lxssd. Never starts it. */

#include "client/command.h"
#include "client/json.h"

static int run_shutdown(Command *command) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_connection_ Connection *connection = NULL;
        Json json = JSON_ON(stdout);
        int running, r = 0;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        running = command_connect(command, ACTIVATE_NEVER, &connection, &failure);
        if (running > 0)
                r = remote_call(connection, "Shutdown", NULL, &failure, "");
        if (running < 0 || r < 0)
                return command_fail(command, running < 0 ? running : r, &failure);
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
