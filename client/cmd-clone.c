/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl clone`: another distribution with the same files. */

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/text.h"

enum {
        CLONE_TERMINATE = OPTION_OWN,
        CLONE_COPY,
};

typedef struct Wanted {
        const char *names[2];
        int flags;
} Wanted;

static const Option option_table[] = {
        { CLONE_COPY, 0, "copy", NULL, false, "copy the files, so that the two share nothing" },
        { CLONE_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

static void print_success(const Command *command, const char *const *names) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "of", names[0]);
                json_string(&json, "name", names[1]);
                json_close(&json, '}');
        } else if (!command->quiet) {
                fputs("Cloned ", stdout);
                text_print(stdout, names[0]);
                fputs(" as ", stdout);
                text_print(stdout, names[1]);
                fputs(". Start it with: lxctl launch -d ", stdout);
                text_print(stdout, names[1]);
                fputc('\n', stdout);
        }
}

static int begin(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure) {
        const Wanted *wanted = what;

        return lxss_clone(client, wanted->names[0], wanted->names[1], wanted->flags, ret, failure);
}

static int clone_distribution(Command *command, const Wanted *wanted) {
        int r;

        r = operation_run(command, LXSS_FOR_INSTANCE, begin, wanted, NULL);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, wanted->names);
        return r;
}

static int run_clone(Command *command) {
        Wanted wanted = {};
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, ELEMENTSOF(wanted.names), wanted.names);
                if (id < 0)
                        return command->exit_code;
                if (id == CLONE_TERMINATE)
                        wanted.flags |= LXSS_TERMINATE;
                else if (id == CLONE_COPY)
                        wanted.flags |= LXSS_COPY;
        }
        if (!wanted.names[1])
                return command_usage(
                                command,
                                "Name the distribution and what the other one is to be called: lxctl clone NAME NEW");
        return clone_distribution(command, &wanted);
}

const Verb verb_clone = {
        .name = "clone",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--copy] [--terminate] NAME NEW",
        .summary = "Make another distribution with the same files",
        .details = "The two share the files that are there now, each with its own changes above them,\n"
                   "so it takes as long for a large one as for a small one. With --copy, or where the\n"
                   "host cannot do that, the files are copied. The distribution must not run.",
        .options = option_table,
        .run = run_clone,
};
