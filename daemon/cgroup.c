/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding one's own cgroup (cgroups(7)). */

#include "daemon/cgroup.h"

#include <glib.h>
#include <sys/xattr.h>

#include "shared/util.h"

/* The path behind "0::" in /proc/self/cgroup. */
static char *own_path(void) {
        g_autofree char *contents = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_file_get_contents("/proc/self/cgroup", &contents, NULL, NULL))
                return NULL;
        lines = g_strsplit(contents, "\n", -1);
        for (char **line = lines; *line; line++)
                if (g_str_has_prefix(*line, "0::/"))
                        return g_strdup(*line + 3);
        return NULL;
}

static bool is_delegated(int fd) {
        char value[8];
        ssize_t n = fgetxattr(fd, "user.delegate", value, sizeof(value));

        if (n < 0)
                n = fgetxattr(fd, "trusted.delegate", value, sizeof(value));
        return n == 1 && value[0] == '1';
}

int cgroup_open_delegated(void) {
        g_autofree char *own = own_path(), *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (!own)
                return -ENOENT;
        path = g_build_filename("/sys/fs/cgroup", own, NULL);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (!is_delegated(fd) || faccessat(fd, ".", W_OK, 0) < 0)
                return -ENOENT;
        return steal_fd(&fd);
}
