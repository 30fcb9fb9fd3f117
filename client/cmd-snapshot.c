/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl snapshot`: keeps what a distribution is now, or forgets what was kept. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum {
        SNAPSHOT_REMOVE = OPTION_OWN,
        SNAPSHOT_TERMINATE,
};

static const Option option_table[] = {
        { SNAPSHOT_REMOVE, 0, "remove", NULL, false, "forget this snapshot" },
        { SNAPSHOT_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static void print_json(const char *result, const char *distribution, const char *snapshot) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "result", result);
        json_string(&json, "distribution", distribution);
        json_string(&json, "snapshot", snapshot);
        json_close(&json, '}');
}

static void print_made(const Command *command, const char *distribution, const char *snapshot) {
        if (command->json)
                print_json("done", distribution, snapshot);
        else if (command->quiet) {
                text_print(stdout, snapshot);
                fputc('\n', stdout);
        } else {
                fputs("Made snapshot ", stdout);
                text_print(stdout, snapshot);
                fputs(". Go back to it with: lxctl rollback ", stdout);
                text_print(stdout, distribution);
                fputc(' ', stdout);
                text_print(stdout, snapshot);
                fputc('\n', stdout);
        }
}

typedef struct Wanted {
        const char *names[2]; /* distribution, snapshot */
        int flags;
} Wanted;

static int begin(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure) {
        const Wanted *wanted = what;

        return lxss_make_snapshot(client, wanted->names[0], wanted->names[1], wanted->flags, ret, failure);
}

static int make_snapshot(Command *command, const Wanted *wanted) {
        _cleanup_free_ char *made = NULL;
        int r;

        r = operation_run(command, LXSS_FOR_INSTANCE, begin, wanted, &made);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_made(command, wanted->names[0], made);
        return r;
}

static int remove_snapshot(Command *command, const char *const *names) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        int r;

        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_remove_snapshot(client, names[0], names[1], &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json("removed", names[0], names[1]);
        else if (!command->quiet) {
                fputs("Removed snapshot ", stdout);
                text_print(stdout, names[1]);
                fputs(".\n", stdout);
        }
        return EXIT_SUCCESS;
}

static int run_snapshot(Command *command) {
        Wanted wanted = {};
        bool remove = false;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, ELEMENTSOF(wanted.names), wanted.names);
                if (id < 0)
                        return command->exit_code;
                if (id == SNAPSHOT_TERMINATE)
                        wanted.flags |= LXSS_TERMINATE;
                remove |= id == SNAPSHOT_REMOVE;
        }
        if (!wanted.names[0])
                return command_usage(command, "Which distribution? lxctl list shows them.");
        if (remove && !wanted.names[1])
                return command_usage(command, "Which snapshot is to be removed? lxctl snapshots %s shows them.",
                                     wanted.names[0]);
        return remove ? remove_snapshot(command, wanted.names) : make_snapshot(command, &wanted);
}

const Verb verb_snapshot = {
        .name = "snapshot",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME [SNAPSHOT], or --remove NAME SNAPSHOT",
        .summary = "Keep what a distribution is now, to go back to it later",
        .details = "It takes as long for a large distribution as for a small one, and only what changes\n"
                   "afterwards takes room. Without a name for it, the date and the time become one.\n"
                   "The distribution must not run.",
        .options = option_table,
        .run = run_snapshot,
};
