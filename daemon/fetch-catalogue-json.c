/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns WSL's format of a catalogue (microsoft/WSL, distributions/DistributionInfo.json):
 *
 *   { "Default": NAME,
 *     "ModernDistributions": { FAMILY: [ { "Name", "FriendlyName", "Default",
 *                                          "Amd64Url": { "Url", "Sha256" }, "Arm64Url": … } … ] … },
 *     "Distributions": [ { "Name", "FriendlyName", "Amd64PackageUrl", "Arm64PackageUrl" … } … ] }
 *
 * Entries without anything for this machine are left out. */

#include "daemon/fetch-catalogue-json.h"

#include <json-glib/json-glib.h>

#include "shared/source-name.h"

#define BRACKETS_MAX 2048

typedef struct Reading {
        Catalogue *catalogue;
        const char *machine; /* "Amd64"; NULL: one that no catalogue knows */
        const char *url;
        char *shown;         /* the same for people */
        const char *standard; /* "Default" */
        WorkerReport *reterr;
} Reading;

static int broken(Reading *reading, const char *format, ...) _printf_(2, 3);
static int broken(Reading *reading, const char *format, ...) {
        g_autofree char *what = NULL;
        va_list arguments;

        va_start(arguments, format);
        what = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        return worker_report_fail(reading->reterr, LXSS_ERROR_CATALOGUE_DAMAGED,
                                  "The catalogue %s is damaged: %s. Whoever publishes it has to mend it.",
                                  reading->shown, what);
}

