/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl config`: shows and changes the settings of a distribution, as git-config(1) does. */

#include "client/command.h"
#include "client/json.h"
#include "client/snapshot.h"
#include "client/table.h"
#include "client/text.h"
#include "shared/suggest.h"

enum {
        CONFIG_DISTRIBUTION = OPTION_OWN,
        CONFIG_UNSET,
};

static const Option option_table[] = {
        { CONFIG_DISTRIBUTION, 'd', "distribution", "NAME", false, "of this distribution" },
        { CONFIG_UNSET, 0, "unset", "KEY", false, "take KEY out of the distribution's own settings" },
        { 0 },
};

typedef struct Config {
        const char *words[3];
        const char *name, *key, *value, *unset; /* NULL: not given */
        const DistributionInfo *distribution;
} Config;

static int parse(Command *command, Config *config) {
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, config->name ? 2 : 3, config->words);
                if (id < 0)
                        return id;
                if (id == CONFIG_DISTRIBUTION)
                        config->name = command->parser.argument;
                else if (id == CONFIG_UNSET)
                        config->unset = command->parser.argument;
        }
        return 0;
}

/* Key, value, where it comes from; NULL: there is no such key. */
static char **find_setting(const DistributionInfo *d, const char *key) {
        for (char **s = d->settings; s && s[0]; s += 3)
                if (streq(s[0], key))
                        return s;
        return NULL;
}

static const DistributionInfo *find_default(const Snapshot *snapshot) {
        for (size_t i = 0; i < snapshot->n_distributions; i++)
                if (snapshot->distributions[i].is_default)
                        return &snapshot->distributions[i];
        return NULL;
}

/* A distribution that is called like a setting is meant; -d leaves no doubt. */
static bool begins_with_name(const Config *config, const Snapshot *snapshot) {
        const char *first = config->words[0];

        if (config->name || !first)
                return false;
        return config->words[2] || config->unset || snapshot_find_distribution(snapshot, first);
}

static int fail_unknown_key(Command *command, const Config *config, const Snapshot *snapshot, const char *key) {
        const char *candidates[64], *meant;
        size_t n = 0;

        for (char **s = config->distribution->settings; s && s[0] && n < ELEMENTSOF(candidates) / 2; s += 3)
                candidates[n++] = s[0];
        if (!config->name)
                for (size_t i = 0; i < snapshot->n_distributions && n < ELEMENTSOF(candidates) - 1; i++)
                        candidates[n++] = snapshot->distributions[i].name;
        candidates[n] = NULL;
        meant = suggest_word(key, candidates);
        say("There is no setting%s \"%s\".%s%s%s", config->name ? "" : " (and no distribution)", key,
            meant ? " Did you mean \"" : "", meant ? meant : " Those that there are: lxctl config",
            meant ? "\"?" : "");
        if (command->verbose)
                say("(%s)", lxss_error_to_name(LXSS_ERROR_INVALID_ARGUMENT));
        return EXIT_SERVICE;
}

/* Sorts the words out. Returns 0, or the exit code having said what is wrong. */
static int resolve(Command *command, Config *config, const Snapshot *snapshot) {
        const char *const *words = config->words, *key;

        if (begins_with_name(config, snapshot))
                config->name = *words++;
        config->key = words[0];
        config->value = words[0] ? words[1] : NULL;
        if (config->unset && config->key)
                return command_usage(command, "\"%s\" is one word too many beside --unset.", config->key);
        config->distribution =
                        config->name ? snapshot_find_distribution(snapshot, config->name) : find_default(snapshot);
        if (!config->distribution && config->name)
                return command_unknown_distribution(command, snapshot, config->name);
        if (!config->distribution) {
                say("No distribution is installed. Install one, for instance: lxctl install bootstrap:bookworm");
                return EXIT_SERVICE;
        }
        key = config->unset ? config->unset : config->key;
        if (key && !find_setting(config->distribution, key))
                return fail_unknown_key(command, config, snapshot, key);
        return 0;
}

static void print_setting(Json *json, char **setting, const bool *pending) {
        json_string(json, "key", setting[0]);
        json_string(json, "value", setting[1]);
        json_string(json, "from", setting[2]);
        if (pending)
                json_bool(json, "pending", *pending);
}

static void print_all_json(const DistributionInfo *d) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "distribution", d->name);
        json_open(&json, "settings", '[');
        for (char **s = d->settings; s && s[0]; s += 3) {
                json_open(&json, NULL, '{');
                print_setting(&json, s, NULL);
                json_close(&json, '}');
        }
        json_close(&json, ']');
        json_close(&json, '}');
}

static void print_all(const Command *command, const DistributionInfo *d) {
        Table table = { .n_columns = 3 };

        if (command->json) {
                print_all_json(d);
                return;
        }
        table_add_all(&table, (const char *const[]){ "KEY", "VALUE", "FROM", NULL });
        for (char **s = d->settings; s && s[0]; s += 3) {
                for (size_t i = 0; i < 3; i++)
                        table_add(&table, s[i]);
                if (command->quiet) {
                        text_print(stdout, s[0]);
                        fputc('=', stdout);
                        text_print(stdout, s[1]);
                        fputc('\n', stdout);
                }
        }
        if (!command->quiet)
                table_print(&table, stdout);
        table_finish(&table);
}

static void print_one(const Command *command, const DistributionInfo *d, const char *key, const bool *pending) {
        char **setting = find_setting(d, key);
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "distribution", d->name);
                print_setting(&json, setting, pending);
                json_close(&json, '}');
        } else if (!pending) {
                text_print(stdout, setting[1]);
                fputc('\n', stdout);
        }
}

static int call_configure(Connection *connection, const Config *config, bool *ret_pending, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        DbusArray array;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Configure", "sa{ss}as");
        dbus_put(&w, "s", config->distribution->name);
        array = dbus_open_array(&w, '{');
        if (config->value) {
                dbus_put_struct(&w);
                dbus_put(&w, "ss", config->key, config->value);
        }
        dbus_close_array(&w, array);
        array = dbus_open_array(&w, 's');
        if (config->unset)
                dbus_put(&w, "s", config->unset);
        dbus_close_array(&w, array);
        r = remote_finish_call(connection, &w, &answer, reterr);
        if (r < 0)
                return r;
        reader = incoming_read(answer);
        return dbus_get(&reader, "b", ret_pending) < 0 ? remote_bad_answer(-EBADMSG, reterr) : 0;
}

static int change(Command *command, Connection *connection, const Config *config) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_snapshot_ Snapshot snapshot = {};
        const DistributionInfo *d;
        bool pending;
        int r;

        r = call_configure(connection, config, &pending, &failure);
        if (r >= 0 && command->json)
                r = snapshot_take(connection, &snapshot, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        d = command->json ? snapshot_find_distribution(&snapshot, config->distribution->name) : NULL;
        if (d && find_setting(d, config->unset ? config->unset : config->key))
                print_one(command, d, config->unset ? config->unset : config->key, &pending);
        if (pending && !command->quiet)
                say("%s runs, and has it when it starts again: lxctl terminate %s", config->distribution->name,
                    config->distribution->name);
        return EXIT_SUCCESS;
}

static int run_config(Command *command) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_snapshot_ Snapshot snapshot = {};
        _cleanup_connection_ Connection *connection = NULL;
        Config config = {};
        int r;

        if (parse(command, &config) < 0)
                return command->exit_code;
        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = snapshot_take(connection, &snapshot, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = resolve(command, &config, &snapshot);
        if (r != 0)
                return r;
        if (config.value || config.unset)
                return change(command, connection, &config);
        if (config.key)
                print_one(command, config.distribution, config.key, NULL);
        else
                print_all(command, config.distribution);
        return EXIT_SUCCESS;
}

const Verb verb_config = {
        .name = "config",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[-d NAME | NAME] [KEY [VALUE] | --unset KEY]",
        .summary = "Show or change a distribution's settings",
        .details = "Without KEY all of them, with where each comes from: the distribution, your own\n"
                   "lxss.conf, the system's, or the default. lxss.conf(5) says what each means. What is\n"
                   "changed counts when the instance starts again; default-user, for the next program.",
        .options = option_table,
        .run = run_config,
};
