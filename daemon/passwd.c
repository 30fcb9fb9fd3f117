/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/passwd.h. The files are foreign: each is opened within its own root, must be
 * a plain one of reasonable size, and nothing of it is believed but a name and a number. */

#include "daemon/passwd.h"

#include <glib.h>
#include <stdio.h>

#include "daemon/mount.h"
#include "shared/util.h"
#include "shared/wsl-distribution.h"

#define PASSWD "etc/passwd"
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

/* -ENOENT: not in this root. */
static int read_in_root(const char *directory, const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), file = -EBADF;
        char link[64];

        if (root < 0)
                return -errno;
        /* First only found: a FIFO or a device is not opened by looking for it. */
        file = mount_open_in_root(root, path, O_PATH);
        if (file < 0)
                return file;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
        return read_linked_file(link, max, ret, ret_size);
}

static int read_topmost(char *const *roots, const char *path, size_t max, char **ret, size_t *ret_size) {
        for (; *roots; roots++) {
                int r = read_in_root(*roots, path, max, ret, ret_size);

                if (r != -ENOENT)
                        return r;
        }
        return -ENODATA;
}

int passwd_find(char *const *roots, const char *name, uint32_t *ret_uid) {
        _cleanup_free_ char *text = NULL;
        int r = read_topmost(roots, PASSWD, PASSWD_MAX, &text, NULL);

        return r < 0 ? r : passwd_find_in(text, name, ret_uid);
}

static int find_id(const char *table, int64_t uid, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        if (uid < 0)
                return -ENOENT;
        if (uid > 0)
                return user_table_find_id(table, (unsigned)uid, ret_name);
        strcpy(ret_name, "root");
        return 0;
}

int passwd_find_default(char *const *roots, uint32_t usual, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        _cleanup_wsl_distribution_ WslDistribution wishes = WSL_DISTRIBUTION_DEFAULT;
        _cleanup_free_ char *wishes_text = NULL, *text = NULL;
        size_t size;
        int r;

        if (read_topmost(roots, &WSL_DISTRIBUTION_PATH[1], WSL_DISTRIBUTION_MAX, &wishes_text, &size) >= 0)
                (void)wsl_distribution_parse(wishes_text, size, &wishes);
        r = read_topmost(roots, PASSWD, PASSWD_MAX, &text, NULL);
        if (r < 0)
                return r;
        r = find_id(text, wishes.uid, ret_name);
        return r == 0 ? 0 : find_id(text, usual, ret_name);
}
