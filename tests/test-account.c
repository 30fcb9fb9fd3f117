/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Users as the distribution's own files name them, however odd these are. */

#include <fcntl.h>
#include <sys/stat.h>

#include "init/account.h"
#include "tests/namespace.h"

static char *directory;

static bool set_up(const char *passwd, const char *group) {
        char etc[256];

        directory = make_directory_for_test();
        snprintf(etc, sizeof(etc), "%s/etc", directory);
        ck_assert_int_eq(mkdir(etc, 0755), 0);
        if (passwd)
                write_file(directory, "etc/passwd", passwd);
        if (group)
                write_file(directory, "etc/group", group);
        return enter_root(directory);
}

static void tear_down(void) {
        leave_root();
        remove_directory(directory);
}

static void assert_account(const char *user, const char *name, uid_t uid, gid_t gid, const char *home, const char *shell) {
        _cleanup_account_ Account *account = NULL;

        ck_assert_int_eq(account_lookup(user, &account), 0);
        ck_assert_str_eq(account->name, name);
        ck_assert_uint_eq(account->uid, uid);
        ck_assert_uint_eq(account->gid, gid);
        ck_assert_str_eq(account->home, home);
        ck_assert_str_eq(account->shell, shell);
        ck_assert_uint_ge(account->n_groups, 1);
        ck_assert_uint_eq(account->groups[0], gid);
}

static void assert_none(const char *user) {
        Account *account = (Account *)1;

        ck_assert_int_eq(account_lookup(user, &account), -ENOENT);
        ck_assert_ptr_eq(account, (Account *)1);
}

START_TEST(users_are_found_by_name_and_by_number) {
        if (!set_up("root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1001:Anna,,,:/home/anna:/bin/zsh\n", ""))
                return;
        assert_account("root", "root", 0, 0, "/root", "/bin/bash");
        assert_account("anna", "anna", 1000, 1001, "/home/anna", "/bin/zsh");
        assert_account("1000", "anna", 1000, 1001, "/home/anna", "/bin/zsh");
        assert_account("0", "root", 0, 0, "/root", "/bin/bash");
        tear_down();
}
END_TEST

START_TEST(names_and_numbers_that_only_resemble_are_not_found) {
        static const char *const names[] = { "Anna", "ann", "annab", "", "01000", "+1000", "-1", "1000 ", " 1000", "0x3e8",
                                             "4294967295", "4294968296", "anna:x", "1001" };

        if (!set_up("root:x:0:0::/root:/bin/sh\nanna:x:1000:1001::/home/anna:/bin/sh\n", ""))
                return;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_none(names[i]);
        tear_down();
}
END_TEST

START_TEST(odd_lines_are_skipped) {
        if (!set_up("\n::::::\n#anna:x:1:1::/:/bin/sh\nanna\nanna:x:1:1::/\nanna:x:1:1::/:/bin/sh:more\n"
                    "anna:x:-1:1::/:/bin/sh\nanna:x:01:1::/:/bin/sh\nanna:x:1:x::/:/bin/sh\nanna:x::1::/:/bin/sh\n"
                    "anna:x:4294967295:1::/:/bin/sh\n:x:0:0::/:/bin/sh\nanna:x:7:8::/h:/s\nanna:x:9:9::/no:/no", ""))
                return;
        assert_account("anna", "anna", 7, 8, "/h", "/s");
        assert_account("9", "anna", 9, 9, "/no", "/no"); /* the last line has no end */
        tear_down();
}
END_TEST

START_TEST(what_is_missing_or_relative_has_a_default) {
        if (!set_up("a:x:1:1:::\nb:x:2:2::home/b:bin/sh\n", ""))
                return;
        assert_account("a", "a", 1, 1, "/", "/bin/sh");
        assert_account("b", "b", 2, 2, "/", "/bin/sh");
        tear_down();
}
END_TEST

START_TEST(root_exists_without_a_passwd) {
        if (!set_up(NULL, NULL))
                return;
        assert_account("root", "root", 0, 0, "/root", "/bin/sh");
        assert_account("0", "root", 0, 0, "/root", "/bin/sh");
        assert_none("anna");
        assert_none("1000");
        tear_down();
}
END_TEST

START_TEST(groups_are_the_primary_one_and_those_that_list_the_user) {
        _cleanup_account_ Account *account = NULL;

        if (!set_up("anna:x:1000:100::/:/bin/sh\n",
                    "root:x:0:\nusers:x:100:anna\nsudo:x:27:bert,anna\naudio:x:29:annabel,ann,Anna\nvideo:x:44:anna,\n"
                    "odd:x:anna\nbad:x:-5:anna\nmore:x:50:anna:\ndouble:x:27:anna\nlast:x:60:anna"))
                return;
        ck_assert_int_eq(account_lookup("anna", &account), 0);
        ck_assert_uint_eq(account->n_groups, 4);
        ck_assert_uint_eq(account->groups[0], 100);
        ck_assert_uint_eq(account->groups[1], 27);
        ck_assert_uint_eq(account->groups[2], 44);
        ck_assert_uint_eq(account->groups[3], 60);
        tear_down();
}
END_TEST

START_TEST(a_passwd_that_is_no_plain_file_is_not_read) {
        Account *account;

        if (!set_up(NULL, NULL))
                return;
        ck_assert_int_eq(mkfifo("/etc/passwd", 0644), 0);
        ck_assert_int_eq(account_lookup("root", &account), -EINVAL);
        ck_assert_int_eq(unlink("/etc/passwd"), 0);
        ck_assert_int_eq(symlink("/etc/elsewhere", "/etc/passwd"), 0);
        ck_assert_int_eq(account_lookup("root", &account), -ELOOP);
        tear_down();
}
END_TEST

START_TEST(a_passwd_of_unreasonable_size_is_refused) {
        Account *account;

        if (!set_up("", ""))
                return;
        ck_assert_int_eq(truncate("/etc/passwd", 1ll << 40), 0);
        ck_assert_int_eq(account_lookup("root", &account), -EFBIG);
        tear_down();
}
END_TEST

START_TEST(nul_bytes_hide_nothing_dangerous) {
        _cleanup_close_ int fd = -EBADF;

        if (!set_up("", ""))
                return;
        fd = open("/etc/passwd", O_WRONLY | O_CLOEXEC);
        ck_assert_int_eq(write_all(fd, "a:x:1:1::/:/s\0\nb:x:2:2::/:/s\n", 30), 0);
        assert_account("a", "a", 1, 1, "/", "/s");
        assert_none("b");
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("account", users_are_found_by_name_and_by_number,
                         names_and_numbers_that_only_resemble_are_not_found, odd_lines_are_skipped,
                         what_is_missing_or_relative_has_a_default, root_exists_without_a_passwd,
                         groups_are_the_primary_one_and_those_that_list_the_user,
                         a_passwd_that_is_no_plain_file_is_not_read, a_passwd_of_unreasonable_size_is_refused,
                         nul_bytes_hide_nothing_dangerous);
}
