/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several directories as one tree, in namespaces of the test's own. */

#include <sys/stat.h>

#include "daemon/container-stack.h"
#include "daemon/mount.h"
#include "tests/namespace.h"

static char *directory;

static char *in_directory(const char *name) {
        char *path = NULL;

        ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
        return path;
}

static void make_dir(const char *name) {
        _cleanup_free_ char *path = in_directory(name);

        ck_assert_int_eq(mkdir(path, 0755), 0);
}

/* False: not possible here. */
static bool set_up(void) {
        static const char *const names[] = { "place", "upper", "upper/rootfs", "upper/work", "middle", "bottom" };

        if (!become_namespace_root(CLONE_NEWNS))
                return false;
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        directory = make_directory_for_test();
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                make_dir(names[i]);
        write_file(directory, "middle/both", "middle");
        write_file(directory, "bottom/both", "bottom");
        write_file(directory, "bottom/only", "bottom");
        return true;
}

static void tear_down(void) {
        _cleanup_free_ char *place = in_directory("place");

        ck_assert_int_eq(chdir("/"), 0);
        ck_assert_int_eq(umount2(place, MNT_DETACH), 0);
        remove_directory(directory);
}

static void add(Stack *stack, const char *name) {
        _cleanup_free_ char *path = in_directory(name);
        int tree = mount_clone(AT_FDCWD, path, false);

        ck_assert_int_ge(tree, 0);
        stack->trees[stack->n++] = tree;
}

/* A descriptor, or -EBADF where this kernel or the directory for tests does not let us. */
static int mount_it(Stack *stack, bool writable) {
        _cleanup_free_ char *place = in_directory("place");
        int fd = stack_mount(stack, place, writable);

        stack_close(stack);
        ck_assert_uint_eq(stack->n, 0);
        if (fd < 0)
                fprintf(stderr, "skipped: no overlayfs here: %s\n", strerror(-fd));
        return fd < 0 ? -EBADF : fd;
}

static void assert_contains(int root, const char *name, const char *expected) {
        _cleanup_close_ int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
        char contents[16] = "";

        ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
        ck_assert_int_ge(read_up_to(fd, contents, sizeof(contents) - 1), 0);
        ck_assert_str_eq(contents, expected);
}

START_TEST(what_stands_above_counts) {
        _cleanup_close_ int root = -EBADF;
        Stack stack = { 0 };

        if (!set_up())
                return;
        add(&stack, "middle");
        add(&stack, "bottom");
        root = mount_it(&stack, false);
        if (root >= 0) {
                assert_contains(root, "both", "middle");
                assert_contains(root, "only", "bottom");
                ck_assert_int_lt(unlinkat(root, "only", 0), 0);
                ck_assert_int_eq(errno, EROFS);
        }
        tear_down();
}
END_TEST

START_TEST(what_is_written_goes_to_the_topmost_alone) {
        _cleanup_free_ char *below = NULL, *above = NULL;
        _cleanup_close_ int root = -EBADF;
        Stack stack = { 0 };

        if (!set_up())
                return;
        below = in_directory("bottom/only");
        above = in_directory("upper/rootfs/new");
        add(&stack, "upper");
        add(&stack, "middle");
        add(&stack, "bottom");
        root = mount_it(&stack, true);
        if (root >= 0) {
                ck_assert_int_eq(unlinkat(root, "only", 0), 0);
                ck_assert_int_eq(mkdirat(root, "new", 0755), 0);
                ck_assert_int_ne(faccessat(root, "only", F_OK, 0), 0);
                ck_assert_int_eq(access(below, F_OK), 0);
                ck_assert_int_eq(access(above, F_OK), 0);
        }
        tear_down();
}
END_TEST

START_TEST(as_many_as_there_can_be_are_mounted) {
        _cleanup_close_ int root = -EBADF;
        Stack stack = { 0 };

        if (!set_up())
                return;
        add(&stack, "upper");
        while (stack.n < STACK_MAX) {
                char name[32];

                snprintf(name, sizeof(name), "bottom-%zu", stack.n);
                make_dir(name);
                add(&stack, name);
        }
        root = mount_it(&stack, true);
        if (root >= 0)
                ck_assert_int_eq(mkdirat(root, "new", 0755), 0);
        tear_down();
}
END_TEST

int main(void) {
        _cleanup_close_ int here = mount_open_in_root(AT_FDCWD, ".", O_PATH);

        if (here == -ENOSYS) {
                fprintf(stderr, "skipped: no openat2(2) here; older valgrinds do not know it\n");
                return 77; /* for automake: skipped */
        }
        return RUN_TESTS("container-stack", what_stands_above_counts, what_is_written_goes_to_the_topmost_alone,
                         as_many_as_there_can_be_are_mounted);
}
