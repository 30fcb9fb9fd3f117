/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl rename`: another name for a distribution. */

#include "client/command.h"
#include "client/json.h"

enum { RENAME_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { RENAME_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static int rename_distribution(Command *command, const char *const *names, bool terminate) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        Json json = JSON_ON(stdout);
        int r;

        r = command_connect(command, 0, &client, &failure);
        if (r >= 0 && terminate)
                r = lxss_terminate(client, names[0], &failure);
        if (r >= 0)
                r = lxss_rename(client, names[0], names[1], &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "before", names[0]);
                json_string(&json, "name", names[1]);
                json_close(&json, '}');
        }
        return EXIT_SUCCESS;
}

static int run_rename(Command *command) {
        const char *names[2] = { NULL, NULL };
        bool terminate;

        if (command_words_and_flag(command, 2, names, RENAME_TERMINATE, &terminate) < 0)
                return command->exit_code;
        if (!names[1])
                return command_usage(command, "Name the distribution and what it is to be called: lxctl rename OLD NEW");
        return rename_distribution(command, names, terminate);
}

const Verb verb_rename = {
        .name = "rename",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] OLD NEW",
        .summary = "Give a distribution another name",
        .options = option_table,
        .run = run_rename,
};
