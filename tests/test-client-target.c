/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/target.h"
#include "shared/util.h"
#include "tests/test.h"

static char directory[64];

static void set_up(void) {
        strcpy(directory, "/tmp/test-client-target.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(chdir(directory), 0);
        ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* the complaints */
}

static size_t count_files(void) {
        DIR *d = opendir(".");
        size_t n = 0;

        ck_assert_ptr_nonnull(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

static void tear_down(size_t n_expected) {
        ck_assert_uint_eq(count_files(), n_expected);
        (void)unlink("file");
        (void)rmdir("file");
        ck_assert_int_eq(chdir("/"), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}

static void write_to(const Target *target, const char *text) {
        ck_assert_int_eq(write_all(target->fd, text, strlen(text)), 0);
}

static void assert_file(const char *wanted) {
        _cleanup_close_ int fd = open("file", O_RDONLY | O_CLOEXEC);
        char found[64] = "";

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(read(fd, found, sizeof(found) - 1), 0);
        ck_assert_str_eq(found, wanted);
}

START_TEST(a_committed_file_is_there) {
        Target target;

        set_up();
        ck_assert_int_eq(target_open(&target, "file"), 0);
        write_to(&target, "new");
        ck_assert_uint_eq(count_files(), 0);
        ck_assert_int_eq(target_commit(&target), 0);
        target_finish(&target);
        assert_file("new");
        tear_down(1);
}
END_TEST

START_TEST(what_is_not_committed_leaves_what_was_there) {
        Target target;

        set_up();
        ck_assert_int_eq(target_open(&target, "./file"), 0);
        write_to(&target, "old");
        ck_assert_int_eq(target_commit(&target), 0);
        target_finish(&target);
        ck_assert_int_eq(target_open(&target, "file"), 0);
        write_to(&target, "new");
        target_finish(&target);
        assert_file("old");
        ck_assert_int_eq(target_open(&target, "file"), 0);
        write_to(&target, "newer");
        ck_assert_int_eq(target_commit(&target), 0);
        assert_file("newer");
        target_finish(&target);
        tear_down(1);
}
END_TEST

START_TEST(with_a_name_of_its_own_it_is_the_same) {
        Target target;

        set_up();
        for (int commit = 0; commit < 2; commit++) {
                target = (Target){ .path = "file", .temporary = strdup("./.file.other") };
                target.fd = open(target.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                write_to(&target, "named");
                if (commit)
                        ck_assert_int_eq(target_commit(&target), 0);
                target_finish(&target);
                ck_assert_uint_eq(count_files(), commit);
        }
        assert_file("named");
        tear_down(1);
}
END_TEST

START_TEST(a_directory_and_a_missing_one_are_refused) {
        static const char *const paths[] = { "", "file", "file/", "nowhere/file", "/dev/null/file" };
        Target target;

        set_up();
        ck_assert_int_eq(mkdir("file", 0700), 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                ck_assert_int_lt(target_open(&target, paths[i]), 0);
                target_finish(&target);
        }
        tear_down(1);
}
END_TEST

START_TEST(a_fifo_is_written_to_as_it_is) {
        _cleanup_close_ int reader = -EBADF;
        Target target;

        set_up();
        ck_assert_int_eq(mkfifo("file", 0600), 0);
        reader = open("file", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ck_assert_int_eq(target_open(&target, "file"), 0);
        write_to(&target, "through");
        ck_assert_int_eq(target_commit(&target), 0);
        target_finish(&target);
        tear_down(1);
}
END_TEST

/* As lxssd does it. */
static void make_directory(const Target *target) {
        ck_assert_int_eq(mkdirat(target->fd, target_name(target->temporary), 0700), 0);
        ck_assert_int_eq(chdir(target->temporary), 0);
        ck_assert_int_eq(mkdir("inside", 0700), 0);
        ck_assert_int_eq(chdir(".."), 0);
}

START_TEST(a_directory_is_lxssds_to_make_and_to_name) {
        Target target;

        set_up();
        (void)umask(027);
        ck_assert_int_eq(target_open_directory(&target, "file"), 0);
        ck_assert_uint_eq(target.mode, 0750);
        ck_assert_uint_eq(count_files(), 0);
        make_directory(&target);
        ck_assert_int_eq(renameat(target.fd, target_name(target.temporary), target.fd, target_name(target.path)), 0);
        ck_assert_int_eq(target_commit(&target), 0);
        target_finish(&target);
        ck_assert_int_eq(access("file/inside", F_OK), 0);
        ck_assert_int_eq(target_open_directory(&target, "file"), -EEXIST);
        target_finish(&target);
        ck_assert_int_eq(rmdir("file/inside"), 0);
        tear_down(1);
}
END_TEST

START_TEST(what_an_lxssd_that_died_left_of_a_directory_is_removed) {
        Target target;

        set_up();
        ck_assert_int_eq(mkdir("file", 0700), 0);
        ck_assert_int_eq(target_open_directory(&target, "./file"), 0);
        make_directory(&target);
        ck_assert_uint_eq(count_files(), 2);
        target_finish(&target);
        tear_down(1);
}
END_TEST

int main(void) {
        return RUN_TESTS("client-target", a_committed_file_is_there, what_is_not_committed_leaves_what_was_there,
                         with_a_name_of_its_own_it_is_the_same, a_directory_and_a_missing_one_are_refused,
                         a_fifo_is_written_to_as_it_is, a_directory_is_lxssds_to_make_and_to_name,
                         what_an_lxssd_that_died_left_of_a_directory_is_removed);
}
