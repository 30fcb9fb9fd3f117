/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GLib refuses a key file for one bad line. That is right for whoever relies on the
 * settings, and no help to whoever wants them back. Knows nothing of what they mean. */

#include "daemon/conf-salvage.h"

#include "shared/util.h"

#define CONF_SIZE_MAX (256 * 1024)

static bool is_sound(const char *text) {
        g_autoptr(GKeyFile) file = g_key_file_new();

        return g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, NULL);
}

/* in_group: whether what comes belongs to a group that is known. */
static bool line_is_sound(const char *line, bool *in_group) {
        g_autofree char *as_key = g_strconcat("[group]\n", line, NULL);

        if (!g_utf8_validate(line, -1, NULL))
                return false;
        if (line[0] == '[')
                return *in_group = is_sound(line);
        if (line[0] == '#' || line[0] == '\0')
                return true;
        return *in_group && is_sound(as_key);
}

GKeyFile *conf_salvage(const char *data, size_t size) {
        g_autoptr(GString) text = g_string_new(NULL);
        GKeyFile *file = g_key_file_new();
        bool in_group = false;

        for (const char *end = data + size; data < end;) {
                const char *newline = memchr(data, '\n', end - data) ?: end;
                g_autofree char *line = g_strndup(data, newline - data);

                /* A NUL byte ends the copy early: then it is not the line that stands there. */
                if (strlen(line) == (size_t)(newline - data) && line_is_sound(line, &in_group))
                        g_string_append_printf(text, "%s\n", line);
                data = newline + 1;
        }
        (void)g_key_file_load_from_data(file, text->str, text->len, G_KEY_FILE_KEEP_COMMENTS, NULL);
        return file;
}

int conf_set_aside(const char *path, GKeyFile **ret, char **ret_aside, sd_bus_error *reterr) {
        g_autofree char *aside = g_strconcat(path, ".damaged", NULL);
        _cleanup_free_ char *data = NULL;
        size_t size = 0;

        (void)unlink(aside);
        if (link(path, aside) < 0 && errno != ENOENT)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot link %s to %s: %s", path, aside, g_strerror(errno));
        (void)read_regular_file(AT_FDCWD, path, CONF_SIZE_MAX, &data, &size);
        *ret = conf_salvage(data ?: "", size);
        *ret_aside = access(aside, F_OK) < 0 ? g_strdup("") : g_steal_pointer(&aside);
        return 0;
}
