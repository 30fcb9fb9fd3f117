/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From launch's command line and surroundings to what is launched. */

#include <check.h>

#include "client/launch-options.h"

#define LIST(...) ((char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

typedef struct Fixture {
        LaunchOptions options;
        LaunchSurroundings surroundings;
        LxssLaunch launch;
        LaunchDescriptors descriptors;
        char **environment;
} Fixture;

static char **no_environment = (char *[]){ NULL };

static int parse(Fixture *fixture, char **argv, char **ret_problem) {
        OptionParser parser = { .options = launch_option_table, .argv = argv, .stop_at_word = true };
        int id;

        *fixture = (Fixture){ .surroundings = { .environment = no_environment, .open_mask = 7 } };
        while ((id = option_parser_next(&parser)) != OPTION_DONE) {
                int r = launch_options_take(&fixture->options, id, parser.argument, ret_problem);

                if (r < 0)
                        return r;
        }
        fixture->options.argv = parser.argv;
        return 0;
}

static void finish(Fixture *fixture) {
        launch_options_finish(&fixture->options);
        fixture->environment = strv_free(fixture->environment);
}

static void make(Fixture *fixture) {
        ck_assert_int_eq(launch_options_apply(&fixture->options, &fixture->surroundings, &fixture->launch,
                                              &fixture->descriptors, &fixture->environment), 0);
}

static void parse_well(Fixture *fixture, char **argv) {
        char *problem = NULL;

        ck_assert_int_eq(parse(fixture, argv, &problem), 0);
        ck_assert_ptr_null(problem);
}

static void assert_environment(char **environment, char **additions, char **expected) {
        _cleanup_strv_free_ char **made = NULL;

        ck_assert_int_eq(launch_environment(environment, additions, &made), 0);
        ck_assert_uint_eq(strv_length(made), strv_length(expected));
        for (size_t i = 0; expected[i]; i++)
                ck_assert_str_eq(made[i], expected[i]);
}

START_TEST(options_stop_at_the_program) {
        Fixture fixture;

        parse_well(&fixture, LIST("-d", "deb", "-u", "me", "-C", "/tmp", "ls", "-d", "x"));
        make(&fixture);
        ck_assert_str_eq(fixture.launch.distribution, "deb");
        ck_assert_str_eq(fixture.launch.user, "me");
        ck_assert_str_eq(fixture.launch.directory, "/tmp");
        ck_assert_uint_eq(strv_length(fixture.launch.argv), 3);
        ck_assert_str_eq(fixture.launch.argv[1], "-d");
        finish(&fixture);
}
END_TEST

START_TEST(no_words_ask_for_the_login_shell_of_the_default_distribution) {
        Fixture fixture;

        parse_well(&fixture, LIST("-d", ""));
        fixture.options.distribution = NULL;
        make(&fixture);
        ck_assert_ptr_null(fixture.launch.distribution);
        ck_assert_uint_eq(strv_length(fixture.launch.argv), 0);
        ck_assert_int_eq(fixture.launch.flags, 0);
        ck_assert_uint_eq(fixture.launch.linger_seconds, 0);
        finish(&fixture);
}
END_TEST

START_TEST(only_terminals_become_the_instances_terminal) {
        Fixture fixture;

        parse_well(&fixture, LIST("ls"));
        fixture.surroundings.terminal_mask = 1 | 4;
        make(&fixture);
        ck_assert_uint_eq(fixture.descriptors.terminal_mask, 1 | 4);
        ck_assert_uint_eq(fixture.descriptors.pass_mask, 2);
        finish(&fixture);
}
END_TEST

START_TEST(a_closed_descriptor_is_not_passed) {
        Fixture fixture;

        parse_well(&fixture, LIST("ls"));
        fixture.surroundings.open_mask = 2 | 4;
        fixture.surroundings.terminal_mask = 4;
        make(&fixture);
        ck_assert_uint_eq(fixture.descriptors.terminal_mask, 4);
        ck_assert_uint_eq(fixture.launch.closed_mask, 1);
        ck_assert_uint_eq(fixture.descriptors.pass_mask, 2);
        finish(&fixture);
}
END_TEST

START_TEST(minus_t_makes_all_three_a_terminal) {
        Fixture fixture;

        parse_well(&fixture, LIST("-t", "ls"));
        fixture.surroundings.open_mask = 2;
        make(&fixture);
        ck_assert_uint_eq(fixture.descriptors.terminal_mask, 7);
        ck_assert_uint_eq(fixture.launch.closed_mask, 0);
        ck_assert_uint_eq(fixture.descriptors.pass_mask, 0);
        finish(&fixture);
}
END_TEST

START_TEST(minus_capital_t_passes_terminals_themselves) {
        Fixture fixture;

        parse_well(&fixture, LIST("-T", "ls"));
        fixture.surroundings.terminal_mask = 7;
        make(&fixture);
        ck_assert_uint_eq(fixture.descriptors.terminal_mask, 0);
        ck_assert_uint_eq(fixture.descriptors.pass_mask, 7);
        finish(&fixture);
}
END_TEST

