/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which directories distributions may be moved into: what a descriptor leads to, whom it
 * belongs to, and what else is there. Changes nothing. */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/registry-private.h"
#include "daemon/text.h"
#include "shared/util.h"

/* By others than its owner. A group of one's own, as many have it, is no other. */
static bool can_be_changed(const struct stat *st) {
        bool group = (st->st_mode & 020) && st->st_gid != 0 && st->st_gid != getegid();

        return (group || (st->st_mode & 002)) && !(st->st_mode & S_ISVTX);
}

static int fail_unsafe(int directory, const char *target, sd_bus_error *reterr) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", directory), *path = g_file_read_link(link, NULL);
        g_autofree char *safe = text_printable(path ?: target, 200);

        return error_set(reterr, LXSS_ERROR_ACCESS_DENIED,
                         "%s belongs to somebody else or can be changed by others, who could then take away what is "
                         "in %s.",
                         safe, target);
}

/* Nobody but root and ourselves may exchange it, or one that it is in. */
static int check_owners(int directory, const char *path, sd_bus_error *reterr) {
        _cleanup_close_ int here = openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st, above;

        for (;;) {
                int up;

                if (here < 0 || fstat(here, &st) < 0)
                        return error_set(reterr, LXSS_ERROR_FAILED, "%s cannot be looked at: %s", path,
                                         g_strerror(errno));
                if ((st.st_uid != 0 && st.st_uid != geteuid()) || can_be_changed(&st))
                        return fail_unsafe(here, path, reterr);
                up = openat(here, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (up >= 0 && fstat(up, &above) == 0 && above.st_dev == st.st_dev && above.st_ino == st.st_ino) {
                        closep(&up);
                        return 0;
                }
                closep(&here);
                here = up;
        }
}

static bool is_within(const char *path, const char *directory) {
        size_t n = strlen(directory);

        return strncmp(path, directory, n) == 0 && (path[n] == '/' || !path[n]);
}

static int check_nesting(Registry *registry, const char *path, sd_bus_error *reterr) {
        GHashTableIter i;
        void *p;

        if (is_within(path, registry->directory))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "%s is where lxssd keeps all distributions. Back to there: lxctl move --back NAME",
                                 path);
        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                const Distribution *d = p;

                if (d->location && is_within(path, d->location))
                        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%s is among the files of %s.", path,
                                         d->name);
        }
        return 0;
}

/* The path of a descriptor, if it leads there. */
static int find_path(int directory, char **ret, sd_bus_error *reterr) {
        g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", directory), *path = g_file_read_link(link, NULL);
        struct stat st, there;

        if (fstat(directory, &st) < 0 || !S_ISDIR(st.st_mode))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "Where the files are to go is no directory.");
        if (!path || stat(path, &there) < 0 || there.st_dev != st.st_dev || there.st_ino != st.st_ino)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "lxssd does not find the directory where the files are to go.");
        if (!g_utf8_validate(path, -1, NULL))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "The path of the directory must be UTF-8.");
        *ret = g_steal_pointer(&path);
        return 0;
}

int registry_check_target(Registry *registry, int directory, char **ret_path, sd_bus_error *reterr) {
        g_autofree char *path = NULL;
        struct statvfs fs;
        int r;

        if ((r = find_path(directory, &path, reterr)) < 0 || (r = check_nesting(registry, path, reterr)) < 0 ||
            (r = check_owners(directory, path, reterr)) < 0)
                return r;
        if (fstatvfs(directory, &fs) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "%s cannot be looked at: %s", path, g_strerror(errno));
        if (fs.f_flag & ST_RDONLY)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%s is mounted read-only.", path);
        if (fs.f_flag & ST_NOEXEC)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "%s is mounted with \"noexec\": no program could run there. Mount it with \"exec\".",
                                 path);
        *ret_path = g_steal_pointer(&path);
        return 0;
}
