/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl terminate`: the end of one instance, whoever uses it. */

#include "client/command.h"
#include "client/json.h"

static int run_terminate(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        Json json = JSON_ON(stdout);
        const char *name;
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure); /* started, if need be, to say whether the name exists */
        if (r >= 0)
                r = lxss_terminate(client, name, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "terminated", name);
                json_close(&json, '}');
        }
        return EXIT_SUCCESS;
}

const Verb verb_terminate = {
        .name = "terminate",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "NAME",
        .summary = "End a distribution's instance and all its programs",
        .run = run_terminate,
};
