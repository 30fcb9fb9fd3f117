/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Key files ↔ Settings, by one table of keys. */

#include "daemon/settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/text.h"
#include "shared/launch-request.h"
#include "shared/util.h"

#define SYSTEM_FILE "/etc/lxss/lxss.conf"
#define EXIT_IDLE_DEFAULT (3 * G_USEC_PER_SEC)
/* With less, /init could not run a program. */
#define MEMORY_MIN (16u << 20)
#define PIDS_MIN 10
#define TRANSFER_TIMEOUT_DEFAULT 30
/* That of WSL, in which distributions publish what they make for it. */
#define CATALOGUE_DEFAULT "https://raw.githubusercontent.com/microsoft/WSL/master/distributions/DistributionInfo.json"

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

/* From one second to a day. */
static bool parse_patience(const char *value, void *ret) {
        guint64 seconds;

        if (!g_ascii_string_to_unsigned(value, 10, 1, 86400, &seconds, NULL))
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

static bool is_catalogue_url(const char *word) {
        return g_ascii_strncasecmp(word, "http://", strlen("http://")) == 0 ||
               g_ascii_strncasecmp(word, "https://", strlen("https://")) == 0 ||
               g_ascii_strncasecmp(word, "file:///", strlen("file:///")) == 0;
}

/* URLs with blanks between them; with "+" before them they come after those that are there. */
static bool parse_catalogue(const char *value, void *ret) {
        char ***urls = ret;
        g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

        for (size_t i = 0; words[i]; i++) {
                if (i == 0 && strcmp(words[i], "+") == 0)
                        g_strv_builder_addv(builder, (const char **)*urls);
                else if (is_catalogue_url(words[i]))
                        g_strv_builder_add(builder, words[i]);
                else if (*words[i])
                        return false;
        }
        g_strfreev(*urls);
        *urls = g_strv_builder_end(builder);
        return true;
}

static bool parse_name(const char *value, void *ret) {
        g_free(*(char **)ret);
        *(char **)ret = *value ? g_strdup(value) : NULL;
        return true;
}

/* One of these words; their places are the values. */
static bool parse_word(const char *value, const char *const *words, size_t n, int *ret) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(value, words[i]) == 0) {
                        *ret = (int)i;
                        return true;
                }
        return false;
}

static const char *const home_names[] = {
        [HOME_PRIVATE] = "private",
        [HOME_HOST] = "host",
};

static bool parse_home(const char *value, void *ret) {
        return parse_word(value, home_names, G_N_ELEMENTS(home_names), ret);
}

static const char *const network_names[NETWORK_SETTING_MAX] = {
        [NETWORK_HOST] = "host",
        [NETWORK_PRIVATE] = "private",
        [NETWORK_NONE] = "none",
};

static bool parse_network(const char *value, void *ret) {
        return parse_word(value, network_names, G_N_ELEMENTS(network_names), ret);
}

static const char *const bus_reach_names[] = {
        [BUS_REACH_ALL] = "all",
        [BUS_REACH_INSTANCE] = "instance",
        [BUS_REACH_NONE] = "none",
};

static bool parse_bus_reach(const char *value, void *ret) {
        return parse_word(value, bus_reach_names, G_N_ELEMENTS(bus_reach_names), ret);
}

_Static_assert(sizeof(HomeSetting) == sizeof(int) && sizeof(NetworkSetting) == sizeof(int) &&
                               sizeof(BusReach) == sizeof(int),
               "parse_word() writes an int");

/* A number with at most this many decimals, times 10 to their power. Returns where it ends, or NULL. */
static const char *parse_decimal(const char *value, unsigned decimals, uint64_t *ret) {
        uint64_t number = 0;
        bool point = false;

        if (!g_ascii_isdigit(*value))
                return NULL;
        for (; g_ascii_isdigit(*value) || (*value == '.' && !point); value++) {
                if (*value == '.') {
                        point = true;
                        continue;
                }
                if (point && decimals-- == 0)
                        return NULL;
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, *value - '0', &number))
                        return NULL;
        }
        for (; decimals > 0; decimals--)
                if (__builtin_mul_overflow(number, 10, &number))
                        return NULL;
        *ret = number;
        return value;
}

