/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the making of a home directory from /etc/skel. The skeleton is foreign:
 * only plain files, directories and symbolic links are copied, none is followed
 * or waited for, and depth, number and size are bounded. */

#include "daemon/worker-home.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define SKEL_DEPTH_MAX 16
#define SKEL_ENTRIES_MAX 1000
#define SKEL_FILE_MAX (4 * 1024 * 1024)

typedef struct Copy {
        uid_t uid;
        gid_t gid;
        unsigned n_entries;
} Copy;

static void closedirp(DIR **stream) {
        if (*stream)
                (void)closedir(*stream);
}

static int copy_file(const Copy *copy, int from, int to, const char *name, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *bytes = NULL;
        size_t size;
        int r;

        r = read_regular_file(from, name, SKEL_FILE_MAX, &bytes, &size);
        if (r < 0)
                return r;
        fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, bytes, size);
        if (r < 0)
                return r;
        if (fchown(fd, copy->uid, copy->gid) < 0 || fchmod(fd, mode & 0777) < 0)
                return -errno;
        return 0;
}

static int copy_link(const Copy *copy, int from, int to, const char *name) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

        if (n < 0)
                return -errno;
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0 || fchownat(to, name, copy->uid, copy->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int make_directory(const Copy *copy, int parent, const char *name, mode_t mode, int *ret) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdirat(parent, name, 0700) < 0)
                return -errno;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchown(fd, copy->uid, copy->gid) < 0 || fchmod(fd, mode & 0777) < 0)
                return -errno;
        *ret = steal_fd(&fd);
        return 0;
}

static int copy_directory(Copy *copy, int from, int to, unsigned depth);

static int copy_entry(Copy *copy, int from, int to, const char *name, unsigned depth) {
        _cleanup_close_ int from_below = -EBADF, to_below = -EBADF;
        struct stat st;
        int r;

        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISREG(st.st_mode))
                return copy_file(copy, from, to, name, st.st_mode);
        if (S_ISLNK(st.st_mode))
                return copy_link(copy, from, to, name);
        if (!S_ISDIR(st.st_mode) || depth == SKEL_DEPTH_MAX)
                return 0;
        from_below = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (from_below < 0)
                return -errno;
        r = make_directory(copy, to, name, st.st_mode, &to_below);
        return r < 0 ? r : copy_directory(copy, from_below, to_below, depth + 1);
}

/* Recursion is bounded by SKEL_DEPTH_MAX. */
static int copy_directory(Copy *copy, int from, int to, unsigned depth) {
        _cleanup_(closedirp) DIR *stream = NULL;
        struct dirent *entry;
        int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);

        stream = fd < 0 ? NULL : fdopendir(fd);
        if (!stream) {
                closep(&fd);
                return -errno;
        }
        while ((entry = readdir(stream))) {
                int r;

                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (++copy->n_entries > SKEL_ENTRIES_MAX)
                        return 0;
                r = copy_entry(copy, from, to, entry->d_name, depth);
                /* A file that is too large or cannot be read is left out: a home without it works. */
                if (r == -ENOSPC || r == -EDQUOT || r == -ENOMEM)
                        return r;
        }
        return 0;
}

/* 0700, as Debian's adduser does since trixie: other users of a shared instance
 * have no business there. */
static int make_home(Copy *copy, const char *name) {
        _cleanup_close_ int parent = -EBADF, home = -EBADF, skel = -EBADF;
        int r;

        if (mkdir("/home", 0755) < 0 && errno != EEXIST)
                return -errno;
        parent = open("/home", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return -errno;
        r = make_directory(copy, parent, name, 0700, &home);
        if (r < 0)
                return r == -EEXIST ? 0 : r;
        skel = open("/etc/skel", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return skel < 0 ? 0 : copy_directory(copy, skel, home, 0);
}

int worker_home_make(const char *name, uid_t uid, gid_t gid, WorkerReport *reterr) {
        Copy copy = { .uid = uid, .gid = gid };
        int r = make_home(&copy, name);

        if (r == 0)
                return 0;
        return worker_report_fail(reterr, r == -ENOSPC || r == -EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The home directory /home/%s cannot be made: %s.", name, strerror(-r));
}
