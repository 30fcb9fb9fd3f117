/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading and editing user databases as text, and what else is read of a distribution's /etc. */

#include <check.h>

#include "daemon/user-table.h"
#include "daemon/worker-ids.h"
#include "daemon/worker-root.h"
#include "daemon/worker-user.h"

static void assert_sanitized(const char *wanted, const char *expected) {
        char name[WORKER_USER_NAME_MAX + 1];

        worker_user_sanitize(wanted, name);
        ck_assert_str_eq(name, expected);
        ck_assert(worker_user_name_is_valid(name));
}

START_TEST(any_name_becomes_a_valid_one) {
        assert_sanitized("anna", "anna");
        assert_sanitized("Anna.Müller", "anna_m_ller");
        assert_sanitized("1000", "_000");
        assert_sanitized("-rf", "_rf");
        assert_sanitized("a:b\nroot", "a_b_root");
        assert_sanitized("", "user");
        assert_sanitized("日本", "user");
        assert_sanitized("DOMAIN\\someone@example.com-and-quite-a-lot-more", "domain_someone_example_com-and-q");
}
END_TEST

START_TEST(names_match_exactly) {
        static const char table[] = "root:x:0:0::/root:/bin/sh\nanna:x:1001:1001::/:/bin/sh\n";

        ck_assert(user_table_has_name(table, "root"));
        ck_assert(user_table_has_name(table, "anna"));
        ck_assert(!user_table_has_name(table, "ann"));
        ck_assert(!user_table_has_name(table, "annas"));
        ck_assert(!user_table_has_name(table, "x"));
        ck_assert(!user_table_has_name("", "root"));
}
END_TEST

START_TEST(ids_are_strict_numbers) {
        char name[WORKER_USER_NAME_MAX + 1];

        ck_assert_int_eq(user_table_find_id("a:x:01000:\nb:x:+1000:\nc:x:1000 :\nd:x: 1000:\ne:x:1000\nf:x:1000:", 1000,
                                              name), 0);
        ck_assert_str_eq(name, "e");
        ck_assert_int_eq(user_table_find_id("a:x:10000:\na:1000\n:::\n\n:", 1000, name), -ENOENT);
}
END_TEST

START_TEST(entries_with_hostile_names_are_no_default_user) {
        char name[WORKER_USER_NAME_MAX + 1];

        ck_assert_int_eq(user_table_find_id("-rf:x:1000:\n\033[2J:x:1000:\n:x:1000:\nALL:x:1000:\nroot:x:1000:\n"
                                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:x:1000:\nlast:x:1000:\n",
                                              1000, name), 0);
        ck_assert_str_eq(name, "last");
}
END_TEST

START_TEST(a_free_id_is_the_next_that_no_entry_uses) {
        ck_assert_uint_eq(user_table_free_id("", 1000), 1000);
        ck_assert_uint_eq(user_table_free_id("a:x:1000:\n\033:x:1001:\n", 1000), 1002);
}
END_TEST

START_TEST(lines_are_appended_whole) {
        _cleanup_free_ char *with = user_table_append("a\n", "b"), *without = user_table_append("a", "b"),
                            *empty = user_table_append("", "b");

        ck_assert_str_eq(with, "a\nb\n");
        ck_assert_str_eq(without, "a\nb\n");
        ck_assert_str_eq(empty, "b\n");
}
END_TEST

START_TEST(groups_gain_a_member_once) {
        static const char *const groups[] = { "sudo", "wheel", NULL };
        _cleanup_free_ char *once = user_table_join_groups("sudo:x:27:\nwheel:x:10:bob\nsudoers:x:5:\nsudo:x\n", groups,
                                                             "anna");
        _cleanup_free_ char *twice = user_table_join_groups(once, groups, "anna");
        _cleanup_free_ char *odd = user_table_join_groups("sudo:x:27:a:b\nsudo:!::annas,xanna", groups, "anna");

        ck_assert_str_eq(once, "sudo:x:27:anna\nwheel:x:10:bob,anna\nsudoers:x:5:\nsudo:x\n");
        ck_assert_str_eq(twice, once);
        ck_assert_str_eq(odd, "sudo:x:27:a:b\nsudo:!::annas,xanna,anna");
}
END_TEST

