/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Key files → Settings, by one table of keys. */

#include "daemon/settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "shared/launch-request.h"

#define SYSTEM_FILE "/etc/lxss/lxss.conf"
#define EXIT_IDLE_DEFAULT (3 * G_USEC_PER_SEC)

typedef bool (*parser_t)(const char *value, void *ret);

static bool parse_bool(const char *value, void *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
                if (g_ascii_strcasecmp(value, yes[i]) == 0 || g_ascii_strcasecmp(value, no[i]) == 0) {
                        *(bool *)ret = g_ascii_strcasecmp(value, yes[i]) == 0;
                        return true;
                }
        }
        return false;
}

static bool parse_seconds(const char *value, void *ret) {
        guint64 seconds;

        if (strcmp(value, "forever") == 0)
                seconds = LINGER_FOREVER;
        else if (!g_ascii_string_to_unsigned(value, 10, 0, 10ull * 365 * 86400, &seconds, NULL))
                return false;
        *(uint64_t *)ret = seconds;
        return true;
}

/* Seconds with decimals, as microseconds. */
static bool parse_span(const char *value, void *ret) {
        char *end;
        double seconds = g_ascii_strtod(value, &end);

        if (strcmp(value, "forever") == 0) {
                *(uint64_t *)ret = G_MAXUINT64;
                return true;
        }
        if (!g_ascii_isdigit(*value) || value[strspn(value, "0123456789.")] || *end || seconds > 10.0 * 365 * 86400)
                return false;
        *(uint64_t *)ret = seconds * G_USEC_PER_SEC;
        return true;
}

static bool parse_name(const char *value, void *ret) {
        g_free(*(char **)ret);
        *(char **)ret = *value ? g_strdup(value) : NULL;
        return true;
}

typedef struct Key {
        const char *group, *name;
        parser_t parse;
        size_t offset;
} Key;

static const Key manager_keys[] = {
        { "manager", "default-distribution", parse_name, offsetof(Settings, default_distribution) },
        { "manager", "exit-idle", parse_span, offsetof(Settings, exit_idle_usec) },
};

static const Key instance_keys[] = {
        { "instance", "linger", parse_seconds, offsetof(InstanceSettings, linger_seconds) },
        { "instance", "automount", parse_bool, offsetof(InstanceSettings, automount) },
        { "instance", "isolated", parse_bool, offsetof(InstanceSettings, isolated) },
};

/* GKeyFile forgets lines; people look for them. 0 where it is not found. */
static unsigned find_line(const char *contents, const char *group, const char *key) {
        g_auto(GStrv) lines = g_strsplit(contents, "\n", -1);
        g_autofree char *header = g_strdup_printf("[%s]", group);
        bool inside = false;

        for (unsigned i = 0; lines[i]; i++) {
                g_strstrip(lines[i]);
                if (lines[i][0] == '[')
                        inside = strcmp(lines[i], header) == 0;
                else if (inside && g_str_has_prefix(lines[i], key) &&
                         strchr(" \t=", lines[i][strlen(key)]) && lines[i][strlen(key)])
                        return i + 1;
        }
        return 0;
}

static const Key *find_key(const Key *keys, size_t n, const char *group, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(keys[i].group, group) == 0 && strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

static void apply_group(GKeyFile *file, const char *path, const char *contents, const char *group, const Key *keys,
                        size_t n_keys, void *settings) {
        g_auto(GStrv) names = g_key_file_get_keys(file, group, NULL, NULL);

        for (char **name = names; name && *name; name++) {
                g_autofree char *value = g_key_file_get_string(file, group, *name, NULL);
                const Key *key = find_key(keys, n_keys, group, *name);

                if (!key)
                        log_warning("%s:%u: unknown key %s in [%s]", path, find_line(contents, group, *name), *name,
                                    group);
                else if (!value || !key->parse(g_strstrip(value), (char *)settings + key->offset))
                        log_warning("%s:%u: %s cannot be \"%s\"", path, find_line(contents, group, *name), *name,
                                    value ?: "");
        }
}

static GKeyFile *read_key_file(const char *path, char **ret_contents) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GError) error = NULL;

        if (!g_file_get_contents(path, ret_contents, NULL, &error)) {
                if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                        log_warning("%s", error->message);
                return NULL;
        }
        if (!g_key_file_load_from_data(file, *ret_contents, -1, G_KEY_FILE_KEEP_COMMENTS, &error)) {
                log_warning("%s: %s", path, error->message);
                return NULL;
        }
        return g_steal_pointer(&file);
}

static void load_file(const char *path, Settings *settings) {
        g_autofree char *contents = NULL;
        g_autoptr(GKeyFile) file = read_key_file(path, &contents);
        g_auto(GStrv) groups = file ? g_key_file_get_groups(file, NULL) : NULL;

        for (char **group = groups; group && *group; group++)
                if (strcmp(*group, "manager") != 0 && strcmp(*group, "instance") != 0)
                        log_warning("%s: unknown group [%s]", path, *group);
        if (!file)
                return;
        apply_group(file, path, contents, "manager", manager_keys, G_N_ELEMENTS(manager_keys), settings);
        apply_group(file, path, contents, "instance", instance_keys, G_N_ELEMENTS(instance_keys), &settings->instance);
}

Settings *settings_load(const char *user_file) {
        g_autoptr(Settings) settings = g_new0(Settings, 1);

        settings->exit_idle_usec = EXIT_IDLE_DEFAULT;
        settings->instance.automount = true;
        load_file(SYSTEM_FILE, settings);
        if (strcmp(user_file, SYSTEM_FILE) != 0)
                load_file(user_file, settings);
        return g_steal_pointer(&settings);
}

Settings *settings_free(Settings *settings) {
        if (!settings)
                return NULL;
        g_free(settings->default_distribution);
        g_free(settings);
        return NULL;
}

void settings_load_instance(const char *path, InstanceSettings *settings) {
        g_autofree char *contents = NULL;
        g_autoptr(GKeyFile) file = read_key_file(path, &contents);

        if (file)
                apply_group(file, path, contents, "instance", instance_keys, G_N_ELEMENTS(instance_keys), settings);
}

int settings_store_default(const char *user_file, const char *name, sd_bus_error *reterr) {
        g_autofree char *contents = NULL, *directory = g_path_get_dirname(user_file);
        g_autoptr(GKeyFile) file = read_key_file(user_file, &contents);
        g_autoptr(GError) error = NULL;
        g_autofree char *data = NULL;
        gsize size;

        if (!file && (contents || access(user_file, F_OK) == 0))
                return error_set(reterr, LXSS_ERROR_FAILED, "%s is damaged or cannot be read; mend or remove it first.",
                                 user_file);
        if (!file)
                file = g_key_file_new();
        g_key_file_set_string(file, "manager", "default-distribution", name);
        data = g_key_file_to_data(file, &size, NULL);
        if (g_mkdir_with_parents(directory, 0755) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot make %s: %s", directory, g_strerror(errno));
        if (!g_file_set_contents_full(user_file, data, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                      0644, &error))
                return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
        return 0;
}
