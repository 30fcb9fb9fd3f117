/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deleting trees: all that is below goes, whatever its shape, and nothing else. */

#include <check.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/worker-remove.h"

static char base[] = "/tmp/test-worker-remove.XXXXXX";
static int base_fd = -EBADF, top = -EBADF;

static void set_up(void) {
        strcpy(base, "/tmp/test-worker-remove.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(base));
        base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(mkdirat(base_fd, "top", 0755), 0);
        top = openat(base_fd, "top", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(top, 0);
}

static void tear_down(void) {
        WorkerReport report;

        closep(&top);
        (void)worker_remove_below(base_fd, &report);
        closep(&base_fd);
        ck_assert_int_eq(rmdir(base), 0);
}

static void make_file(int dir, const char *name) {
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        ck_assert_int_ge(fd, 0);
}

static size_t count_entries(int dir) {
        DIR *stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        size_t n = 0;

        ck_assert_ptr_nonnull(stream);
        while (readdir(stream))
                n++;
        closedir(stream);
        return n - 2;
}

static void assert_removed(void) {
        WorkerReport report = { 0 };

        ck_assert_msg(worker_remove_below(top, &report) == 0, "%s", report.text);
        ck_assert_uint_eq(count_entries(top), 0);
}

START_TEST(files_of_every_type_go) {
        make_file(top, "file");
        ck_assert_int_eq(mkdirat(top, "empty", 0755), 0);
        ck_assert_int_eq(mkfifoat(top, "fifo", 0600), 0);
        ck_assert_int_eq(mknodat(top, "socket", S_IFSOCK | 0600, 0), 0);
        ck_assert_int_eq(symlinkat("nowhere", top, "dangling"), 0);
        ck_assert_int_eq(linkat(top, "file", top, "hard", 0), 0);
        assert_removed();
}
END_TEST

START_TEST(links_out_of_the_tree_are_not_followed) {
        ck_assert_int_eq(mkdirat(base_fd, "outside", 0755), 0);
        make_file(base_fd, "outside/canary");
        ck_assert_int_eq(symlinkat("../outside", top, "directory"), 0);
        ck_assert_int_eq(symlinkat("../outside/canary", top, "file"), 0);
        assert_removed();
        ck_assert_int_eq(faccessat(base_fd, "outside/canary", F_OK, 0), 0);
}
END_TEST

static void make_deep_tree(void) {
        _cleanup_close_ int fd = dup(top);

        for (int i = 0; i < 10000; i++) {
                int below;

                ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
                if (i % 100 == 0)
                        make_file(fd, "file");
                below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                ck_assert_int_ge(below, 0);
                close(fd);
                fd = below;
        }
}

START_TEST(ten_thousand_levels_cost_few_descriptors) {
        struct rlimit limit;

        make_deep_tree();
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = 64;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_removed();
}
END_TEST

START_TEST(names_that_the_removal_itself_uses_do_no_harm) {
        ck_assert_int_eq(mkdirat(top, ".lxss-removing-0", 0755), 0);
        make_file(top, ".lxss-removing-0/file");
        make_file(top, ".lxss-removing-1");
        make_deep_tree();
        assert_removed();
}
END_TEST

START_TEST(large_directories_go_completely) {
        for (int i = 0; i < 20000; i++) {
                char name[32];

                snprintf(name, sizeof(name), "f%d", i);
                make_file(top, name);
        }
        assert_removed();
}
END_TEST

/* As an ordinary user, since root reads everything. */
START_TEST(directories_without_permissions_go) {
        ck_assert_int_eq(fchmod(base_fd, 0755), 0);
        ck_assert_int_eq(fchmod(top, 0777), 0);
        if (geteuid() == 0)
                ck_assert_int_eq(seteuid(65534), 0);
        ck_assert_int_eq(mkdirat(top, "a", 0755), 0);
        ck_assert_int_eq(mkdirat(top, "a/b", 0755), 0);
        make_file(top, "a/b/file");
        ck_assert_int_eq(fchmodat(top, "a/b", 0555, 0), 0);
        ck_assert_int_eq(fchmodat(top, "a", 0, 0), 0);
        assert_removed();
        if (getuid() == 0)
                ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static int remove_below_a_mount(void) {
        char path[256], outside[256];
        _cleanup_close_ int inner_top = -EBADF;
        WorkerReport report = { 0 };

        if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return 77;
        snprintf(path, sizeof(path), "%s/top/mounted", base);
        snprintf(outside, sizeof(outside), "%s/outside", base);
        if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(outside, path, "none", MS_BIND, NULL) < 0)
                return 77;
        /* The old descriptor belongs to the old namespace, where nothing is mounted. */
        *strrchr(path, '/') = '\0';
        inner_top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (inner_top < 0)
                return 1;
        if (worker_remove_below(inner_top, &report) >= 0 || !strstr(report.text, "mounted"))
                return 2;
        return faccessat(inner_top, "file", F_OK, 0) == 0 ? 3 : 0;
}

START_TEST(mounts_are_left_alone_and_the_rest_goes) {
        int status;
        pid_t pid;

        ck_assert_int_eq(mkdirat(base_fd, "outside", 0755), 0);
        make_file(base_fd, "outside/canary");
        ck_assert_int_eq(mkdirat(top, "mounted", 0755), 0);
        make_file(top, "file");
        pid = fork();
        if (pid == 0)
                _exit(remove_below_a_mount());
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                (void)fprintf(stderr, "skipped: no mount namespaces here\n");
        else
                ck_assert_int_eq(WEXITSTATUS(status), 0);
        ck_assert_int_eq(faccessat(base_fd, "outside/canary", F_OK, 0), 0);
}
END_TEST

START_TEST(a_directory_is_removed_by_name_and_its_absence_is_success) {
        WorkerReport report = { 0 };

        ck_assert_int_eq(mkdirat(top, "tmp", 0755), 0);
        make_file(top, "tmp/file");
        ck_assert_int_eq(worker_remove_directory(top, "tmp", &report), 0);
        ck_assert_uint_eq(count_entries(top), 0);
        ck_assert_int_eq(worker_remove_directory(top, "tmp", &report), 0);
        ck_assert_int_eq(symlinkat("/", top, "tmp"), 0);
        ck_assert_int_lt(worker_remove_directory(top, "tmp", &report), 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-remove");
        TCase *tcase = tcase_create("trees");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_set_timeout(tcase, 120);
        tcase_add_test(tcase, files_of_every_type_go);
        tcase_add_test(tcase, links_out_of_the_tree_are_not_followed);
        tcase_add_test(tcase, ten_thousand_levels_cost_few_descriptors);
        tcase_add_test(tcase, names_that_the_removal_itself_uses_do_no_harm);
        tcase_add_test(tcase, large_directories_go_completely);
        tcase_add_test(tcase, directories_without_permissions_go);
        tcase_add_test(tcase, mounts_are_left_alone_and_the_rest_goes);
        tcase_add_test(tcase, a_directory_is_removed_by_name_and_its_absence_is_success);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