/* Bytes, with the units of systemd and those of WSL: K, KB and KiB are all 1024. */
static bool parse_memory(const char *value, void *ret) {
        static const char units[] = "KMGT";
        uint64_t bytes = 0;
        const char *end = value, *unit;

        if (strcmp(value, "unlimited") != 0) {
                end = parse_decimal(value, 0, &bytes);
                if (!end)
                        return false;
                unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
                for (const char *u = units; unit && u <= unit; u++)
                        if (__builtin_mul_overflow(bytes, 1024, &bytes))
                                return false;
                end += unit ? 1 : 0;
                if (*end && g_ascii_strcasecmp(end, "B") != 0 && (!unit || g_ascii_strcasecmp(end, "iB") != 0))
                        return false;
                if (bytes < MEMORY_MIN)
                        return false;
        }
        *(uint64_t *)ret = bytes;
        return true;
}

static bool parse_processors(const char *value, void *ret) {
        uint64_t thousandths = 0;
        const char *end;

        if (strcmp(value, "unlimited") != 0) {
                end = parse_decimal(value, 3, &thousandths);
                /* The kernel gives no less than a hundredth of one (cpu.max, with its period of 100 ms). */
                if (!end || *end || thousandths < 10 || thousandths > 1000u * 65536)
                        return false;
        }
        *(uint64_t *)ret = thousandths;
        return true;
}

static bool parse_pids(const char *value, void *ret) {
        guint64 pids = 0;

        /* Linux has no more process ids than that. */
        if (strcmp(value, "unlimited") != 0 && !g_ascii_string_to_unsigned(value, 10, PIDS_MIN, 4u << 20, &pids, NULL))
                return false;
        *(uint64_t *)ret = pids;
        return true;
}

/* ------------------------------------------------------------- values as text */

typedef char *(*formatter_t)(const void *value);

static char *format_bool(const void *value) {
        return g_strdup(*(const bool *)value ? "yes" : "no");
}

static char *format_seconds(const void *value) {
        uint64_t seconds = *(const uint64_t *)value;

        return seconds == LINGER_FOREVER ? g_strdup("forever") : g_strdup_printf("%" G_GUINT64_FORMAT, seconds);
}

static char *format_home(const void *value) {
        return g_strdup(home_names[*(const HomeSetting *)value]);
}

static char *format_network(const void *value) {
        return g_strdup(network_names[*(const NetworkSetting *)value]);
}

static char *format_bus_reach(const void *value) {
        return g_strdup(bus_reach_names[*(const BusReach *)value]);
}

