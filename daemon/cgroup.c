/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One's own cgroup (cgroups(7)): finding it, and dividing it. */

#include "daemon/cgroup.h"

#include <glib.h>
#include <sys/stat.h>
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

/* systemd says so in an attribute; a user's manager does only since version 254. Our own unit asks for it in any case.
 */
static bool is_delegated(int fd, const char *path) {
        char value[8];
        ssize_t n = fgetxattr(fd, "user.delegate", value, sizeof(value));

        if (n < 0)
                n = fgetxattr(fd, "trusted.delegate", value, sizeof(value));
        return n >= 0 ? n == 1 && value[0] == '1' : g_str_has_suffix(path, "/lxssd.service");
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
        if (!is_delegated(fd, path) || faccessat(fd, ".", W_OK, 0) < 0)
                return -ENOENT;
        return steal_fd(&fd);
}

/* The words of one of the kernel's files, which have no size; empty where it cannot be read. */
static char **read_words(int fd, const char *file) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", fd, file), *text = NULL;

        return g_strsplit_set(g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) : "", " \n", -1);
}

int cgroup_write(int fd, const char *file, const char *value) {
        _cleanup_close_ int target = openat(fd, file, O_WRONLY | O_CLOEXEC);

        return target < 0 ? -errno : write_all(target, value, strlen(value));
}

/* One after the other, until none is left: what is forked meanwhile stands in the next list. */
static void move_processes(int fd, int child) {
        for (unsigned round = 0; round < 16; round++) {
                g_auto(GStrv) pids = read_words(fd, "cgroup.procs");

                if (!pids[0])
                        return;
                for (char **pid = pids; *pid; pid++)
                        (void)cgroup_write(child, "cgroup.procs", *pid);
        }
}

/* Makes room for controllers. */
static void divide(int fd) {
        _cleanup_close_ int child = -EBADF;

        (void)mkdirat(fd, CGROUP_OWN, 0755);
        child = openat(fd, CGROUP_OWN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child >= 0)
                move_processes(fd, child);
}

void cgroup_enable_controllers(int fd) {
        static const char *const wanted[] = { "cpu", "memory", "pids" };
        g_auto(GStrv) there = read_words(fd, "cgroup.controllers"), enabled = read_words(fd, "cgroup.subtree_control");
        bool divided = false;

        for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
                g_autofree char *change = g_strdup_printf("+%s", wanted[i]);

                if (!g_strv_contains((const char *const *)there, wanted[i]) ||
                    g_strv_contains((const char *const *)enabled, wanted[i]))
                        continue;
                if (!divided)
                        divide(fd);
                divided = true;
                (void)cgroup_write(fd, "cgroup.subtree_control", change);
        }
}
