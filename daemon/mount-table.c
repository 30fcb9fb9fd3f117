/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads proc_pid_mountinfo(5). */

#include "daemon/mount-table.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "shared/util.h"

/* The fifth field, in which spaces and the like are octal. */
static char *mount_point_of(const char *line) {
        g_auto(GStrv) fields = g_strsplit(line, " ", 6);

        return g_strv_length(fields) == 6 ? g_strcompress(fields[4]) : NULL;
}

static bool is_within(const char *path, const char *directory) {
        size_t n = strlen(directory);

        return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

char *mount_table_find(const char *directory) {
        _cleanup_free_ char *real = realpath(directory, NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!real || !g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
                return NULL;
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
                g_autofree char *point = mount_point_of(*line);

                if (point && is_within(point, real))
                        return g_steal_pointer(&point);
        }
        return NULL;
}
