/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl snapshots`: what there is to go back to. */

#include <stdbool.h>
#include <time.h>

#include "client/command.h"
#include "client/json.h"
#include "client/table.h"
#include "client/text.h"

static void print_json(LxssSnapshot *const *snapshots) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '[');
        for (; *snapshots; snapshots++) {
                json_open(&json, NULL, '{');
                json_string(&json, "distribution", (*snapshots)->distribution);
                json_string(&json, "snapshot", (*snapshots)->name);
                json_unsigned(&json, "time_us", (*snapshots)->time);
                json_string(&json, "release", (*snapshots)->release);
                json_bool(&json, "base", (*snapshots)->base);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static void add_row(Table *table, const LxssSnapshot *info) {
        _cleanup_free_ char *name = NULL;
        time_t seconds = (time_t)(info->time / 1000000);
        struct tm local;
        char when[64];

        if (asprintf(&name, "%c %s", info->base ? '*' : ' ', info->name) < 0)
                name = NULL;
        if (!localtime_r(&seconds, &local) || strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local) == 0)
                when[0] = '\0';
        table_add(table, name);
        table_add(table, info->distribution);
        table_add(table, when);
        table_add(table, info->release);
}

static void print_table(LxssSnapshot *const *snapshots) {
        Table table = { .n_columns = 4 };

        table_add_all(&table, (const char *const[]){ "  SNAPSHOT", "DISTRIBUTION", "MADE", "RELEASE", NULL });
        for (LxssSnapshot *const *s = snapshots; *s; s++)
                add_row(&table, *s);
        if (*snapshots)
                table_print(&table, stdout);
        else
                say_plain("There are no snapshots. One is made by: lxctl snapshot NAME");
        table_finish(&table);
}

static void print_names(LxssSnapshot *const *snapshots) {
        for (; *snapshots; snapshots++) {
                text_print(stdout, (*snapshots)->name);
                fputc('\n', stdout);
        }
}

static int list(Command *command, const char *name) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_result_ LxssSnapshot **snapshots = NULL;
        int r;

        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_list_snapshots(client, name, &snapshots, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json(snapshots);
        else if (command->quiet)
                print_names(snapshots);
        else
                print_table(snapshots);
        return EXIT_SUCCESS;
}

static int run_snapshots(Command *command) {
        const char *name;

        if (command_words(command, 0, 1, &name) < 0)
                return command->exit_code;
        return list(command, name);
}

const Verb verb_snapshots = {
        .name = "snapshots",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[NAME]",
        .summary = "Show what distributions can go back to",
        .details = "The oldest first. What a distribution is now grew from the one that is marked with *.\n"
                   "-q prints the names only.",
        .run = run_snapshots,
};
