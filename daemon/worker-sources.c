/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of the host's apt sources, in both of apt's styles
 * (sources.list(5)), and the choice of what a new distribution takes over. It
 * must not know how a distribution is made. Only the distributor's main archive
 * is taken: what else the host installs from (a vendor's repository for the same
 * suite) is nobody's business inside. */

#include "daemon/worker-sources.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "shared/util.h"

#define SOURCE_FILE_MAX (256 * 1024)

static void source_entry_done(SourceEntry *entry) {
        free(entry->uri);
        free(entry->suite);
        free(entry->components);
        free(entry->options);
}

void source_list_done(SourceList *list) {
        for (unsigned i = 0; i < list->n_entries; i++)
                source_entry_done(&list->entries[i]);
        g_free(list->entries);
        *list = (SourceList) { 0 };
}

/* The name of the archive by which its URI ends: "debian", "debian-security", "ubuntu" … */
static const char *archive_name(const char *uri, size_t *ret_size) {
        size_t size = strlen(uri), start;

        while (size > 0 && uri[size - 1] == '/')
                size--;
        for (start = size; start > 0 && uri[start - 1] != '/'; start--)
                ;
        *ret_size = size - start;
        return uri + start;
}

static const char *uri_vendor(const char *uri) {
        static const struct {
                const char *archive, *vendor;
        } archives[] = {
                { "debian", "debian" },
                { "debian-security", "debian" },
                { "ubuntu", "ubuntu" },
                { "ubuntu-ports", "ubuntu" },
        };
        size_t size;
        const char *name = archive_name(uri, &size);

        if (strncmp(uri, "http://", 7) != 0 && strncmp(uri, "https://", 8) != 0)
                return NULL;
        if (strstr(uri, "://snapshot.debian.org/archive/debian"))
                return "debian";
        for (size_t i = 0; i < ELEMENTSOF(archives); i++)
                if (strlen(archives[i].archive) == size && strncmp(name, archives[i].archive, size) == 0)
                        return archives[i].vendor;
        return NULL;
}

/* A key of its own marks a vendor's repository, wherever it lies. */
static bool key_is_distributors(const char *path) {
        return !path || g_str_has_prefix(path, "/usr/share/keyrings/debian-archive-") ||
               g_str_has_prefix(path, "/usr/share/keyrings/ubuntu-archive-");
}

static bool has_word(const char *words, const char *word) {
        g_auto(GStrv) list = g_strsplit_set(words, " \t", -1);

        return g_strv_contains((const char *const *)list, word);
}

/* Words separated by any white space, by single spaces. */
static char *join_words(char **words) {
        GString *text = g_string_new(NULL);

        for (; *words; words++)
                if (**words)
                        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", *words);
        return g_string_free(text, FALSE);
}

static void add_entry(SourceList *list, const char *uri, const char *suite, const char *components,
                      const char *options) {
        SourceEntry *entry;

        if (!uri_vendor(uri) || !has_word(components, "main"))
                return;
        list->entries = g_renew(SourceEntry, list->entries, list->n_entries + 1);
        entry = &list->entries[list->n_entries++];
        *entry = (SourceEntry) {
                .uri = strdup(uri),
                .suite = strdup(suite),
                .components = strdup(components),
                .options = str_empty(options) ? NULL : strdup(options),
        };
}

/* Keeps of "[arch=amd64 signed-by=… …]" what is about the archive rather than the host. Returns
 * NULL where the archive is not the distributor's. */
static char *keep_options(const char *text) {
        g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
        g_autofree char *key = NULL;

        for (char **word = words; *word; word++) {
                if (g_str_has_prefix(*word, "signed-by=")) {
                        g_free(key);
                        key = g_strdup(*word + strlen("signed-by="));
                } else if (!g_str_has_prefix(*word, "check-valid-until=")) {
                        **word = '\0';
                }
        }
        return key_is_distributors(key) ? join_words(words) : NULL;
}

/* deb [options] uri suite component… */
static void add_line(SourceList *list, char *line) {
        g_auto(GStrv) words = NULL;
        g_autofree char *options = g_strdup(""), *components = NULL;
        char *rest;

        line[strcspn(line, "#")] = '\0';
        g_strstrip(line);
        if (!g_str_has_prefix(line, "deb ") && !g_str_has_prefix(line, "deb\t"))
                return;
        rest = line + 4 + strspn(line + 4, " \t");
        if (*rest == '[') {
                char *end = strchr(rest, ']');

                if (!end)
                        return;
                *end = '\0';
                g_free(options);
                options = keep_options(rest + 1);
                rest = end + 1;
        }
        g_strdelimit(rest, "\t", ' ');
        words = g_strsplit(g_strstrip(rest), " ", 0);
        components = join_words(words);
        g_strfreev(g_steal_pointer(&words));
        words = g_strsplit(components, " ", 3);
        if (options && g_strv_length(words) == 3)
                add_entry(list, words[0], words[1], words[2], options);
}

void source_list_add_one_line(SourceList *list, const char *text) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++)
                add_line(list, *line);
}

static char *take_field(GHashTable *fields, const char *name) {
        const char *value = g_hash_table_lookup(fields, name);

        return value ? g_strdup(value) : g_strdup("");
}

