/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mounting into a root that may be hostile: no symbolic link in it leads outside. */

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "daemon/mount.h"
#include "tests/namespace.h"

static char *directory; /* "secret" outside, "root" with everything hostile in it */
static int root;

static void in_directory(const char *name, char ret[256]) {
        snprintf(ret, 256, "%s/%s", directory, name);
}

static void make_link(const char *target, const char *name) {
        char path[256];

        in_directory(name, path);
        ck_assert_int_eq(symlink(target, path), 0);
}

static void make_dir(const char *name) {
        char path[256];

        in_directory(name, path);
        ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void set_up(void) {
        char path[256];

        directory = make_directory_for_test();
        make_dir("secret");
        write_file(directory, "secret/file", "outside");
        make_dir("root");
        make_dir("root/etc");
        write_file(directory, "root/etc/file", "inside");
        make_link("/etc", "root/absolute");
        make_link("../../../../../../etc", "root/upwards");
        make_link("../secret", "root/sideways");
        make_link("/proc/self/root", "root/magic");
        make_link("loop", "root/loop");
        make_link("/nowhere/at/all", "root/dangling");
        in_directory("secret", path);
        make_link(path, "root/outside");
        in_directory("root", path);
        root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(root, 0);
}

static void tear_down(void) {
        closep(&root);
        remove_directory(directory);
}

static void assert_reads(const char *path, const char *expected) {
        _cleanup_close_ int fd = mount_open_in_root(root, path, O_RDONLY);
        char contents[16] = "";

        ck_assert_msg(fd >= 0, "%s: %s", path, strerror(-fd));
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_ge(read_up_to(fd, contents, sizeof(contents) - 1), 0);
        ck_assert_str_eq(contents, expected);
}

START_TEST(every_path_is_resolved_beneath_the_root) {
        set_up();
        assert_reads("etc/file", "inside");
        assert_reads("/etc/file", "inside");
        assert_reads("absolute/file", "inside");
        assert_reads("upwards/file", "inside");
        assert_reads("../../../etc/file", "inside");
        ck_assert_int_eq(mount_open_in_root(root, "sideways/file", O_RDONLY), -ENOENT);
        ck_assert_int_eq(mount_open_in_root(root, "outside/file", O_RDONLY), -ENOENT);
        ck_assert_int_eq(mount_open_in_root(root, "../secret/file", O_RDONLY), -ENOENT);
        ck_assert_int_eq(mount_open_in_root(root, "loop", O_RDONLY), -ELOOP);
        ck_assert_int_lt(mount_open_in_root(root, "magic/etc/passwd", O_RDONLY), 0);
        tear_down();
}
END_TEST

START_TEST(magic_links_are_not_followed) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_eq(mount_open_in_root(proc, "self/root", O_PATH), -ELOOP);
        ck_assert_int_eq(mount_open_in_root(proc, "self/cwd/x", O_PATH), -ELOOP);
}
END_TEST

static void assert_target(const char *path, bool is_directory) {
        _cleanup_close_ int fd = mount_open_target(root, path, is_directory);
        struct stat st;

        ck_assert_msg(fd >= 0, "%s: %s", path, strerror(-fd));
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_int_eq(S_ISDIR(st.st_mode), is_directory);
}

