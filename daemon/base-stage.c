/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/base-stage.h. Everything here is the host's and safe to look at; no
 * container's files are touched. */

#include "daemon/base-stage.h"

#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/mount.h"
#include "shared/util.h"

#define HARMLESS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static const struct {
        unsigned major, minor;
} numbers[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 } };

const char *const base_stage_nodes[] = { "null", "zero", "full", "random", "urandom", "tty", NULL };

_Static_assert(ELEMENTSOF(base_stage_nodes) == ELEMENTSOF(numbers) + 1, "each node has its numbers");

const char *const base_stage_tools[] = { "lxbus", NULL };

_Static_assert(ELEMENTSOF(base_stage_tools) == STAGE_TOOLS_MAX + 1, "there is room for each");

static int make_slaves(void) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        return root < 0 ? -errno : mount_restrict(root, 0, MS_SLAVE, true);
}

/* A slave of the host's mounts, so that what is plugged in later shows up. */
static int prepare_host(BaseStage *stage) {
        stage->host = mount_clone(AT_FDCWD, "/", true);
        return stage->host < 0 ? stage->host : mount_restrict(stage->host, HARMLESS, MS_SLAVE, true);
}

/* The network namespace is the host's, so a sysfs of one's own is not to be had. */
static int prepare_sys(BaseStage *stage) {
        stage->sys = mount_clone(AT_FDCWD, "/sys", true);
        if (stage->sys < 0)
                return stage->sys;
        return mount_restrict(stage->sys, MOUNT_ATTR_RDONLY | HARMLESS | MOUNT_ATTR_NOEXEC, MS_PRIVATE, true);
}

static int prepare_program(const char *path, int *ret) {
        *ret = mount_clone(AT_FDCWD, path, false);
        return *ret < 0 ? *ret : mount_restrict(*ret, MOUNT_ATTR_RDONLY | HARMLESS, MS_PRIVATE, false);
}

static int prepare_tools(BaseStage *stage, const char *lxinit) {
        int directory = (int)(strrchr(lxinit, '/') + 1 - lxinit), r = 0;

        for (size_t i = 0; r == 0 && base_stage_tools[i]; i++) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof(path), "%.*s%s", directory, lxinit, base_stage_tools[i]) >= (int)sizeof(path))
                        return -ENAMETOOLONG;
                r = prepare_program(path, &stage->tools[i]);
        }
        return r;
}

int base_stage_prepare(const char *lxinit, BaseStage *ret, const char **ret_step) {
        int r;

        /* Root's copy is still one with the host; in a user namespace of its own it no longer is. */
        *ret_step = "making the mounts private";
        if ((r = make_slaves()) < 0)
                return r;
        *ret_step = "copying the host's mounts";
        if ((r = prepare_host(ret)) < 0)
                return r;
        *ret_step = "copying /sys";
        if ((r = prepare_sys(ret)) < 0)
                return r;
        *ret_step = "opening lxinit";
        if ((r = prepare_program(lxinit, &ret->init)) < 0)
                return r;
        *ret_step = "opening the tools of instances";
        return prepare_tools(ret, lxinit);
}

/* The process goes along, and finds the host's tree at STAGE_RAW. */
static int enter_tmpfs(int *ret_root) {
        static const char *const options[] = { "mode", "755", NULL };
        static const char *const directories[] = { STAGE_RAW, STAGE_HOST, STAGE_SYS, STAGE_DEV, STAGE_TOOLS, STAGE_ROOT };
        _cleanup_close_ int root = mount_new("tmpfs", options, HARMLESS), target = -EBADF;
        int r;

        if (root < 0)
                return root;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdirat(root, directories[i], 0755) < 0)
                        return -errno;
        target = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target < 0)
                return -errno;
        r = mount_attach(root, target);
        if (r < 0)
                return r;
        r = mount_pivot(root, STAGE_RAW);
        if (r < 0)
                return r;
        if (chdir("/") < 0)
                return -errno;
        *ret_root = steal_fd(&root);
        return 0;
}

/* An empty, read-only directory over what is not for instances. */
static int mount_cover(int root, const char *path) {
        static const char *const options[] = { "mode", "555", NULL };
        _cleanup_close_ int target = mount_open_in_root(root, path, O_PATH | O_DIRECTORY), tree = -EBADF;

        if (target == -ENOENT)
                return 0;
        if (target < 0)
                return target;
        tree = mount_new("tmpfs", options, MOUNT_ATTR_RDONLY | HARMLESS);
        return tree < 0 ? tree : mount_attach(tree, target);
}

static int attach_host(const BaseStage *stage, int root) {
        static const char *const covered[] = { STAGE_HOST "/proc", STAGE_HOST "/sys", STAGE_HOST "/dev" };
        int r;

        r = mount_attach_at(stage->host, root, STAGE_HOST, true);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(covered); i++)
                r = mount_cover(root, covered[i]);
        return r;
}

/* The host's node, after a look that it is what its name says. */
static int attach_node(int dev, const char *name, unsigned major, unsigned minor) {
        _cleanup_close_ int host = -EBADF, tree = -EBADF;
        struct stat st;

        host = open("/" STAGE_RAW "/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host < 0)
                return -errno;
        tree = mount_clone(host, name, false);
        if (tree < 0)
                return tree;
        if (fstat(tree, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major, minor))
                return -ENODEV;
        return mount_attach_at(tree, dev, name, false);
}

static int attach_nodes(int root) {
        _cleanup_close_ int dev = mount_open_in_root(root, STAGE_DEV, O_PATH | O_DIRECTORY);
        int r = dev < 0 ? dev : 0;

        for (size_t i = 0; r == 0 && base_stage_nodes[i]; i++)
                r = attach_node(dev, base_stage_nodes[i], numbers[i].major, numbers[i].minor);
        return r;
}

static int attach_tools(const BaseStage *stage, int root) {
        int r = 0;

        for (size_t i = 0; r == 0 && base_stage_tools[i]; i++) {
                char path[64];

                snprintf(path, sizeof(path), STAGE_TOOLS "/%s", base_stage_tools[i]);
                r = mount_attach_at(stage->tools[i], root, path, false);
        }
        return r;
}

static void stage_close(BaseStage *stage) {
        closep(&stage->host);
        closep(&stage->sys);
        closep(&stage->init);
        for (size_t i = 0; i < ELEMENTSOF(stage->tools); i++)
                closep(&stage->tools[i]);
}

int base_stage_enter(BaseStage *prepared, const char **ret_step) {
        _cleanup_(stage_close) BaseStage stage = *prepared;
        _cleanup_close_ int root = -EBADF;
        int r;

        *prepared = (BaseStage)BASE_STAGE_NONE;
        *ret_step = "making a root for containers";
        if ((r = enter_tmpfs(&root)) < 0)
                return r;
        *ret_step = "mounting the host's tree";
        if ((r = attach_host(&stage, root)) < 0)
                return r;
        *ret_step = "mounting /sys";
        if ((r = mount_attach_at(stage.sys, root, STAGE_SYS, true)) < 0)
                return r;
        *ret_step = "mounting /dev";
        if ((r = attach_nodes(root)) < 0)
                return r;
        *ret_step = "mounting /init";
        if ((r = mount_attach_at(stage.init, root, STAGE_INIT, false)) < 0)
                return r;
        *ret_step = "mounting the tools of instances";
        return attach_tools(&stage, root);
}
