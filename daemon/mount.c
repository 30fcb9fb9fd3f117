/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/mount.h. Knows nothing of containers. musl has no functions for these
 * system calls, and what links with it has this, too. */

#include "daemon/mount.h"

#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shared/util.h"

int mount_open_in_root(int root_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = flags | O_CLOEXEC,
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        int fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

static int make_one(int root_fd, const char *path, bool directory) {
        _cleanup_close_ int parent = -EBADF, file = -EBADF;
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        char parent_path[PATH_MAX];

        snprintf(parent_path, sizeof(parent_path), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        parent = mount_open_in_root(root_fd, parent_path, O_PATH | O_DIRECTORY);
        if (parent < 0)
                return parent;
        if (directory)
                return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
        file = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
        return file < 0 ? -errno : 0;
}

/* Every parent in turn; those that are there are left alone. */
static int make_parents(int root_fd, const char *path) {
        for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                char parent[PATH_MAX];
                int r;

                snprintf(parent, sizeof(parent), "%.*s", (int)(p - path), path);
                r = make_one(root_fd, parent, true);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mount_open_target(int root_fd, const char *path, bool directory) {
        int flags = O_PATH | (directory ? O_DIRECTORY : 0), fd, r;

        fd = mount_open_in_root(root_fd, path, flags);
        if (fd != -ENOENT)
                return fd;
        r = make_parents(root_fd, path);
        if (r < 0)
                return r;
        r = make_one(root_fd, path, directory);
        if (r < 0)
                return r;
        return mount_open_in_root(root_fd, path, flags);
}

int mount_new(const char *type, const char *const *options, uint64_t attributes) {
        _cleanup_close_ int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
        int fd;

        if (fs < 0)
                return -errno;
        for (; options && *options; options += 2) {
                bool flag = str_empty(options[1]);

                if (syscall(SYS_fsconfig, fs, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, options[0],
                            flag ? NULL : options[1], 0) < 0)
                        return -errno;
        }
        if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
        return fd < 0 ? -errno : fd;
}

int mount_clone(int dirfd, const char *path, bool recursive) {
        int fd = syscall(SYS_open_tree, dirfd, path,
                         AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

        return fd < 0 ? -errno : fd;
}

int mount_restrict(int mount_fd, uint64_t attributes, uint64_t propagation, bool recursive) {
        struct mount_attr attr = { .attr_set = attributes, .propagation = propagation };

        if (syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                    sizeof(attr)) < 0)
                return -errno;
        return 0;
}

int mount_attach(int mount_fd, int target_fd) {
        if (syscall(SYS_move_mount, mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

int mount_pivot(int root_fd, const char *put_old) {
        return fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", put_old) < 0 ? -errno : 0;
}

int mount_attach_at(int mount_fd, int root_fd, const char *path, bool directory) {
        _cleanup_close_ int target = mount_open_target(root_fd, path, directory);

        return target < 0 ? target : mount_attach(mount_fd, target);
}
