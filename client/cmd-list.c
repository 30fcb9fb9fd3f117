/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl list`: the distributions, and which of them run. */

#include "client/command.h"
#include "client/json.h"
#include "client/online.h"
#include "client/objects.h"
#include "client/table.h"
#include "client/text.h"

enum {
        LIST_MORE = OPTION_OWN,
        LIST_RUNNING,
        LIST_ONLINE,
};

static const Option options[] = {
        { LIST_MORE,    'v', NULL,      NULL, false, "show more of each" },
        { LIST_RUNNING, 0,   "running", NULL, false, "only those that run" },
        { LIST_ONLINE,  0,   "online",  NULL, false, "what the catalogue offers to be installed" },
        { 0 },
};

static void print_json(const LxssObjects *objects, bool only_running) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '[');
        for (size_t i = 0; i < objects->n_distributions; i++) {
                const LxssDistribution *d = objects->distributions[i];

                if (only_running && !objects_find_instance(objects, d->name))
                        continue;
                json_open(&json, NULL, '{');
                json_string(&json, "name", d->name);
                json_string(&json, "state", objects_state(objects, d));
                json_bool(&json, "default", d->is_default);
                json_string(&json, "release", d->release);
                json_string(&json, "default_user", d->default_user);
                json_string(&json, "oobe", d->oobe);
                json_string(&json, "source", d->source);
                json_string(&json, "root", d->root);
                json_open(&json, "layers", '[');
                for (char *const *layer = d->layers; *layer; layer++)
                        json_string(&json, NULL, *layer);
                json_close(&json, ']');
                json_unsigned(&json, "install_time_us", d->install_time);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static void print_table(const LxssObjects *objects, bool only_running, bool more) {
        Table table = { .n_columns = more ? 7 : 3 };

        table_add_all(&table, (const char *const[]){ "  NAME", "STATE", "RELEASE", NULL });
        if (more)
                table_add_all(&table, (const char *const[]){ "DEFAULT USER", "OOBE", "SOURCE", "ROOT", NULL });
        for (size_t i = 0; i < objects->n_distributions; i++) {
                const LxssDistribution *d = objects->distributions[i];
                _cleanup_free_ char *name = NULL;

                if (only_running && !objects_find_instance(objects, d->name))
                        continue;
                if (asprintf(&name, "%c %s", d->is_default ? '*' : ' ', d->name) < 0)
                        name = NULL;
                table_add(&table, name);
                table_add(&table, objects_state(objects, d));
                table_add(&table, d->release);
                if (more) {
                        table_add(&table, d->default_user);
                        table_add(&table, d->oobe);
                        table_add(&table, d->source);
                        table_add(&table, d->root);
                }
        }
        if (table.n_cells > table.n_columns)
                table_print(&table, stdout);
        table_finish(&table);
}

static void print_names(const LxssObjects *objects, bool only_running) {
        for (size_t i = 0; i < objects->n_distributions; i++)
                if (!only_running || objects_find_instance(objects, objects->distributions[i]->name)) {
                        text_print(stdout, objects->distributions[i]->name);
                        fputc('\n', stdout);
                }
}

static int list(Command *command, bool only_running, bool more) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssObjects *objects = NULL;
        _cleanup_client_ LxssClient *client = NULL;
        int r;

        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_get_objects(client, &objects, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json(objects, only_running);
        else if (command->quiet)
                print_names(objects, only_running);
        else
                print_table(objects, only_running, more);
        if (objects->n_distributions == 0 && !command->json && !command->quiet)
                say_plain("No distribution is installed. Install one, for instance: lxctl install bootstrap:bookworm");
        return EXIT_SUCCESS;
}

static int run_list(Command *command) {
        bool only_running = false, more = false, online = false;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id < 0)
                        return command->exit_code;
                if (id == OPTION_WORD)
                        return command_usage(command, "\"%s\" is one word too many.", command->parser.argument);
                only_running |= id == LIST_RUNNING;
                more |= id == LIST_MORE;
                online |= id == LIST_ONLINE;
        }
        if (online && only_running)
                return command_usage(command, "--online and --running exclude each other: what runs is here.");
        if (online)
                return online_list(command, more || command->verbose);
        return list(command, only_running, more || command->verbose);
}

const Verb verb_list = {
        .name = "list",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[-v] [--running | --online]",
        .summary = "Show the installed distributions",
        .details = "The default one is marked with *. -q prints the names only. --online shows what can be installed\n"
                   "by its name, from the catalogue that lxss.conf(5) names.",
        .options = options,
        .run = run_list,
};
