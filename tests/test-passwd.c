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

START_TEST(a_link_leads_nowhere_but_into_the_root) {
        char *directory = make_directory_for_test();
        g_autofree char *root = g_build_filename(directory, "rootfs", NULL), *etc = g_build_filename(root, "etc", NULL),
                        *passwd = g_build_filename(etc, "passwd", NULL);
        uint32_t uid;

        ck_assert_int_eq(g_mkdir_with_parents(etc, 0755), 0);
        if (passwd_find(root, "anna", &uid) == -ENOSYS) { /* valgrind does not know openat2(2) */
                remove_directory(directory);
                return;
        }
        ck_assert_int_eq(passwd_find(root, "anna", &uid), -ENODATA);
        write_file(directory, "passwd", TABLE);
        ck_assert_int_eq(symlink("../../passwd", passwd), 0);
        ck_assert_int_eq(passwd_find(root, "anna", &uid), -ENODATA);
        write_file(root, "passwd", TABLE);
        ck_assert_int_eq(passwd_find(root, "anna", &uid), 0);
        ck_assert_int_eq(unlink(passwd), 0);
        ck_assert_int_eq(mkfifo(passwd, 0644), 0);
        ck_assert_int_eq(passwd_find(root, "anna", &uid), -EINVAL);
        ck_assert_int_eq(passwd_find("/nonexistent", "anna", &uid), -ENODATA);
        remove_directory(directory);
}
END_TEST

int main(void) {
        return RUN_TESTS("passwd", a_user_is_found_by_the_whole_name, what_is_no_user_is_not_found,
                         a_link_leads_nowhere_but_into_the_root);
}