static char *format_number(const void *value) {
        uint64_t number = *(const uint64_t *)value;

        return number == 0 ? g_strdup("unlimited") : g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

static char *format_memory(const void *value) {
        static const char units[] = "TGMK";
        uint64_t bytes = *(const uint64_t *)value;

        for (size_t i = 0; bytes > 0 && i < strlen(units); i++) {
                unsigned shift = 10 * (strlen(units) - i);

                if (bytes % (1ull << shift) == 0)
                        return g_strdup_printf("%" G_GUINT64_FORMAT "%c", bytes >> shift, units[i]);
        }
        return format_number(value);
}

static char *format_processors(const void *value) {
        uint64_t thousandths = *(const uint64_t *)value;
        char *text;

        if (thousandths % 1000 == 0)
                return format_number(&(uint64_t){ thousandths / 1000 });
        text = g_strdup_printf("%" G_GUINT64_FORMAT ".%03u", thousandths / 1000, (unsigned)(thousandths % 1000));
        for (size_t n = strlen(text); text[n - 1] == '0'; n--)
                text[n - 1] = '\0';
        return text;
}

/* ------------------------------------------------------------------- the keys */

typedef struct Key {
        const char *group, *name;
        parser_t parse;
        size_t offset;
        formatter_t format;   /* this and the next: [instance] only */
        const char *choices;  /* what it can be, for people */
} Key;

static const Key manager_keys[] = {
        { "manager", "catalogue", parse_catalogue, offsetof(Settings, catalogue) },
        { "manager", "default-distribution", parse_name, offsetof(Settings, default_distribution) },
        { "manager", "exit-idle", parse_span, offsetof(Settings, exit_idle_usec) },
        { "manager", "transfer-timeout", parse_patience, offsetof(Settings, transfer_timeout) },
};

#define INSTANCE_KEY(name, parse, format, member, choices) \
        { "instance", name, parse, offsetof(InstanceSettings, member), format, choices }

static const Key instance_keys[] = {
        INSTANCE_KEY("linger", parse_seconds, format_seconds, linger_seconds, "a number of seconds, or \"forever\""),
        INSTANCE_KEY("home", parse_home, format_home, home, "\"private\" or \"host\""),
        INSTANCE_KEY("network", parse_network, format_network, network, "\"host\", \"private\" or \"none\""),
        INSTANCE_KEY("lxbus", parse_bus_reach, format_bus_reach, lxbus, "\"all\", \"instance\" or \"none\""),
        INSTANCE_KEY("automount", parse_bool, format_bool, automount, "\"yes\" or \"no\""),
        INSTANCE_KEY("isolated", parse_bool, format_bool, isolated, "\"yes\" or \"no\""),
        INSTANCE_KEY("memory", parse_memory, format_memory, memory_bytes,
                     "a size from 16M, such as 512M or 4G, or \"unlimited\""),
        INSTANCE_KEY("processors", parse_processors, format_processors, processor_thousandths,
                     "a number such as 2 or 0.5, or \"unlimited\""),
        INSTANCE_KEY("pids", parse_pids, format_number, pids, "a number of processes from 10, or \"unlimited\""),
};

_Static_assert(G_N_ELEMENTS(instance_keys) == SETTINGS_INSTANCE_KEYS, "each key has its origin");

static const char *const origin_names[SETTING_ORIGIN_MAX] = {
        [SETTING_DEFAULT] = "default",
        [SETTING_SYSTEM] = "system",
        [SETTING_USER] = "user",
        [SETTING_DISTRIBUTION] = "distribution",
};

const char *setting_origin_to_string(SettingOrigin origin) {
        return origin < SETTING_ORIGIN_MAX ? origin_names[origin] : NULL;
}

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

/* A key file being read. */
typedef struct File {
        const char *path;
        SettingOrigin origin;
        char *contents;
        GKeyFile *keys; /* NULL: it is not there, or is none */
} File;

static void file_done(File *file) {
        g_free(file->contents);
        g_clear_pointer(&file->keys, g_key_file_unref);
}

static void file_read(File *file) {
        g_autoptr(GKeyFile) keys = g_key_file_new();
        g_autoptr(GError) error = NULL;

        if (!g_file_get_contents(file->path, &file->contents, NULL, &error)) {
                if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                        log_warning("%s", error->message);
                return;
        }
        if (!g_key_file_load_from_data(keys, file->contents, -1, G_KEY_FILE_KEEP_COMMENTS, &error))
                log_warning("%s: %s", file->path, error->message);
        else
                file->keys = g_steal_pointer(&keys);
}

/* Sets what the group of these keys has. Returns the key that it was, or NULL where it is unknown or its value wrong.
 */
static const Key *apply_key(const File *file, const Key *keys, size_t n_keys, const char *name, void *settings) {
        const char *group = keys[0].group;
        g_autofree char *value = g_key_file_get_string(file->keys, group, name, NULL);
        const Key *key = find_key(keys, n_keys, group, name);
        unsigned line;

        if (key && value && key->parse(g_strstrip(value), (char *)settings + key->offset))
                return key;
        line = find_line(file->contents, group, name);
        if (!key)
                log_warning("%s:%u: unknown key %s in [%s]", file->path, line, name, group);
        else
                log_warning("%s:%u: %s cannot be \"%s\"", file->path, line, name, value ?: "");
        return NULL;
}

static void apply_manager(const File *file, Settings *settings) {
        g_auto(GStrv) names = g_key_file_get_keys(file->keys, "manager", NULL, NULL);

        for (char **name = names; name && *name; name++)
                (void)apply_key(file, manager_keys, G_N_ELEMENTS(manager_keys), *name, settings);
}

static void apply_instance(const File *file, InstanceSettings *settings) {
        g_auto(GStrv) names = g_key_file_get_keys(file->keys, "instance", NULL, NULL);

        for (char **name = names; name && *name; name++) {
                const Key *key = apply_key(file, instance_keys, G_N_ELEMENTS(instance_keys), *name, settings);

                if (key)
                        settings->origins[key - instance_keys] = file->origin;
        }
}

static void load_file(const char *path, SettingOrigin origin, Settings *settings) {
        _cleanup_(file_done) File file = { .path = path, .origin = origin };
        g_auto(GStrv) groups = NULL;

        file_read(&file);
        if (!file.keys)
                return;
        groups = g_key_file_get_groups(file.keys, NULL);
        for (char **group = groups; *group; group++)
                if (strcmp(*group, "manager") != 0 && strcmp(*group, "instance") != 0)
                        log_warning("%s: unknown group [%s]", path, *group);
        apply_manager(&file, settings);
        apply_instance(&file, &settings->instance);
}

Settings *settings_load(const char *user_file) {
        g_autoptr(Settings) settings = g_new0(Settings, 1);

        settings->exit_idle_usec = EXIT_IDLE_DEFAULT;
        settings->catalogue = g_strsplit(CATALOGUE_DEFAULT, " ", -1);
        settings->transfer_timeout = TRANSFER_TIMEOUT_DEFAULT;
        settings->instance.automount = true;
        load_file(SYSTEM_FILE, SETTING_SYSTEM, settings);
        if (strcmp(user_file, SYSTEM_FILE) != 0)
                load_file(user_file, SETTING_USER, settings);
        return g_steal_pointer(&settings);
}

Settings *settings_free(Settings *settings) {
        if (!settings)
                return NULL;
        g_strfreev(settings->catalogue);
        g_free(settings->default_distribution);
        g_free(settings);
        return NULL;
}

void settings_load_instance(const char *path, InstanceSettings *settings) {
        _cleanup_(file_done) File file = { .path = path, .origin = SETTING_DISTRIBUTION };

        file_read(&file);
        if (file.keys)
                apply_instance(&file, settings);
}

const char *settings_instance_key(size_t i) {
        return i < G_N_ELEMENTS(instance_keys) ? instance_keys[i].name : NULL;
}

char *settings_instance_value(const InstanceSettings *settings, size_t i) {
        return instance_keys[i].format((const char *)settings + instance_keys[i].offset);
}

int settings_check_instance(const char *name, const char *value, sd_bus_error *reterr) {
        const Key *key = find_key(instance_keys, G_N_ELEMENTS(instance_keys), "instance", name);
        g_autofree char *safe = text_printable(key ? value : name, 80), *stripped = g_strdup(value);
        InstanceSettings scratch;

        if (!key)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "There is no setting \"%s\".", safe);
        if (key->parse(g_strstrip(stripped), (char *)&scratch + key->offset))
                return 0;
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%s cannot be \"%s\". It can be %s.", name, safe,
                         key->choices);
}