static void assert_release(const char *text, const char *expected) {
        char release[WORKER_RELEASE_MAX + 1];

        worker_parse_release(text, release);
        ck_assert_str_eq(release, expected);
}

START_TEST(the_release_is_read_as_os_release_is_written) {
        assert_release("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n",
                       "Debian GNU/Linux 12 (bookworm)");
        assert_release("PRETTY_NAME='Alpine Linux v3.20'", "Alpine Linux v3.20");
        assert_release("PRETTY_NAME=Plain\r\n", "Plain");
        assert_release("PRETTY_NAME=\"a \\\"b\\\" \\$c\"\n", "a \"b\" $c");
        assert_release("", "");
        assert_release("XPRETTY_NAME=x\n#PRETTY_NAME=y\n", "");
}
END_TEST

START_TEST(a_release_that_is_not_well_formed_is_none) {
        assert_release("PRETTY_NAME=\"open\n", "");
        assert_release("PRETTY_NAME=two words\n", "");
        assert_release("PRETTY_NAME=\"a\"b\"\n", "");
        assert_release("PRETTY_NAME=\"a\\\"\n", "");
        assert_release("PRETTY_NAME=\"\n", "");
}
END_TEST

START_TEST(a_release_is_printable_and_short) {
        char text[2048] = "PRETTY_NAME=\"\033[31mred\033[0m";

        assert_release("PRETTY_NAME=\"\033[31mred\xff\xe2\x80\xae\"\n", "[31mred");
        memset(text + 13, 'x', 300);
        strcpy(text + 313, "\"\n");
        worker_parse_release(text, text + 1024);
        ck_assert_uint_eq(strlen(text + 1024), WORKER_RELEASE_MAX);
        memset(text + 13, 'x', 1000);
        strcpy(text + 1013, "\"\n");
        assert_release(text, "");
}
END_TEST

START_TEST(id_maps_say_which_ids_there_are) {
        IdMap map;

        ck_assert_int_eq(id_map_parse("         0     100000       1000\n      1000       1001          1\n", &map), 0);
        ck_assert(id_map_contains(&map, 0));
        ck_assert(id_map_contains(&map, 1000));
        ck_assert(!id_map_contains(&map, 1001));
        ck_assert(!id_map_contains(&map, -1));
        ck_assert(!id_map_contains(&map, INT64_C(1) << 32));
        ck_assert(!id_map_is_single(&map));
        ck_assert_int_eq(id_map_parse("0 1001 1\n", &map), 0);
        ck_assert(id_map_is_single(&map));
        ck_assert_int_eq(id_map_parse("0 0 4294967295\n", &map), 0);
        ck_assert(id_map_contains(&map, 4294967294));
        ck_assert_int_eq(id_map_parse("", &map), -EBADMSG);
        ck_assert_int_eq(id_map_parse("0 1001", &map), -EBADMSG);
        ck_assert_int_eq(id_map_parse("0 1001 1 1\n", &map), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-user");
        TCase *users = tcase_create("users"), *other = tcase_create("release and ids");
        SRunner *runner;
        int failed;

        tcase_add_test(users, any_name_becomes_a_valid_one);
        tcase_add_test(users, names_match_exactly);
        tcase_add_test(users, ids_are_strict_numbers);
        tcase_add_test(users, entries_with_hostile_names_are_no_default_user);
        tcase_add_test(users, a_free_id_is_the_next_that_no_entry_uses);
        tcase_add_test(users, lines_are_appended_whole);
        tcase_add_test(users, groups_gain_a_member_once);
        tcase_add_test(other, the_release_is_read_as_os_release_is_written);
        tcase_add_test(other, a_release_that_is_not_well_formed_is_none);
        tcase_add_test(other, a_release_is_printable_and_short);
        tcase_add_test(other, id_maps_say_which_ids_there_are);
        suite_add_tcase(suite, users);
        suite_add_tcase(suite, other);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