/* NULL where the member is missing, null or something else than a string. */
static const char *get_string(JsonObject *object, const char *name) {
        JsonNode *node = json_object_get_member(object, name);

        return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

static bool get_bool(JsonObject *object, const char *name) {
        JsonNode *node = json_object_get_member(object, name);

        return node && json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

/* "0x" and hexadecimal, in any case. NULL: it is something else. */
static char *read_sha256(const char *text) {
        g_autofree char *digits = g_ascii_strdown(text ?: "", -1);

        if (g_str_has_prefix(digits, "0x"))
                memmove(digits, digits + 2, strlen(digits) - 1);
        if (*digits && (strlen(digits) != 64 || strspn(digits, "0123456789abcdef") != 64))
                return NULL;
        return g_steal_pointer(&digits);
}

static int add(Reading *reading, CatalogueEntry *entry) {
        g_autoptr(CatalogueEntry) owned = entry;

        owned->catalogue = g_strdup(reading->url);
        owned->standard = reading->standard && g_ascii_strcasecmp(reading->standard, owned->name) == 0;
        if (!catalogue_entry_is_valid(owned))
                return broken(reading, "what it says of \"%s\" has no address that can be used, or cannot be shown",
                              owned->name);
        g_ptr_array_add(reading->catalogue, g_steal_pointer(&owned));
        return 0;
}

/* An element of a list as an object with a name. */
static int get_named(Reading *reading, JsonNode *node, const char *where, JsonObject **ret, const char **ret_name) {
        JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *name = object ? get_string(object, "Name") : NULL;

        if (!object || str_empty(name))
                return broken(reading, "an entry of \"%s\" has no Name", where);
        *ret = object;
        *ret_name = name;
        return 0;
}

/* 1: added; 0: there is nothing for this machine. */
static int read_modern(Reading *reading, JsonNode *node, const char *family, bool family_default) {
        g_autofree char *member = g_strconcat(reading->machine, "Url", NULL), *digits = NULL;
        const char *name, *url;
        JsonObject *object;
        JsonNode *where;
        int r;

        r = get_named(reading, node, family, &object, &name);
        if (r < 0)
                return r;
        where = json_object_get_member(object, member);
        if (!where || JSON_NODE_HOLDS_NULL(where))
                return 0;
        url = JSON_NODE_HOLDS_OBJECT(where) ? get_string(json_node_get_object(where), "Url") : NULL;
        if (!url)
                return broken(reading, "the %s of \"%s\" has no Url", member, name);
        digits = read_sha256(get_string(json_node_get_object(where), "Sha256"));
        if (!digits)
                return broken(reading, "the Sha256 of \"%s\" is none", name);
        r = add(reading,
                g_memdup2(&(CatalogueEntry){ .name = g_strdup(name),
                                             .friendly_name = g_strdup(get_string(object, "FriendlyName") ?: name),
                                             .family = g_strdup(family),
                                             .url = g_strdup(url),
                                             .sha256 = g_steal_pointer(&digits),
                                             .family_default = family_default },
                          sizeof(CatalogueEntry)));
        return r < 0 ? r : 1;
}

/* Which of a family its name means: what says so, or else the first. */
static guint default_of(JsonArray *family) {
        for (guint i = 0; i < json_array_get_length(family); i++) {
                JsonNode *node = json_array_get_element(family, i);

                if (JSON_NODE_HOLDS_OBJECT(node) && get_bool(json_node_get_object(node), "Default"))
                        return i;
        }
        return 0;
}

static int read_family(Reading *reading, const char *name, JsonNode *node) {
        JsonArray *family = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        guint standard;

        if (!family)
                return broken(reading, "\"%s\" is no list", name);
        standard = default_of(family);
        for (guint i = 0; i < json_array_get_length(family); i++) {
                int r = read_modern(reading, json_array_get_element(family, i), name, i == standard);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_families(Reading *reading, JsonObject *families) {
        g_autoptr(GList) names = json_object_get_members(families);

        for (GList *l = names; l; l = l->next) {
                int r = read_family(reading, l->data, json_object_get_member(families, l->data));

                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_store_package(const char *url) {
        static const char *const endings[] = { ".appx", ".appxbundle", ".msix", ".msixbundle" };
        g_autofree char *path = g_ascii_strdown(url, (gssize)strcspn(url, "?#"));

        for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
                if (g_str_has_suffix(path, endings[i]))
                        return true;
        return false;
}

static int read_legacy(Reading *reading, JsonNode *node) {
        g_autofree char *member = g_strconcat(reading->machine, "PackageUrl", NULL);
        const char *name, *url;
        JsonObject *object;
        int r;

        r = get_named(reading, node, "Distributions", &object, &name);
        if (r < 0)
                return r;
        url = get_string(object, member);
        if (str_empty(url))
                return 0;
        return add(reading,
                   g_memdup2(&(CatalogueEntry){ .name = g_strdup(name),
                                                .friendly_name = g_strdup(get_string(object, "FriendlyName") ?: name),
                                                .family = g_strdup(""),
                                                .url = g_strdup(url),
                                                .sha256 = g_strdup(""),
                                                .legacy = true,
                                                .foreign = is_store_package(url) },
                             sizeof(CatalogueEntry)));
}

static int read_root(Reading *reading, JsonObject *root) {
        JsonNode *modern = json_object_get_member(root, "ModernDistributions");
        JsonNode *legacy = json_object_get_member(root, "Distributions");
        int r = 0;

        reading->standard = get_string(root, "Default");
        if (modern && !JSON_NODE_HOLDS_NULL(modern))
                r = JSON_NODE_HOLDS_OBJECT(modern) ? read_families(reading, json_node_get_object(modern)) :
                                                     broken(reading, "its ModernDistributions are no families");
        if (r < 0 || !legacy || JSON_NODE_HOLDS_NULL(legacy))
                return r < 0 || modern ? r : broken(reading, "it has neither ModernDistributions nor Distributions");
        if (!JSON_NODE_HOLDS_ARRAY(legacy))
                return broken(reading, "its Distributions are no list");
        for (guint i = 0; r == 0 && i < json_array_get_length(json_node_get_array(legacy)); i++)
                r = read_legacy(reading, json_array_get_element(json_node_get_array(legacy), i));
        return r;
}

/* json-glib calls itself for each bracket within another, as deep as somebody likes. What is
 * a string or a comment there is not told apart here, lest the two disagree about it. */
static bool has_too_many_brackets(const char *bytes, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += bytes[i] == '[' || bytes[i] == '{';
        return n > BRACKETS_MAX;
}

static int parse(Reading *reading, JsonParser *parser, const char *bytes, size_t size) {
        g_autoptr(GError) error = NULL;
        JsonNode *root;

        if (size == 0)
                return broken(reading, "it is empty");
        /* What editors on Windows put before UTF-8. */
        if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
                bytes += 3;
                size -= 3;
        }
        if (!g_utf8_validate_len(bytes, size, NULL) || memchr(bytes, 0, size))
                return broken(reading, "it is no text in UTF-8");
        if (has_too_many_brackets(bytes, size))
                return broken(reading, "it has more than %d brackets", BRACKETS_MAX);
        if (!json_parser_load_from_data(parser, bytes, (gssize)size, &error))
                return broken(reading, "it is no JSON (%s)", error->message);
        root = json_parser_get_root(parser);
        if (!root || !JSON_NODE_HOLDS_OBJECT(root))
                return broken(reading, "it is no object of JSON");
        return reading->machine ? read_root(reading, json_node_get_object(root)) : 0;
}

int catalogue_read_json(Catalogue *catalogue, const char *bytes, size_t size, const char *machine, const char *url,
                        WorkerReport *reterr) {
        g_autoptr(JsonParser) parser = json_parser_new();
        Reading reading = {
                .catalogue = catalogue,
                .machine = streq(machine, "x86_64") ? "Amd64" : streq(machine, "aarch64") ? "Arm64" : NULL,
                .url = url,
                .shown = source_public_url(url),
                .reterr = reterr,
        };
        int r = parse(&reading, parser, bytes, size);

        g_free(reading.shown);
        return r;
}