static bool exists(const char *name) {
        char path[256];

        in_directory(name, path);
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

START_TEST(missing_targets_are_made_with_their_parents) {
        set_up();
        assert_target("mnt/host", true);
        assert_target("a/b/c/d", true);
        assert_target("dev/null", false);
        assert_target("plain", false);
        assert_target("etc/file", false);
        assert_target("absolute/new", true);
        ck_assert(exists("root/mnt/host"));
        ck_assert(exists("root/a/b/c/d"));
        ck_assert(exists("root/etc/new"));
        assert_reads("etc/file", "inside");
        tear_down();
}
END_TEST

START_TEST(nothing_is_made_outside_the_root) {
        static const char *const paths[] = { "outside/new", "sideways/new", "dangling", "dangling/new", "loop/new", "magic/new",
                                             "../new" };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                for (int is_directory = 0; is_directory < 2; is_directory++) {
                        _cleanup_close_ int fd = mount_open_target(root, paths[i], is_directory);

                        if (fd >= 0)
                                ck_assert_str_eq(paths[i], "../new"); /* which is "new" in the root, the kind it was first */
                }
        ck_assert(!exists("secret/new"));
        ck_assert(!exists("new"));
        ck_assert(exists("root/new"));
        tear_down();
}
END_TEST

START_TEST(a_target_of_the_wrong_kind_is_refused) {
        set_up();
        ck_assert_int_eq(mount_open_target(root, "etc/file", true), -ENOTDIR);
        ck_assert_int_eq(mount_open_target(root, "etc/file/below", true), -ENOTDIR);
        tear_down();
}
END_TEST

static bool is_tmpfs(const char *name) {
        struct statfs st;
        char path[256];

        in_directory(name, path);
        ck_assert_int_eq(statfs(path, &st), 0);
        return st.f_type == TMPFS_MAGIC;
}

static bool enter_mount_namespace(void) {
        if (!become_namespace_root(CLONE_NEWNS))
                return false;
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        return true;
}

START_TEST(a_new_file_system_is_attached_where_the_root_means) {
        static const char *const options[] = { "mode", "0750", "size", "64k", NULL };
        _cleanup_close_ int tree = -EBADF;
        bool here_already;
        struct stat st;
        char path[256];

        if (!enter_mount_namespace())
                return;
        set_up();
        here_already = is_tmpfs("secret"); /* /tmp may be one */
        tree = mount_new("tmpfs", options, 0);
        ck_assert_msg(tree >= 0, "%s", strerror(-tree));
        ck_assert_int_eq(fcntl(tree, F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(mount_attach_at(tree, root, "absolute", true), 0);
        ck_assert(is_tmpfs("root/etc"));
        in_directory("root/etc", path);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0750);
        ck_assert(is_tmpfs("secret") == here_already);
        ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
        tear_down();
}
END_TEST

START_TEST(a_clone_can_be_restricted_before_it_is_seen) {
        _cleanup_close_ int tree = -EBADF;
        char path[256], file[280];

        if (!enter_mount_namespace())
                return;
        set_up();
        in_directory("secret", path);
        tree = mount_clone(AT_FDCWD, path, false);
        ck_assert_int_ge(tree, 0);
        ck_assert_int_eq(mount_restrict(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, MS_PRIVATE, false), 0);
        ck_assert_int_eq(mount_attach_at(tree, root, "mnt/host", true), 0);
        assert_reads("mnt/host/file", "outside");
        in_directory("root/mnt/host", path);
        snprintf(file, sizeof(file), "%s/new", path);
        ck_assert_int_eq(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
        ck_assert_int_eq(errno, EROFS);
        ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
        tear_down();
}
END_TEST

START_TEST(unknown_file_systems_and_options_say_why) {
        static const char *const options[] = { "no-such-option", "1", NULL };

        if (!enter_mount_namespace())
                return;
        ck_assert_int_eq(mount_new("no-such-file-system", NULL, 0), -ENODEV);
        ck_assert_int_eq(mount_new("tmpfs", options, 0), -EINVAL);
        ck_assert_int_eq(mount_clone(AT_FDCWD, "/no/such/path", false), -ENOENT);
}
END_TEST

int main(void) {
        _cleanup_close_ int here = mount_open_in_root(AT_FDCWD, ".", O_PATH);

        if (here == -ENOSYS) {
                fprintf(stderr, "skipped: no openat2(2) here; older valgrinds do not know it\n");
                return 77; /* for automake: skipped */
        }
        return RUN_TESTS("mount", every_path_is_resolved_beneath_the_root, magic_links_are_not_followed,
                         missing_targets_are_made_with_their_parents, nothing_is_made_outside_the_root,
                         a_target_of_the_wrong_kind_is_refused, a_new_file_system_is_attached_where_the_root_means,
                         a_clone_can_be_restricted_before_it_is_seen, unknown_file_systems_and_options_say_why);
}
