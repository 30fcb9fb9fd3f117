/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar of lxctl's options. */

#include <check.h>

#include "client/options.h"
#include "shared/util.h"

static const Option table[] = {
        { OPTION_OWN,     'd', "distribution", "NAME",    false, "" },
        { OPTION_OWN + 1, 's', "shell",        NULL,      false, "" },
        { OPTION_OWN + 2, 0,   "linger",       "SECONDS", true,  "" },
        { 0 },
};

#define PARSER(...) { .options = table, .argv = (char *[]){ __VA_ARGS__, NULL } }

static void assert_problem(OptionParser *p, const char *expected) {
        ck_assert_int_eq(option_parser_next(p), -EINVAL);
        ck_assert_str_eq(p->problem, expected);
        option_parser_finish(p);
}

START_TEST(a_value_may_be_attached_or_follow) {
        OptionParser p = PARSER("-dA", "-d", "B", "--distribution=C", "--distribution", "D");

        for (const char *expected = "ABCD"; *expected; expected++) {
                ck_assert_int_eq(option_parser_next(&p), OPTION_OWN);
                ck_assert_int_eq(*p.argument, *expected);
        }
        ck_assert_int_eq(option_parser_next(&p), OPTION_DONE);
}
END_TEST

START_TEST(letters_may_be_clustered) {
        OptionParser p = PARSER("-sqd", "X");

        ck_assert_int_eq(option_parser_next(&p), OPTION_OWN + 1);
        ck_assert_int_eq(option_parser_next(&p), OPTION_QUIET);
        ck_assert_int_eq(option_parser_next(&p), OPTION_OWN);
        ck_assert_str_eq(p.argument, "X");
}
END_TEST

START_TEST(an_optional_value_is_taken_only_when_attached) {
        OptionParser p = PARSER("--linger", "--linger=5");

        ck_assert_int_eq(option_parser_next(&p), OPTION_OWN + 2);
        ck_assert_ptr_null(p.argument);
        ck_assert_int_eq(option_parser_next(&p), OPTION_OWN + 2);
        ck_assert_str_eq(p.argument, "5");
}
END_TEST

START_TEST(words_stand_anywhere_unless_they_end_the_options) {
        OptionParser p = PARSER("word", "-s"), q = PARSER("-s", "ls", "-s");

        ck_assert_int_eq(option_parser_next(&p), OPTION_WORD);
        ck_assert_str_eq(p.argument, "word");
        ck_assert_int_eq(option_parser_next(&p), OPTION_OWN + 1);

        q.stop_at_word = true;
        ck_assert_int_eq(option_parser_next(&q), OPTION_OWN + 1);
        ck_assert_int_eq(option_parser_next(&q), OPTION_DONE);
        ck_assert_str_eq(q.argv[0], "ls");
        ck_assert_str_eq(q.argv[1], "-s");
}
END_TEST

START_TEST(two_dashes_end_the_options) {
        OptionParser p = PARSER("--", "-s"), q = PARSER("--", "--", "x");

        ck_assert_int_eq(option_parser_next(&p), OPTION_WORD);
        ck_assert_str_eq(p.argument, "-s");

        q.stop_at_word = true;
        ck_assert_int_eq(option_parser_next(&q), OPTION_DONE);
        ck_assert_str_eq(q.argv[0], "--");
}
END_TEST

START_TEST(a_single_dash_is_a_word) {
        OptionParser p = PARSER("-");

        ck_assert_int_eq(option_parser_next(&p), OPTION_WORD);
        ck_assert_str_eq(p.argument, "-");
}
END_TEST

START_TEST(an_unknown_option_is_named_with_what_was_probably_meant) {
        OptionParser p = PARSER("--distributoin=x"), q = PARSER("-sZ"), s = PARSER("--frobnicate");

        assert_problem(&p, "There is no option --distributoin. Did you mean --distribution?");
        ck_assert_int_eq(option_parser_next(&q), OPTION_OWN + 1);
        assert_problem(&q, "There is no option -Z.");
        assert_problem(&s, "There is no option --frobnicate.");
}
END_TEST

START_TEST(missing_and_superfluous_values_are_refused) {
        OptionParser p = PARSER("-d"), q = PARSER("--distribution"), s = PARSER("--shell=x");

        assert_problem(&p, "Option -d needs NAME.");
        assert_problem(&q, "Option --distribution needs NAME.");
        assert_problem(&s, "Option --shell takes no value.");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-options");
        TCase *tcase = tcase_create("options");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, a_value_may_be_attached_or_follow);
        tcase_add_test(tcase, letters_may_be_clustered);
        tcase_add_test(tcase, an_optional_value_is_taken_only_when_attached);
        tcase_add_test(tcase, words_stand_anywhere_unless_they_end_the_options);
        tcase_add_test(tcase, two_dashes_end_the_options);
        tcase_add_test(tcase, a_single_dash_is_a_word);
        tcase_add_test(tcase, an_unknown_option_is_named_with_what_was_probably_meant);
        tcase_add_test(tcase, missing_and_superfluous_values_are_refused);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
