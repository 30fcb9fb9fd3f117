/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/worker-upper.h. Whether overlayfs works depends on the kernel, the file
 * system and what the two allow an unprivileged user, so it is not guessed but done:
 * a directory is removed that a layer has, and made again, which needs all of it
 * (whiteouts, attributes of overlayfs's own, copying up). */

#include "daemon/worker-upper.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "daemon/worker-copy.h"
#include "daemon/worker-remove.h"

#define PROBE "probe"
/* volatile: the end of it need not be written to disk. */
#define OPTIONS "userxattr,volatile,index=off,lowerdir=lower,upperdir=upper,workdir=work"

static LxssError error_of(int error) {
        return error == ENOSPC || error == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED;
}

/* ------------------------------------------------------------------------ check */

/* In the working directory. */
static int make_probe(void) {
        static const char *const directories[] = { "lower", "lower/d", "upper", "work", "all" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdir(directories[i], 0755) < 0)
                        return -errno;
        return mknod("lower/d/file", S_IFREG | 0644, 0) < 0 || mknod("lower/file", S_IFREG | 0644, 0) < 0 ? -errno : 0;
}

static int use_overlay(void) {
        if (chmod("all/file", 0600) < 0 || unlink("all/d/file") < 0 || rmdir("all/d") < 0 || mkdir("all/d", 0755) < 0)
                return -errno;
        return access("all/d/file", F_OK) == 0 ? -EOPNOTSUPP : 0;
}

static int probe_overlay(void) {
        int r;

        if (mount("overlay", "all", "overlay", 0, OPTIONS) < 0)
                return -errno;
        r = use_overlay();
        return umount2("all", MNT_DETACH) < 0 && r == 0 ? -errno : r;
}

static int probe_exchange(void) {
        return renameat2(AT_FDCWD, "lower", AT_FDCWD, "all", RENAME_EXCHANGE) < 0 ? -errno : 0;
}

static int probe(const char *directory) {
        int r;

        if (chdir(directory) < 0 || mkdir(PROBE, 0755) < 0 || chdir(PROBE) < 0)
                return -errno;
        r = make_probe();
        if (r == 0)
                r = probe_overlay();
        return r < 0 ? r : probe_exchange();
}

int worker_upper_check(const char *directory, WorkerReport *reterr) {
        _cleanup_close_ int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = parent < 0 ? -errno : probe(directory), removed;

        removed = chdir("/") < 0 ? -errno : worker_remove_directory(parent, PROBE, reterr);
        if (r == -ENOSPC || r == -EDQUOT)
                return worker_report_fail(reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left (%s). Make room and try again.", strerror(-r));
        if (r < 0)
                return worker_report_fail(
                                reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                "Layers are not possible here, neither for snapshots nor for clones that share "
                                "their files: the kernel or the file system of the data directory cannot stack "
                                "file systems (overlayfs): %s.",
                                strerror(-r));
        return removed;
}

/* ------------------------------------------------------------------------- make */

static int make_directories(int directory, int like) {
        _cleanup_close_ int readable = openat(like, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -EBADF;
        struct stat st;

        if (readable < 0 || fstat(readable, &st) < 0 || mkdirat(directory, "work", 0755) < 0 ||
            mkdirat(directory, "rootfs", 0755) < 0)
                return -errno;
        root = openat(directory, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return root < 0 ? -errno : worker_copy_attributes(readable, root, &st);
}

int worker_upper_make(const char *directory, int like, WorkerReport *reterr) {
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 ? -errno : make_directories(fd, like);

        return r < 0 ? worker_report_fail(reterr, error_of(-r), "A directory to write to cannot be made: %s.",
                                          strerror(-r))
                     : 0;
}

int worker_upper_sync(const char *directory, WorkerReport *reterr) {
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0 && syncfs(fd) == 0)
                return 0;
        return worker_report_fail(reterr, error_of(errno), "The distribution cannot be written to disk: %s.",
                                  strerror(errno));
}