int settings_store(const char *path, int mode, const SettingChange *changes, size_t n, sd_bus_error *reterr) {
        _cleanup_(file_done) File file = { .path = path };
        g_autoptr(GError) error = NULL;
        g_autofree char *data = NULL;
        gsize size;

        file_read(&file);
        if (!file.keys && (file.contents || access(path, F_OK) == 0))
                return error_set(reterr, LXSS_ERROR_FAILED,
                                 "%s is damaged or cannot be read; mend or remove it first.", path);
        if (!file.keys)
                file.keys = g_key_file_new();
        for (size_t i = 0; i < n; i++)
                if (changes[i].value)
                        g_key_file_set_string(file.keys, changes[i].group, changes[i].key, changes[i].value);
                else
                        (void)g_key_file_remove_key(file.keys, changes[i].group, changes[i].key, NULL);
        data = g_key_file_to_data(file.keys, &size, NULL);
        if (!g_file_set_contents_full(path, data, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                      mode, &error))
                return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
        return 0;
}

int settings_store_default(const char *user_file, const char *name, sd_bus_error *reterr) {
        const SettingChange change = { "manager", "default-distribution", name };
        g_autofree char *directory = g_path_get_dirname(user_file);

        if (g_mkdir_with_parents(directory, 0755) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot make %s: %s", directory, g_strerror(errno));
        return settings_store(user_file, 0644, &change, 1, reterr);
}
