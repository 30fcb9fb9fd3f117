/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/container-stack.h. Overlayfs finds its directories by path, and wants
 * them in the mount namespace of its own mount, so they get numbers for names below a
 * tmpfs. That is also all that an instance's /proc/self/mountinfo tells of them. */

#include "daemon/container-stack.h"

#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "daemon/base-stage.h"
#include "daemon/mount.h"
#include "shared/util.h"

#define NAMES_MAX 256 /* with the terminating NUL, as fsconfig(2) has it */

void stack_close(Stack *stack) {
        for (size_t i = 0; i < stack->n; i++)
                closep(&stack->trees[i]);
        stack->n = 0;
}

int mount_open_on_host(const char *path, int flags) {
        _cleanup_close_ int raw = open("/" STAGE_RAW, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return raw < 0 ? -errno : mount_open_in_root(raw, path, flags);
}

int mount_clone_of_host(const char *path) {
        _cleanup_close_ int directory = mount_open_on_host(path, O_PATH | O_DIRECTORY);

        return directory < 0 ? directory : mount_clone(directory, "", false);
}

int mount_shift(int tree, int idmap) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = idmap };

        return mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int add_tree(Stack *stack, const char *path, int idmap) {
        int tree = stack->n < STACK_MAX ? mount_clone_of_host(path) : -E2BIG;

        if (tree < 0)
                return tree;
        stack->trees[stack->n++] = tree;
        return idmap < 0 ? 0 : mount_shift(tree, idmap);
}

int stack_open(const char *const *paths, int idmap, Stack *ret) {
        int r = 0;

        for (; r == 0 && *paths; paths++)
                r = add_tree(ret, *paths, idmap);
        if (r < 0)
                stack_close(ret);
        return r;
}

static int attach_tmpfs(const char *place) {
        static const char *const options[] = { "mode", "755", NULL };
        _cleanup_close_ int tmpfs = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), target = -EBADF;
        int r;

        if (tmpfs < 0)
                return tmpfs;
        /* pivot_root(2) wants no shared mount around the new root. */
        r = mount_restrict(tmpfs, 0, MS_PRIVATE, false);
        if (r < 0)
                return r;
        target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target < 0)
                return -errno;
        r = mount_attach(tmpfs, target);
        return r < 0 ? r : steal_fd(&tmpfs);
}

static int attach_trees(const Stack *stack, int tmpfs) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < stack->n; i++) {
                char name[32];

                snprintf(name, sizeof(name), "%zu", i);
                if (mkdirat(tmpfs, name, 0755) < 0)
                        return -errno;
                r = mount_attach_at(stack->trees[i], tmpfs, name, true);
        }
        return r;
}

/* "1:2:3" */
static void list_numbers(size_t first, size_t n, char ret[NAMES_MAX]) {
        size_t length = 0;

        for (size_t i = first; i < n; i++)
                length += snprintf(ret + length, NAMES_MAX - length, "%s%zu", i == first ? "" : ":", i);
}

/* Every option that the kernel's configuration may have another default for is said. An index would keep hard links
 * together across the layers, but only until what it is about is a layer itself. */
static int mount_overlay(const Stack *stack, bool writable) {
        char lower[NAMES_MAX];
        const char *options[] = { "userxattr", "",         "index",   "off",    "lowerdir", lower,
                                  "upperdir",  "0/rootfs", "workdir", "0/work", NULL };

        list_numbers(writable ? 1 : 0, stack->n, lower);
        if (!writable)
                options[6] = NULL;
        return mount_new("overlay", options, 0);
}

int stack_mount(const Stack *stack, const char *place, bool writable) {
        _cleanup_close_ int tmpfs = attach_tmpfs(place);
        int r;

        if (tmpfs < 0)
                return tmpfs;
        r = attach_trees(stack, tmpfs);
        if (r < 0)
                return r;
        return fchdir(tmpfs) < 0 ? -errno : mount_overlay(stack, writable);
}

int stack_attach(Stack *stack, const char *place, int *ret_root) {
        _cleanup_close_ int tree = stack_mount(stack, place, true), target = -EBADF;
        int r;

        stack_close(stack);
        if (tree < 0)
                return tree;
        r = mount_restrict(tree, 0, MS_PRIVATE, false);
        if (r < 0)
                return r;
        target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC); /* the tmpfs, by now */
        if (target < 0)
                return -errno;
        r = mount_attach(tree, target);
        if (r < 0)
                return r;
        *ret_root = steal_fd(&tree);
        return 0;
}
