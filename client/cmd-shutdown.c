/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl shutdown`: the end of all instances and of lxssd. Never starts it. */

#include "client/command.h"
#include "client/json.h"

static int run_shutdown(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        Json json = JSON_ON(stdout);
        bool running;
        int r;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        r = command_connect(command, LXSS_NO_START, &client, &failure);
        running = r == 0;
        if (running)
                r = lxss_shutdown(client, &failure);
        if (r < 0 && r != -ECONNREFUSED)
                return command_fail(command, r, &failure);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_bool(&json, "was_running", running);
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