START_TEST(a_standard_descriptor_named_by_fd_is_passed_itself) {
        Fixture fixture;

        parse_well(&fixture, LIST("-t", "--fd", "1", "--fd", "5", "--fd=5", "ls"));
        make(&fixture);
        ck_assert_uint_eq(fixture.descriptors.terminal_mask, 5);
        ck_assert_uint_eq(fixture.descriptors.pass_mask, 2);
        ck_assert_uint_eq(fixture.options.n_fds, 2);
        finish(&fixture);
}
END_TEST

START_TEST(linger_takes_seconds_or_lasts) {
        Fixture fixture;

        parse_well(&fixture, LIST("--linger", "ls"));
        ck_assert_uint_eq(fixture.options.linger_seconds, LXSS_LINGER_FOREVER);
        finish(&fixture);
        parse_well(&fixture, LIST("--linger=90", "--no-wait", "-s", "ls"));
        make(&fixture);
        ck_assert_uint_eq(fixture.launch.linger_seconds, 90);
        ck_assert_int_eq(fixture.launch.flags, LXSS_NO_WAIT | LXSS_SHELL);
        finish(&fixture);
}
END_TEST

START_TEST(nonsense_is_refused_in_a_sentence) {
        static const struct {
                char *option, *value, *expected;
        } cases[] = {
                { "--fd", "x", "\"x\" is not the number of a descriptor." },
                { "--fd", "-1", "\"-1\" is not the number of a descriptor." },
                { "--fd", "99999999999", "\"99999999999\" is not the number of a descriptor." },
                { "-e", "=x", "\"=x\" is not of the form VAR or VAR=VALUE." },
                { "--linger=1s", NULL, "\"1s\" is not a number of seconds." },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *problem = NULL;
                Fixture fixture;

                ck_assert_int_eq(parse(&fixture, LIST(cases[i].option, cases[i].value), &problem), -EINVAL);
                ck_assert_str_eq(problem, cases[i].expected);
                finish(&fixture);
        }
}
END_TEST

START_TEST(language_terminal_and_proxies_are_passed_and_nothing_else) {
        assert_environment(LIST("TERM=x", "HOME=/root", "LC_ALL=C", "LC_TIME=C", "TERMINFO=/x", "XAUTHORITY=/a",
                                "http_proxy=p", "NO_PROXY=q", "PATH=/bin", "DISPLAY=:0"),
                           LIST(),
                           LIST("TERM=x", "LC_ALL=C", "LC_TIME=C", "http_proxy=p", "NO_PROXY=q", "DISPLAY=:0"));
}
END_TEST

START_TEST(minus_e_sets_copies_and_overrides) {
        assert_environment(LIST("TERM=x", "FOO=foo", "FOOD=no"), LIST("A=1", "FOO", "MISSING", "TERM=y", "A=2=3", "E="),
                           LIST("TERM=y", "A=2=3", "FOO=foo", "E="));
}
END_TEST

START_TEST(lxenv_passes_what_it_lists_and_itself) {
        assert_environment(LIST("A=1", "B=2", "LXENV=A:UNSET::B/u"), LIST(),
                           LIST("A=1", "UNSET=", "B=2", "LXENV=A:UNSET::B/u"));
}
END_TEST

START_TEST(lxenv_translates_paths_and_lists_of_paths) {
        assert_environment(LIST("P=/home/me", "L=/a:rel:/b", "LXENV=P/p:L/lu"), LIST(),
                           LIST("P=/mnt/host/home/me", "L=/mnt/host/a:rel:/mnt/host/b", "LXENV=P/p:L/lu"));
        assert_environment(LIST("P=/a:/b", "LXENV=P/p"), LIST(), LIST("P=/mnt/host/a:/b", "LXENV=P/p"));
}
END_TEST

START_TEST(lxenv_drops_unknown_flags_and_what_only_goes_out) {
        assert_environment(LIST("A=1", "B=2", "C=3", "LXENV=A/z:B/w:C/uw:/p"), LIST(),
                           LIST("C=3", "LXENV=A/z:B/w:C/uw:/p"));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-launch-options");
        TCase *tcase = tcase_create("launch-options");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, options_stop_at_the_program);
        tcase_add_test(tcase, no_words_ask_for_the_login_shell_of_the_default_distribution);
        tcase_add_test(tcase, only_terminals_become_the_instances_terminal);
        tcase_add_test(tcase, a_closed_descriptor_is_not_passed);
        tcase_add_test(tcase, minus_t_makes_all_three_a_terminal);
        tcase_add_test(tcase, minus_capital_t_passes_terminals_themselves);
        tcase_add_test(tcase, a_standard_descriptor_named_by_fd_is_passed_itself);
        tcase_add_test(tcase, linger_takes_seconds_or_lasts);
        tcase_add_test(tcase, nonsense_is_refused_in_a_sentence);
        tcase_add_test(tcase, language_terminal_and_proxies_are_passed_and_nothing_else);
        tcase_add_test(tcase, minus_e_sets_copies_and_overrides);
        tcase_add_test(tcase, lxenv_passes_what_it_lists_and_itself);
        tcase_add_test(tcase, lxenv_translates_paths_and_lists_of_paths);
        tcase_add_test(tcase, lxenv_drops_unknown_flags_and_what_only_goes_out);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