static void add_stanza(SourceList *list, GHashTable *fields) {
        g_autofree char *types = take_field(fields, "types"), *components = take_field(fields, "components"),
                        *uri_field = take_field(fields, "uris"), *suite_field = take_field(fields, "suites"),
                        *enabled = take_field(fields, "enabled"), *key = take_field(fields, "signed-by"),
                        *valid = take_field(fields, "check-valid-until"), *options = NULL;
        g_auto(GStrv) uris = g_strsplit(uri_field, " ", -1), suites = g_strsplit(suite_field, " ", -1);

        /* A key in the file itself is a vendor's; several keyrings are beyond the one-line style. */
        if (!has_word(types, "deb") || streq(enabled, "no") || (*key && !key_is_distributors(key)) || strchr(key, ' '))
                return;
        options = g_strconcat(*key ? "signed-by=" : "", key, *key && *valid ? " " : "",
                              *valid ? "check-valid-until=" : "", valid, NULL);
        for (char **uri = uris; *uri; uri++)
                for (char **suite = suites; *suite; suite++)
                        add_entry(list, *uri, *suite, components, options);
}

/* A field's name and its value, with continuation lines joined by spaces. */
static void add_field(GHashTable *fields, GString *field) {
        char *colon = strchr(field->str, ':');

        if (colon) {
                g_auto(GStrv) words = g_strsplit_set(colon + 1, " \t\r", -1);

                g_hash_table_replace(fields, g_ascii_strdown(field->str, colon - field->str), join_words(words));
        }
        g_string_truncate(field, 0);
}

void source_list_add_deb822(SourceList *list, const char *text) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autoptr(GHashTable) fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_autoptr(GString) field = g_string_new(NULL);

        for (char **line = lines; *line; line++) {
                if (**line == '#')
                        continue;
                if (**line == ' ' || **line == '\t') {
                        g_string_append(field, *line);
                        continue;
                }
                add_field(fields, field);
                g_string_append(field, *line);
                if ((*line)[strspn(*line, "\r")] == '\0') {
                        add_stanza(list, fields);
                        g_hash_table_remove_all(fields);
                }
        }
        add_field(fields, field);
        add_stanza(list, fields);
}

static void read_file(SourceList *list, const char *path) {
        _cleanup_free_ char *text = NULL;

        if (read_regular_file(AT_FDCWD, path, SOURCE_FILE_MAX, &text, NULL) < 0)
                return;
        if (g_str_has_suffix(path, ".list"))
                source_list_add_one_line(list, text);
        else if (g_str_has_suffix(path, ".sources"))
                source_list_add_deb822(list, text);
}

void source_list_read_host(SourceList *list) {
        g_autoptr(GDir) directory = g_dir_open("/etc/apt/sources.list.d", 0, NULL);
        const char *name;

        read_file(list, "/etc/apt/sources.list");
        while (directory && (name = g_dir_read_name(directory))) {
                g_autofree char *path = g_build_filename("/etc/apt/sources.list.d", name, NULL);

                read_file(list, path);
        }
}

/* The third column is the suite's name. */
static bool distro_info_has(const char *vendor, const char *suite) {
        g_autofree char *path = g_strdup_printf("/usr/share/distro-info/%s.csv", vendor);
        _cleanup_free_ char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (read_regular_file(AT_FDCWD, path, SOURCE_FILE_MAX, &text, NULL) < 0)
                return false;
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
                g_auto(GStrv) columns = g_strsplit(*line, ",", 4);

                if (g_strv_length(columns) == 4 && streq(columns[2], suite))
                        return true;
        }
        return false;
}

const char *source_suite_vendor(const char *suite) {
        return distro_info_has("debian", suite) ? "debian" : distro_info_has("ubuntu", suite) ? "ubuntu" : NULL;
}

/* "-updates" of "bookworm-updates" for "bookworm", "" for "bookworm" itself, or
 * NULL where the entry is of another suite. Backports are not for everyone. */
static const char *suite_suffix(const char *entry_suite, const char *suite) {
        static const char *const suffixes[] = { "", "-updates", "-security", "/updates" };

        if (!g_str_has_prefix(entry_suite, suite))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (streq(entry_suite + strlen(suite), suffixes[i]))
                        return suffixes[i];
        return NULL;
}

static char *lines_for(const SourceList *list, const char *host_suite, const char *suite) {
        GString *text = g_string_new(NULL);
        bool whole = false;

        for (unsigned i = 0; i < list->n_entries; i++) {
                const SourceEntry *entry = &list->entries[i];
                const char *suffix = suite_suffix(entry->suite, host_suite);

                if (!suffix)
                        continue;
                whole |= !*suffix;
                g_string_append(text, "deb ");
                /* Another suite has other keys; mmdebstrap knows which. */
                if (entry->options && streq(host_suite, suite))
                        g_string_append_printf(text, "[%s] ", entry->options);
                g_string_append_printf(text, "%s %s%s %s\n", entry->uri, suite, suffix, entry->components);
        }
        return g_string_free(text, !whole);
}

/* deb.debian.org is mmdebstrap's default too, and for suites that have moved to
 * the archive it knows better. Rolling suites have neither updates nor security. */
static char *lines_from_sibling(const SourceList *list, const char *suite, const char *vendor) {
        bool rolling = streq(suite, "sid") || streq(suite, "unstable") || streq(suite, "experimental");

        for (unsigned i = 0; i < list->n_entries && vendor; i++) {
                const SourceEntry *entry = &list->entries[i];

                if (!streq(uri_vendor(entry->uri), vendor) || strpbrk(entry->suite, "-/") ||
                    strstr(entry->uri, "://deb.debian.org/"))
                        continue;
                if (rolling)
                        return g_strdup_printf("deb %s %s main\n", entry->uri, suite);
                return lines_for(list, entry->suite, suite);
        }
        return NULL;
}

char *source_list_for_suite(const SourceList *list, const char *suite, const char *vendor) {
        char *lines = lines_for(list, suite, suite);

        return lines ?: lines_from_sibling(list, suite, vendor);
}
