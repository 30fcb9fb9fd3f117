/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way to json-glib: functions of the same names, which whoever reads JSON
 * (worker-layout) is linked with in lxss-worker, and which call json-glib's. What else
 * links worker-layout links json-glib itself, and not this. A function that is missing
 * here does not link. */

#include "daemon/worker-json.h"

#include <dlfcn.h>
#include <json-glib/json-glib.h>

/* The one that configure.ac asks for; one with another interface would be called otherwise. */
#define LIBRARY "libjson-glib-1.0.so.0"

#define FUNCTIONS(F)                   \
        F(g_object_unref)              \
        F(json_array_get_element)      \
        F(json_array_get_length)       \
        F(json_node_get_array)         \
        F(json_node_get_int)           \
        F(json_node_get_node_type)     \
        F(json_node_get_object)        \
        F(json_node_get_string)        \
        F(json_node_get_value_type)    \
        F(json_object_get_member)      \
        F(json_parser_get_root)        \
        F(json_parser_load_from_data)  \
        F(json_parser_new)

#define MEMBER(name) typeof(name) *name;
static struct {
        FUNCTIONS(MEMBER)
} real;

int worker_json_load(WorkerReport *reterr) {
#define ROW(name) { #name, (void **)&real.name },
        static const struct {
                const char *name;
                void **function;
        } table[] = { FUNCTIONS(ROW) };
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

        /* What json-glib needs is found through it. */
        for (size_t i = 0; library && i < ELEMENTSOF(table); i++) {
                *table[i].function = dlsym(library, table[i].name);
                if (!*table[i].function)
                        library = NULL;
        }
        if (library)
                return 0;
        return worker_report_fail(reterr, LXSS_ERROR_TOOL_MISSING,
                                  "json-glib, with which images are read, cannot be loaded (%s). Install it: apt-get "
                                  "install libjson-glib-1.0-0.",
                                  dlerror());
}

void g_object_unref(gpointer object) {
        real.g_object_unref(object);
}

JsonNode *json_array_get_element(JsonArray *array, guint i) {
        return real.json_array_get_element(array, i);
}

guint json_array_get_length(JsonArray *array) {
        return real.json_array_get_length(array);
}

JsonArray *json_node_get_array(JsonNode *node) {
        return real.json_node_get_array(node);
}

gint64 json_node_get_int(JsonNode *node) {
        return real.json_node_get_int(node);
}

JsonNodeType json_node_get_node_type(JsonNode *node) {
        return real.json_node_get_node_type(node);
}

JsonObject *json_node_get_object(JsonNode *node) {
        return real.json_node_get_object(node);
}

const gchar *json_node_get_string(JsonNode *node) {
        return real.json_node_get_string(node);
}

GType json_node_get_value_type(JsonNode *node) {
        return real.json_node_get_value_type(node);
}

JsonNode *json_object_get_member(JsonObject *object, const gchar *name) {
        return real.json_object_get_member(object, name);
}

JsonNode *json_parser_get_root(JsonParser *parser) {
        return real.json_parser_get_root(parser);
}

gboolean json_parser_load_from_data(JsonParser *parser, const gchar *data, gssize size, GError **error) {
        return real.json_parser_load_from_data(parser, data, size, error);
}

JsonParser *json_parser_new(void) {
        return real.json_parser_new();
}
