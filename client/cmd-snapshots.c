/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl snapshots`: what there is to go back to. */

#include <stdbool.h>
#include <time.h>

#include "client/command.h"
#include "client/json.h"
#include "client/table.h"
#include "client/text.h"

typedef struct SnapshotInfo {
        const char *distribution, *name, *release; /* of the message */
        uint64_t time;
        bool base;
} SnapshotInfo;

static bool next_snapshot(DbusReader *entries, DbusReader *reader, SnapshotInfo *ret) {
        if (!dbus_more(entries, reader))
                return false;
        dbus_get_struct(entries);
        return dbus_get(entries, "sstsb", &ret->distribution, &ret->name, &ret->time, &ret->release, &ret->base) == 0;
}

static void print_json(DbusReader *reader) {
        DbusReader entries = dbus_enter_array(reader, '(');
        Json json = JSON_ON(stdout);
        SnapshotInfo info;

        json_open(&json, NULL, '[');
        while (next_snapshot(&entries, reader, &info)) {
                json_open(&json, NULL, '{');
                json_string(&json, "distribution", info.distribution);
                json_string(&json, "snapshot", info.name);
                json_unsigned(&json, "time_us", info.time);
                json_string(&json, "release", info.release);
                json_bool(&json, "base", info.base);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static void add_row(Table *table, const SnapshotInfo *info) {
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

static void print_table(DbusReader *reader) {
        DbusReader entries = dbus_enter_array(reader, '(');
        Table table = { .n_columns = 4 };
        SnapshotInfo info;

        table_add_all(&table, (const char *const[]){ "  SNAPSHOT", "DISTRIBUTION", "MADE", "RELEASE", NULL });
        while (next_snapshot(&entries, reader, &info))
                add_row(&table, &info);
        if (table.n_cells > table.n_columns)
                table_print(&table, stdout);
        else
                say_plain("There are no snapshots. One is made by: lxctl snapshot NAME");
        table_finish(&table);
}

static void print_names(DbusReader *reader) {
        DbusReader entries = dbus_enter_array(reader, '(');
        SnapshotInfo info;

        while (next_snapshot(&entries, reader, &info)) {
                text_print(stdout, info.name);
                fputc('\n', stdout);
        }
}

static int list(Command *command, const char *name) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_connection_ Connection *connection = NULL;
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        int r;

        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = remote_call(connection, "ListSnapshots", &answer, &failure, "s", name ? name : "");
        if (r < 0)
                return command_fail(command, r, &failure);
        reader = incoming_read(answer);
        if (command->json)
                print_json(&reader);
        else if (command->quiet)
                print_names(&reader);
        else
                print_table(&reader);
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
