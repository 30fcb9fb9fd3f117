/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl set-default`: which distribution is meant where none is named. */

#include "client/command.h"
#include "client/json.h"

static int run_set_default(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        Json json = JSON_ON(stdout);
        const char *name;
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_set_default(client, name, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "default_distribution", name);
                json_close(&json, '}');
        }
        return EXIT_SUCCESS;
}

const Verb verb_set_default = {
        .name = "set-default",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "NAME",
        .summary = "Choose the distribution that is meant where none is named",
        .run = run_set_default,
};
