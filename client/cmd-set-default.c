/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl set-default`: which distribution is meant where none is named. */

#include "client/command.h"
#include "client/json.h"
#include "client/remote.h"

static int run_set_default(Command *command) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        Json json = JSON_ON(stdout);
        const char *name;
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, true, &bus, &error);
        if (r >= 0)
                r = remote_call(bus, "SetDefault", NULL, &error, "s", name);
        if (r < 0)
                return command_fail(command, r, &error);
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
