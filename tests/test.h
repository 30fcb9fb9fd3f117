/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the unit tests have in common: running a list of them, a directory that
 * goes away again, and counting descriptors. */

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "shared/util.h"

/* main() is: return RUN_TESTS("module", first_test, second_test, …); */
#define RUN_TESTS(name, ...)                                                     \
        test_run(name, (const TTest *const[]){ __VA_ARGS__ },                    \
                 ELEMENTSOF(((const TTest *const[]){ __VA_ARGS__ })))

static inline int test_run(const char *name, const TTest *const *tests, size_t n) {
        TCase *tcase = tcase_create(name);
        Suite *suite = suite_create(name);
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 30);
        for (size_t i = 0; i < n; i++)
                tcase_add_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* How many descriptors this process has open. */
static inline size_t _unused_ count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n - 3; /* ".", ".." and the directory's own */
}

static inline int remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                             struct FTW *ftw _unused_) {
        return remove(path);
}

/* False, with a word about it, where there are none: valgrind's machine (3.19) has no pidfd_open(2), nor our
 * RLIMIT_NOFILE. */
static inline _unused_ bool has_pidfds(void) {
        int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

        if (fd < 0)
                fprintf(stderr, "skipped: no pidfds here: %s\n", strerror(errno));
        else
                close(fd);
        return fd >= 0;
}

/* An empty directory of our own, an absolute path; free it with remove_directory(). */
static inline _unused_ char *make_directory_for_test(void) {
        const char *base = getenv("TMPDIR");
        char *path = NULL;

        ck_assert_int_ge(asprintf(&path, "%s/lxss-test-XXXXXX", base && *base == '/' ? base : "/tmp"), 0);
        ck_assert_ptr_nonnull(mkdtemp(path));
        return path;
}

static inline _unused_ void remove_directory(char *path) {
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        free(path);
}

/* Where root is different from everybody else: goes on as somebody else. For good, since
 * LeakSanitizer in the end traces only who is one user through and through. */
static inline _unused_ void become_ordinary_user(void) {
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(setresgid(12345, 12345, 12345), 0);
        ck_assert_int_eq(setresuid(12345, 12345, 12345), 0);
        ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

static inline _unused_ void write_file(const char *directory, const char *name, const char *contents) {
        _cleanup_free_ char *path = NULL;
        FILE *f;

        ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(contents, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}
