/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/passwd.h. The file is foreign: it is opened within its own root, must be
 * a plain one of reasonable size, and nothing of it is believed but a name and a number. */

#include "daemon/passwd.h"

#include <glib.h>
#include <stdio.h>

#include "daemon/mount.h"
#include "shared/util.h"

#define PASSWD_MAX (4u << 20)

int passwd_find_in(const char *text, const char *name, uint32_t *ret_uid) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, ":", 7);
                guint64 uid;

                if (g_strv_length(fields) < 7 || !streq(fields[0], name) ||
                    !g_ascii_string_to_unsigned(fields[2], 10, 0, UINT32_MAX - 1, &uid, NULL))
                        continue;
                *ret_uid = uid;
                return 0;
        }
        return -ENOENT;
}

int passwd_find(const char *rootfs, const char *name, uint32_t *ret_uid) {
        _cleanup_close_ int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), file = -EBADF;
        _cleanup_free_ char *text = NULL;
        char path[64];
        int r;

        if (root < 0)
                return errno == ENOENT ? -ENODATA : -errno;
        /* First only found: a FIFO or a device is not opened by looking for it. */
        file = mount_open_in_root(root, "etc/passwd", O_PATH);
        if (file < 0)
                return file == -ENOENT ? -ENODATA : file;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        r = read_linked_file(path, PASSWD_MAX, &text, NULL);
        return r < 0 ? r : passwd_find_in(text, name, ret_uid);
}
