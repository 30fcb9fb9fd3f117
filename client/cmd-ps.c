/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl ps`: the programs that clients have launched. */

#include <time.h>

#include "client/command.h"
#include "client/json.h"
#include "client/objects.h"
#include "client/table.h"

static bool is_shown(const LxssProgram *process, const char *distribution) {
        return !distribution || streq(process->distribution, distribution);
}

static void print_json(const LxssObjects *objects, const char *distribution) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '[');
        for (size_t i = 0; i < objects->n_programs; i++) {
                const LxssProgram *p = objects->programs[i];

                if (!is_shown(p, distribution))
                        continue;
                json_open(&json, NULL, '{');
                json_unsigned(&json, "pid", p->pid);
                json_string(&json, "distribution", p->distribution);
                json_string(&json, "user", p->user);
                json_bool(&json, "terminal", p->terminal);
                json_unsigned(&json, "start_time_us", p->start_time);
                json_string(&json, "command", p->command_line);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

/* The time of day, or the date for what is older than a day. */
static void format_time(uint64_t us, char *buffer, size_t size) {
        time_t t = us / 1000000;
        struct tm local;

        if (us == 0 || !localtime_r(&t, &local) ||
            strftime(buffer, size, time(NULL) - t < 24 * 3600 ? "%H:%M:%S" : "%Y-%m-%d", &local) == 0)
                snprintf(buffer, size, "-");
}

static void print_table(const LxssObjects *objects, const char *distribution) {
        Table table = { .n_columns = 5 };

        table_add_all(&table, (const char *const[]){ "PID", "DISTRIBUTION", "USER", "STARTED", "COMMAND", NULL });
        for (size_t i = 0; i < objects->n_programs; i++) {
                const LxssProgram *p = objects->programs[i];
                char pid[16], started[32];

                if (!is_shown(p, distribution))
                        continue;
                snprintf(pid, sizeof(pid), "%u", p->pid);
                format_time(p->start_time, started, sizeof(started));
                table_add_all(&table, (const char *const[]){ pid, p->distribution, p->user, started,
                                                             p->command_line, NULL });
        }
        table_print(&table, stdout);
        table_finish(&table);
}

static int run_ps(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssObjects *objects = NULL;
        _cleanup_client_ LxssClient *client = NULL;
        const char *name;
        int r;

        if (command_words(command, 0, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_get_objects(client, &objects, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (name && !objects_find_distribution(objects, name))
                return command_unknown_distribution(command, objects, name);
        if (command->json)
                print_json(objects, name);
        else if (command->quiet)
                for (size_t i = 0; i < objects->n_programs; i++) {
                        if (is_shown(objects->programs[i], name))
                                printf("%u\n", objects->programs[i]->pid);
                }
        else
                print_table(objects, name);
        return EXIT_SUCCESS;
}

const Verb verb_ps = {
        .name = "ps",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "[NAME]",
        .summary = "Show the programs that were launched",
        .details = "PIDs are those of the host. -q prints them only. With NAME: of this distribution only.",
        .run = run_ps,
};
