/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl config`: shows and changes the settings of a distribution, as git-config(1) does. */

#include "client/command.h"
#include "client/json.h"
#include "client/objects.h"
#include "client/table.h"
#include "client/text.h"
#include "shared/error.h"
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
        const LxssDistribution *distribution;
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

/* NULL: there is no such key. */
static const LxssSetting *find_setting(const LxssDistribution *d, const char *key) {
        for (size_t i = 0; i < d->n_settings; i++)
                if (streq(d->settings[i].key, key))
                        return &d->settings[i];
        return NULL;
}

/* A distribution that is called like a setting is meant; -d leaves no doubt. */
static bool begins_with_name(const Config *config, const LxssObjects *objects) {
        const char *first = config->words[0];

        if (config->name || !first)
                return false;
        return config->words[2] || config->unset || objects_find_distribution(objects, first);
}

/* KEY=VALUE in one word, as it stands in the files. */
static bool is_assignment(const Config *config, const char *word) {
        _cleanup_free_ char *key = strndup(word, strcspn(word, "="));

        return strchr(word, '=') && key && find_setting(config->distribution, key);
}

static int fail_unknown_key(Command *command, const Config *config, const LxssObjects *objects, const char *key) {
        const char *candidates[64], *meant;
        size_t n = 0;

        if (!config->unset && is_assignment(config, key))
                return command_usage(command, "A setting and its value are two words: lxctl config%s%s %.*s %s.",
                                     config->name ? " " : "", config->name ? config->name : "",
                                     (int)strcspn(key, "="), key, strchr(key, '=') + 1);
        for (size_t i = 0; i < config->distribution->n_settings && n < ELEMENTSOF(candidates) / 2; i++)
                candidates[n++] = config->distribution->settings[i].key;
        if (!config->name)
                for (size_t i = 0; i < objects->n_distributions && n < ELEMENTSOF(candidates) - 1; i++)
                        candidates[n++] = objects->distributions[i]->name;
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
static int resolve(Command *command, Config *config, const LxssObjects *objects) {
        const char *const *words = config->words, *key;

        if (begins_with_name(config, objects))
                config->name = *words++;
        config->key = words[0];
        config->value = words[0] ? words[1] : NULL;
        if (config->unset && config->key)
                return command_usage(command, "\"%s\" is one word too many beside --unset.", config->key);
        config->distribution =
                        config->name ? objects_find_distribution(objects, config->name) : objects_find_default(objects);
        if (!config->distribution && config->name)
                return command_unknown_distribution(command, objects, config->name);
        if (!config->distribution) {
                say("No distribution is installed. Install one, for instance: lxctl install bootstrap:bookworm");
                return EXIT_SERVICE;
        }
        key = config->unset ? config->unset : config->key;
        if (key && !find_setting(config->distribution, key))
                return fail_unknown_key(command, config, objects, key);
        return 0;
}

static void print_setting(Json *json, const LxssSetting *setting, const bool *pending) {
        json_string(json, "key", setting->key);
        json_string(json, "value", setting->value);
        json_string(json, "from", setting->from);
        if (pending)
                json_bool(json, "pending", *pending);
}

static void print_all_json(const LxssDistribution *d) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "distribution", d->name);
        json_open(&json, "settings", '[');
        for (size_t i = 0; i < d->n_settings; i++) {
                json_open(&json, NULL, '{');
                print_setting(&json, &d->settings[i], NULL);
                json_close(&json, '}');
        }
        json_close(&json, ']');
        json_close(&json, '}');
}

static void print_all(const Command *command, const LxssDistribution *d) {
        Table table = { .n_columns = 3 };

        if (command->json) {
                print_all_json(d);
                return;
        }
        table_add_all(&table, (const char *const[]){ "KEY", "VALUE", "FROM", NULL });
        for (size_t i = 0; i < d->n_settings; i++) {
                const LxssSetting *s = &d->settings[i];

                table_add_all(&table, (const char *const[]){ s->key, s->value, s->from, NULL });
                if (command->quiet) {
                        text_print(stdout, s->key);
                        fputc('=', stdout);
                        text_print(stdout, s->value);
                        fputc('\n', stdout);
                }
        }
        if (!command->quiet)
                table_print(&table, stdout);
        table_finish(&table);
}

static void print_one(const Command *command, const LxssDistribution *d, const char *key, const bool *pending) {
        const LxssSetting *setting = find_setting(d, key);
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "distribution", d->name);
                print_setting(&json, setting, pending);
                json_close(&json, '}');
        } else if (!pending) {
                text_print(stdout, setting->value);
                fputc('\n', stdout);
        }
}

static int change(Command *command, LxssClient *client, const Config *config) {
        const LxssChange wanted = { config->unset ? config->unset : config->key, config->value };
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssObjects *objects = NULL;
        const LxssDistribution *d;
        bool pending;
        int r;

        r = lxss_configure(client, config->distribution->name, &wanted, 1, &pending, &failure);
        if (r >= 0 && command->json)
                r = lxss_get_objects(client, &objects, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        d = objects ? objects_find_distribution(objects, config->distribution->name) : NULL;
        if (d && find_setting(d, wanted.key))
                print_one(command, d, wanted.key, &pending);
        if (pending && !command->quiet)
                say("%s runs, and has it when it starts again: lxctl terminate %s", config->distribution->name,
                    config->distribution->name);
        return EXIT_SUCCESS;
}

static int run_config(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssObjects *objects = NULL;
        _cleanup_client_ LxssClient *client = NULL;
        Config config = {};
        int r;

        if (parse(command, &config) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_get_objects(client, &objects, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = resolve(command, &config, objects);
        if (r != 0)
                return r;
        if (config.value || config.unset)
                return change(command, client, &config);
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
