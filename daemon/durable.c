/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/durable.h. A rename is durable once both directories are (fsync(2)). */

#include "daemon/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>

#include "shared/util.h"

int durable_sync_directory(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int durable_rename(const char *from, const char *to) {
        g_autofree char *from_parent = g_path_get_dirname(from), *to_parent = g_path_get_dirname(to);
        int r;

        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
                return -errno;
        r = durable_sync_directory(to_parent);
        if (r == 0)
                r = durable_sync_directory(from_parent);
        if (r < 0)
                (void)renameat2(AT_FDCWD, to, AT_FDCWD, from, RENAME_NOREPLACE);
        return r;
}

int durable_move_into(const char *from, const char *directory, char **ret) {
        for (;;) {
                g_autofree char *name = g_strdup_printf("%08x", g_random_int());
                g_autofree char *to = g_build_filename(directory, name, NULL);
                int r = durable_rename(from, to);

                if (r == 0)
                        *ret = g_steal_pointer(&to);
                if (r != -EEXIST)
                        return r;
        }
}
