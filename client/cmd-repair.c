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

static int take_answer(const Incoming *answer, const char **ret_aside, Failure *reterr) {
        DbusReader reader = incoming_read(answer);
        int r = dbus_get(&reader, "s", ret_aside);

        return r < 0 ? remote_bad_answer(r, reterr) : 0;
}

static int run_repair(Command *command) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_connection_ Connection *connection = NULL;
        _cleanup_incoming_ Incoming *answer = NULL;
        const char *name, *aside = "";
        int r;

        if (command_words(command, 1, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = remote_call(connection, "Repair", &answer, &failure, "s", name);
        if (r >= 0)
                r = take_answer(answer, &aside, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        print_success(command, name, aside);
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
