/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way from an image layout to the list of its layers. skopeo made the
 * layout (fetch-image.c), but the manifest in it is what a registry or a file had,
 * so it is read as hostile. The image's configuration (user, environment, entry
 * point) is not looked at: it is an application's, and a distribution has its own. */

#include "daemon/worker-layout.h"

#include <json-glib/json-glib.h>

#include "shared/text.h"

#define DOCUMENT_MAX (4 * 1024 * 1024)

/* json-glib parses recursively, and the stack is finite. */
#define NESTING_MAX 32

#define DIGEST_PREFIX "sha256:"

static int damaged(WorkerReport *reterr, const char *what) {
        return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The image is damaged: %s.", what);
}

static bool nests_too_deep(const char *text, size_t size) {
        size_t depth = 0;
        bool quoted = false;

        for (size_t i = 0; i < size; i++) {
                if (quoted && text[i] == '\\')
                        i++;
                else if (text[i] == '"')
                        quoted = !quoted;
                else if (!quoted && (text[i] == '{' || text[i] == '['))
                        depth++;
                else if (!quoted && (text[i] == '}' || text[i] == ']') && depth > 0)
                        depth--;
                if (depth > NESTING_MAX)
                        return true;
        }
        return false;
}

/* The object that the whole text is, borrowed from the parser; NULL where it is none. */
static JsonObject *parse_object(JsonParser *parser, const char *text, size_t size) {
        JsonNode *root;

        if (nests_too_deep(text, size) || !json_parser_load_from_data(parser, text, (gssize)size, NULL))
                return NULL;
        root = json_parser_get_root(parser);
        return root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
}

static JsonArray *get_array(JsonObject *object, const char *name) {
        JsonNode *node = json_object_get_member(object, name);

        return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *get_object(JsonArray *array, unsigned i) {
        JsonNode *node = i < json_array_get_length(array) ? json_array_get_element(array, i) : NULL;

        return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const char *get_string(JsonObject *object, const char *name) {
        JsonNode *node = json_object_get_member(object, name);

        return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

/* The digits, which are a file's name; NULL where they are anything else. */
static const char *get_digest(JsonObject *descriptor) {
        const char *digest = get_string(descriptor, "digest"), *digits;

        if (!digest || !g_str_has_prefix(digest, DIGEST_PREFIX))
                return NULL;
        digits = digest + strlen(DIGEST_PREFIX);
        return strlen(digits) == 64 && strspn(digits, "0123456789abcdef") == 64 ? digits : NULL;
}

static uint64_t get_size(JsonObject *descriptor) {
        JsonNode *node = json_object_get_member(descriptor, "size");
        int64_t size = node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;

        return size > 0 ? (uint64_t)size : 0;
}

/* OCI's and Docker's types have both "tar" in them; an artifact's (a chart, a signature) has not. */
static bool is_layer(JsonObject *descriptor) {
        const char *type = get_string(descriptor, "mediaType");

        return type && strstr(type, "tar") && !strstr(type, "encrypted");
}

static int take_layer(JsonObject *descriptor, ImageLayers *layers, WorkerReport *reterr) {
        const char *digest = descriptor ? get_digest(descriptor) : NULL;

        if (!digest)
                return damaged(reterr, "a layer in its manifest has no SHA-256");
        if (!is_layer(descriptor))
                return worker_report_fail(
                                reterr, LXSS_ERROR_NOT_A_DISTRIBUTION,
                                "The image is not one of a file system: it has a layer that is no tar archive.");
        g_ptr_array_add(layers->digests, g_strdup(digest));
        layers->n_bytes += get_size(descriptor);
        return 0;
}

int worker_layout_parse_manifest(const char *text, size_t size, ImageLayers *ret, WorkerReport *reterr) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonObject *manifest = parse_object(parser, text, size);
        JsonArray *layers = manifest ? get_array(manifest, "layers") : NULL;
        int r = 0;

        if (!layers)
                return damaged(reterr, "its manifest is not one");
        if (json_array_get_length(layers) > IMAGE_LAYERS_MAX)
                return damaged(reterr, "it has more layers than any image");
        for (unsigned i = 0; r == 0 && i < json_array_get_length(layers); i++)
                r = take_layer(get_object(layers, i), ret, reterr);
        return r;
}

static bool is_for(JsonObject *descriptor, const char *machine) {
        JsonNode *node = json_object_get_member(descriptor, "platform");
        JsonObject *platform = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *architecture = platform ? get_string(platform, "architecture") : NULL;
        const char *os = platform ? get_string(platform, "os") : NULL;

        return architecture && os && streq(architecture, machine) && streq(os, "linux");
}

void worker_layout_choose(const char *text, size_t size, const char *machine, char **ret) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonObject *index = parse_object(parser, text, size);
        JsonArray *manifests = index ? get_array(index, "manifests") : NULL;

        *ret = NULL;
        for (unsigned i = 0; manifests && !*ret && i < json_array_get_length(manifests); i++) {
                JsonObject *descriptor = get_object(manifests, i);

                if (descriptor && is_for(descriptor, machine))
                        *ret = g_strdup(get_digest(descriptor));
        }
}

static int read_document(int directory, const char *path, char **ret, size_t *ret_size, WorkerReport *reterr) {
        int r = read_regular_file(directory, path, DOCUMENT_MAX, ret, ret_size);

        return r == 0 ? 0
                      : worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The image's %s cannot be read: %s.",
                                           path, strerror(-r));
}

static int read_index(int layout, char **ret_digest, WorkerReport *reterr) {
        g_autoptr(JsonParser) parser = json_parser_new();
        _cleanup_free_ char *text = NULL;
        JsonObject *index, *manifest;
        JsonArray *manifests;
        size_t size;
        int r;

        r = read_document(layout, "index.json", &text, &size, reterr);
        if (r < 0)
                return r;
        index = parse_object(parser, text, size);
        manifests = index ? get_array(index, "manifests") : NULL;
        manifest = manifests ? get_object(manifests, 0) : NULL;
        if (!manifest || !get_digest(manifest))
                return damaged(reterr, "its index names no manifest");
        *ret_digest = g_strdup(get_digest(manifest));
        return 0;
}

static int read_manifest(ImageLayers *layers, const char *digest, WorkerReport *reterr) {
        _cleanup_free_ char *text = NULL;
        g_autofree char *found = NULL;
        size_t size;
        int r;

        r = read_document(layers->blobs, digest, &text, &size, reterr);
        if (r < 0)
                return r;
        found = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, size);
        if (!streq(found, digest))
                return damaged(reterr, "its manifest has another SHA-256 than its index says");
        return worker_layout_parse_manifest(text, size, layers, reterr);
}

int worker_layout_open(const char *path, ImageLayers *ret, WorkerReport *reterr) {
        _cleanup_close_ int layout = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_autofree char *digest = NULL;
        int r;

        *ret = (ImageLayers){ .blobs = -EBADF, .digests = g_ptr_array_new_with_free_func(g_free) };
        if (layout >= 0)
                ret->blobs = openat(layout, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (ret->blobs < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED,
                                          "The image that was fetched cannot be opened: %s.", strerror(errno));
        r = read_index(layout, &digest, reterr);
        return r < 0 ? r : read_manifest(ret, digest, reterr);
}

void image_layers_done(ImageLayers *layers) {
        closep(&layers->blobs);
        g_clear_pointer(&layers->digests, g_ptr_array_unref);
}
