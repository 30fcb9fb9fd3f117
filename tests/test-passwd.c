/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a distribution has a user, by its own, foreign file. */

#include <glib.h>
#include <sys/stat.h>

#include "daemon/passwd.h"
#include "tests/test.h"

#define TABLE                                  \
        "root:x:0:0:root:/root:/bin/sh\n"      \
        "# comment\n"                          \
        "anna:x:1000:1000:Anna:/home/anna:/bin/sh\n" \
        "short:x:5\n"                          \
        "sign:x:+5:5::/:/bin/sh\n"             \
        "big:x:4294967296:5::/:/bin/sh\n"      \
        "last:x:7:7::/:"

START_TEST(a_user_is_found_by_the_whole_name) {
        uint32_t uid = 99;

        ck_assert_int_eq(passwd_find_in(TABLE, "anna", &uid), 0);
        ck_assert_uint_eq(uid, 1000);
        ck_assert_int_eq(passwd_find_in(TABLE, "root", &uid), 0);
        ck_assert_uint_eq(uid, 0);
        ck_assert_int_eq(passwd_find_in(TABLE, "last", &uid), 0);
        ck_assert_uint_eq(uid, 7);
}
END_TEST

START_TEST(what_is_no_user_is_not_found) {
        static const char *const names[] = { "",          "ann",   "annaa", "Anna", "x",     "#",
                                             "# comment", "short", "sign",  "big",  "anna:x" };
        uint32_t uid = 99;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_int_eq(passwd_find_in(TABLE, names[i], &uid), -ENOENT);
        ck_assert_int_eq(passwd_find_in("", "root", &uid), -ENOENT);
        ck_assert_uint_eq(uid, 99);
}
END_TEST

static int find(const char *root, uint32_t *ret_uid) {
        char *const roots[] = { (char *)root, NULL };

        return passwd_find(roots, "anna", ret_uid);
}

START_TEST(a_link_leads_nowhere_but_into_the_root) {
        char *directory = make_directory_for_test();
        g_autofree char *root = g_build_filename(directory, "rootfs", NULL), *etc = g_build_filename(root, "etc", NULL),
                        *passwd = g_build_filename(etc, "passwd", NULL);
        uint32_t uid;

        ck_assert_int_eq(g_mkdir_with_parents(etc, 0755), 0);
        if (find(root, &uid) == -ENOSYS) { /* valgrind does not know openat2(2) */
                remove_directory(directory);
                return;
        }
        ck_assert_int_eq(find(root, &uid), -ENODATA);
        write_file(directory, "passwd", TABLE);
        ck_assert_int_eq(symlink("../../passwd", passwd), 0);
        ck_assert_int_eq(find(root, &uid), -ENODATA);
        write_file(root, "passwd", TABLE);
        ck_assert_int_eq(find(root, &uid), 0);
        ck_assert_int_eq(unlink(passwd), 0);
        ck_assert_int_eq(mkfifo(passwd, 0644), 0);
        ck_assert_int_eq(find(root, &uid), -EINVAL);
        ck_assert_int_eq(find("/nonexistent", &uid), -ENODATA);
        remove_directory(directory);
}
END_TEST

/* Makes root NAME with such an etc. NULL: not. Free it. */
static char *make_root(const char *directory, const char *name, const char *passwd, const char *wishes) {
        char *root = g_build_filename(directory, name, NULL);
        g_autofree char *etc = g_build_filename(root, "etc", NULL);

        ck_assert_int_eq(g_mkdir_with_parents(etc, 0755), 0);
        if (passwd)
                write_file(etc, "passwd", passwd);
        if (wishes)
                write_file(etc, "wsl-distribution.conf", wishes);
        return root;
}

START_TEST(the_topmost_file_counts) {
        char *directory = make_directory_for_test();
        g_autofree char *top = make_root(directory, "top", NULL, NULL),
                        *middle = make_root(directory, "middle", TABLE, NULL),
                        *bottom = make_root(directory, "bottom", "anna:x:5:5:::\nolder:x:6:6:::\n", NULL);
        char *const roots[] = { top, middle, bottom, NULL };
        uint32_t uid;

        if (find(top, &uid) != -ENOSYS) { /* valgrind does not know openat2(2) */
                ck_assert_int_eq(passwd_find(roots, "anna", &uid), 0);
                ck_assert_uint_eq(uid, 1000);
                ck_assert_int_eq(passwd_find(roots, "older", &uid), -ENOENT);
        }
        remove_directory(directory);
}
END_TEST

START_TEST(the_default_user_is_the_one_that_the_distribution_wants_or_has) {
        static const struct {
                const char *wishes;
                uint32_t usual;
                const char *expected;
        } cases[] = {
                { NULL, 1000, "anna" },
                { NULL, 0, "root" },
                { NULL, 1001, NULL },
                { "[oobe]\ndefaultUid=7\n", 1000, "last" },
                { "[oobe]\ndefaultUid=7\n", 0, "last" },
                { "[oobe]\ndefaultUid=0\n", 1000, "root" },
                { "[oobe]\ndefaultUid=8\n", 1000, "anna" },
                { "rubbish", 1000, "anna" },
        };
        char *directory = make_directory_for_test();
        uint32_t uid;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autofree char *name = g_strdup_printf("%zu", i),
                                *root = make_root(directory, name, TABLE, cases[i].wishes);
                char *const roots[] = { root, NULL };
                char found[WORKER_USER_NAME_MAX + 1];

                if (find(root, &uid) == -ENOSYS)
                        break;
                ck_assert_int_eq(passwd_find_default(roots, cases[i].usual, found), cases[i].expected ? 0 : -ENOENT);
                if (cases[i].expected)
                        ck_assert_str_eq(found, cases[i].expected);
        }
        remove_directory(directory);
}
END_TEST

int main(void) {
        return RUN_TESTS("passwd", a_user_is_found_by_the_whole_name, what_is_no_user_is_not_found,
                         a_link_leads_nowhere_but_into_the_root, the_topmost_file_counts,
                         the_default_user_is_the_one_that_the_distribution_wants_or_has);
}
