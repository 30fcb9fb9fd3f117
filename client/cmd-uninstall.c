/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl uninstall`: removes a distribution with all its files. Does not ask
 * back: exactly one name must be given, and -d or a default do not count. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum { UNINSTALL_TERMINATE = OPTION_OWN };

static const Option option_table[] = {
        { UNINSTALL_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static void print_success(const Command *command, const char *name) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "name", name);
                json_close(&json, '}');
        } else if (!command->quiet) {
                fputs("Uninstalled ", stdout);
                text_print(stdout, name);
                fputs(".\n", stdout);
        }
}

typedef struct Wanted {
        const char *name;
        bool terminate;
} Wanted;

static int begin(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure) {
        const Wanted *wanted = what;

        return lxss_uninstall(client, wanted->name, wanted->terminate ? LXSS_TERMINATE : 0, ret, failure);
}

static int uninstall(Command *command, const Wanted *wanted) {
        int r;

        r = operation_run(command, 0, begin, wanted, NULL);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, wanted->name);
        return r;
}

static int run_uninstall(Command *command) {
        Wanted wanted = {};

        if (command_words_and_flag(command, 1, &wanted.name, UNINSTALL_TERMINATE, &wanted.terminate) < 0)
                return command->exit_code;
        if (!wanted.name)
                return command_usage(command, "Which distribution? lxctl list shows them.");
        return uninstall(command, &wanted);
}

const Verb verb_uninstall = {
        .name = "uninstall",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME",
        .summary = "Remove a distribution with all its files",
        .details = "Nothing is asked: the files are gone afterwards.",
        .options = option_table,
        .run = run_uninstall,
};
