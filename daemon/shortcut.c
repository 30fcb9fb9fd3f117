/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the text of the entry and where it lies. It must not know when there is to
 * be one: the registry does. */

#include "daemon/shortcut.h"

#include <glib.h>

#include "shared/paths.h"
#include "shared/util.h"

#define GROUP "Desktop Entry"

/* NULL: there are none to be. */
static char *entry_path(const char *name) {
        _cleanup_free_ char *directory = NULL;

        if (path_applications_directory(&directory) < 0)
                return NULL;
        return g_strdup_printf("%s/lxss-%s.desktop", directory, name);
}

/* GKeyFile's form of values is the specification's. */
static char *entry_text(const char *name, const char *release, const char *icon) {
        g_autofree char *command = g_strdup_printf("lxctl launch -d %s", name);
        g_autoptr(GKeyFile) file = g_key_file_new();

        g_key_file_set_string(file, GROUP, "Type", "Application");
        g_key_file_set_string(file, GROUP, "Version", "1.0");
        g_key_file_set_string(file, GROUP, "Name", name);
        if (*release)
                g_key_file_set_string(file, GROUP, "Comment", release);
        if (icon)
                g_key_file_set_string(file, GROUP, "Icon", icon);
        g_key_file_set_string(file, GROUP, "TryExec", "lxctl");
        g_key_file_set_string(file, GROUP, "Exec", command);
        g_key_file_set_string(file, GROUP, "Terminal", "true");
        g_key_file_set_string(file, GROUP, "Categories", "System;");
        return g_key_file_to_data(file, NULL, NULL);
}

int shortcut_write(const char *name, const char *release, const char *icon) {
        g_autofree char *path = entry_path(name), *directory = NULL, *text = NULL;
        g_autoptr(GError) error = NULL;

        if (!path)
                return 0;
        directory = g_path_get_dirname(path);
        if (g_mkdir_with_parents(directory, 0700) < 0)
                return -errno;
        text = entry_text(name, release, icon);
        errno = 0;
        if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
                return errno > 0 ? -errno : -EIO;
        return 1;
}

/* After a power cut, too, there is no entry for what is gone. */
static void sync_directory_of(const char *path) {
        g_autofree char *directory = g_path_get_dirname(path);
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                (void)fsync(fd);
}

int shortcut_remove(const char *name) {
        g_autofree char *path = entry_path(name);

        if (!path)
                return 0;
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : -errno;
        sync_directory_of(path);
        return 1;
}
