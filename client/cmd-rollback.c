/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl rollback`: a distribution becomes again what it was. Does not ask back,
 * as uninstall does not: who wants to keep what there is makes a snapshot of it first. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum { ROLLBACK_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { ROLLBACK_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static void print_success(const Command *command, const char *distribution, const char *snapshot) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "distribution", distribution);
                json_string(&json, "snapshot", snapshot);
                json_close(&json, '}');
        } else if (!command->quiet) {
                text_print(stdout, distribution);
                fputs(" is what it was at the snapshot ", stdout);
                text_print(stdout, snapshot);
                fputs(".\n", stdout);
        }
}

typedef struct Wanted {
        const char *names[2]; /* distribution, snapshot */
        bool terminate;
} Wanted;

static int begin(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure) {
        const Wanted *wanted = what;

        return lxss_roll_back(client, wanted->names[0], wanted->names[1], wanted->terminate ? LXSS_TERMINATE : 0, ret,
                              failure);
}

static int roll_back(Command *command, const Wanted *wanted) {
        _cleanup_free_ char *chosen = NULL;
        int r;

        r = operation_run(command, LXSS_FOR_INSTANCE, begin, wanted, &chosen);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, wanted->names[0], chosen);
        return r;
}

static int run_rollback(Command *command) {
        Wanted wanted = {};

        if (command_words_and_flag(command, 2, wanted.names, ROLLBACK_TERMINATE, &wanted.terminate) < 0)
                return command->exit_code;
        if (!wanted.names[0])
                return command_usage(command,
                                     "Which distribution? lxctl snapshots shows what there is to go back to.");
        return roll_back(command, &wanted);
}

const Verb verb_rollback = {
        .name = "rollback",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME [SNAPSHOT]",
        .summary = "Make a distribution what it was at a snapshot",
        .details = "Without a snapshot's name it is the newest. Nothing is asked: what has changed since is\n"
                   "gone afterwards, unless you make a snapshot of it first. The snapshots all stay.",
        .options = option_table,
        .run = run_rollback,
};
