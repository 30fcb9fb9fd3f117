/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl repair`: makes a broken distribution usable again. */

#include "client/command.h"
#include "client/json.h"
#include "client/text.h"

static void print_success(const Command *command, const char *name, const char *aside) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "name", name);
                json_string(&json, "aside", aside);
                json_close(&json, '}');
        } else if (!command->quiet) {
                text_print(stdout, name);
                fputs(" is whole.", stdout);
                if (aside[0]) {
                        fputs(" Settings that could not be read have their defaults now; the damaged file is kept:\n",
                              stdout);
                        text_print(stdout, aside);
                }
                fputs("\n", stdout);
        }
}

static int run_repair(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_free_ char *kept = NULL;
        const char *name;
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_repair(client, name, &kept, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        print_success(command, name, kept);
        return EXIT_SUCCESS;
}

const Verb verb_repair = {
        .name = "repair",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "NAME",
        .summary = "Make a broken distribution usable again",
        .details = "Writes its distribution.conf anew, with what can still be read of the old one.",
        .run = run_repair,
};
