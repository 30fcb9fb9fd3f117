/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a program in an instance finds in its environment. */

#include <fcntl.h>
#include <sys/stat.h>

#include "init/environment.h"
#include "tests/namespace.h"

static char *directory;
static Account account = { .name = (char *)"anna", .home = (char *)"/home/anna", .shell = (char *)"/bin/zsh" };

static bool set_up(void) {
        char path[256];

        directory = make_directory_for_test();
        for (const char *const *d = (const char *const[]){ "etc", "etc/default", "run", "run/user", NULL }; *d; d++) {
                snprintf(path, sizeof(path), "%s/%s", directory, *d);
                ck_assert_int_eq(mkdir(path, 0755), 0);
        }
        account.uid = 1000;
        return enter_root(directory);
}

static void tear_down(void) {
        leave_root();
        remove_directory(directory);
}

static void assert_variable(char *const *env, const char *name, const char *expected) {
        const char *value = environment_get(env, name);

        if (!expected)
                ck_assert_msg(!value, "%s=%s", name, value);
        else
                ck_assert_msg(value && streq(value, expected), "%s=%s, not %s", name, value ?: "(none)", expected);
}

START_TEST(a_login_gives_the_users_own_variables) {
        _cleanup_strv_free_ char **env = NULL;

        if (!set_up())
                return;
        setenv("SECRET", "of lxssd", true);
        ck_assert_int_eq(environment_build(&account, NULL, false, &env), 0);
        assert_variable(env, "HOME", "/home/anna");
        assert_variable(env, "USER", "anna");
        assert_variable(env, "LOGNAME", "anna");
        assert_variable(env, "SHELL", "/bin/zsh");
        ck_assert_ptr_nonnull(strstr(environment_get(env, "PATH"), "/usr/bin"));
        assert_variable(env, "TERM", NULL);
        assert_variable(env, "SECRET", NULL);
        assert_variable(env, "XDG_RUNTIME_DIR", NULL);
        ck_assert_uint_eq(strv_length(env), 5);
        tear_down();
}
END_TEST

START_TEST(overrides_go_over_it_and_the_last_one_wins) {
        static char *const overrides[] = { (char *)"HOME=/", (char *)"TERM=dumb", (char *)"A=1",    (char *)"A=2",
                                           (char *)"AB=3",   (char *)"E=",        (char *)"X=\xff", NULL };
        _cleanup_strv_free_ char **env = NULL;

        if (!set_up())
                return;
        ck_assert_int_eq(environment_build(&account, overrides, true, &env), 0);
        assert_variable(env, "HOME", "/");
        assert_variable(env, "TERM", "dumb");
        assert_variable(env, "A", "2");
        assert_variable(env, "AB", "3");
        assert_variable(env, "E", "");
        assert_variable(env, "X", "\xff");
        ck_assert_uint_eq(strv_length(env), 5 + 5);
        tear_down();
}
END_TEST

START_TEST(a_terminal_has_a_type) {
        _cleanup_strv_free_ char **env = NULL;

        if (!set_up())
                return;
        ck_assert_int_eq(environment_build(&account, NULL, true, &env), 0);
        assert_variable(env, "TERM", "xterm-256color");
        tear_down();
}
END_TEST

START_TEST(the_distributions_locale_is_taken_without_its_quotes) {
        _cleanup_strv_free_ char **env = NULL;

        if (!set_up())
                return;
        write_file("/", "etc/default/locale",
                   "# made by hand\nLANG=\"de_DE.UTF-8\"\nLC_TIME='C'\nLC_PAPER=a4\nLD_PRELOAD=/evil.so\nPATH=/evil\n\nLANGUAGE=de:en");
        ck_assert_int_eq(environment_build(&account, NULL, false, &env), 0);
        assert_variable(env, "LANG", "de_DE.UTF-8");
        assert_variable(env, "LC_TIME", "C");
        assert_variable(env, "LC_PAPER", "a4");
        assert_variable(env, "LANGUAGE", "de:en");
        assert_variable(env, "LD_PRELOAD", NULL);
        ck_assert_ptr_null(strstr(environment_get(env, "PATH"), "evil"));
        tear_down();
}
END_TEST

START_TEST(the_first_locale_file_counts) {
        _cleanup_strv_free_ char **env = NULL, **other = NULL;

        if (!set_up())
                return;
        write_file("/", "etc/locale.conf", "LANG=fr_FR.UTF-8\n");
        ck_assert_int_eq(environment_build(&account, NULL, false, &env), 0);
        assert_variable(env, "LANG", "fr_FR.UTF-8");
        write_file("/", "etc/default/locale", "LANG=C\n");
        ck_assert_int_eq(environment_build(&account, NULL, false, &other), 0);
        assert_variable(other, "LANG", "C");
        tear_down();
}
END_TEST

START_TEST(only_a_runtime_directory_of_the_users_own_is_named) {
        _cleanup_strv_free_ char **own = NULL, **foreign = NULL;

        if (!set_up())
                return;
        ck_assert_int_eq(mkdir("/run/user/0", 0700), 0);
        ck_assert_int_eq(mkdir("/run/user/1000", 0700), 0);
        ck_assert_int_eq(environment_build(&account, NULL, false, &foreign), 0);
        assert_variable(foreign, "XDG_RUNTIME_DIR", NULL);
        account.uid = 0; /* which is us, who made both */
        ck_assert_int_eq(environment_build(&account, NULL, false, &own), 0);
        assert_variable(own, "XDG_RUNTIME_DIR", "/run/user/0");
        tear_down();
}
END_TEST

START_TEST(variables_are_found_by_their_whole_name) {
        static char *const env[] = { (char *)"AB=1", (char *)"A=2", (char *)"C", NULL };

        ck_assert_str_eq(environment_get(env, "A"), "2");
        ck_assert_str_eq(environment_get(env, "AB"), "1");
        ck_assert_ptr_null(environment_get(env, "C"));
        ck_assert_ptr_null(environment_get(env, "B"));
        ck_assert_ptr_null(environment_get(NULL, "A"));
}
END_TEST

int main(void) {
        return RUN_TESTS("environment", a_login_gives_the_users_own_variables, overrides_go_over_it_and_the_last_one_wins,
                         a_terminal_has_a_type, the_distributions_locale_is_taken_without_its_quotes,
                         the_first_locale_file_counts, only_a_runtime_directory_of_the_users_own_is_named,
                         variables_are_found_by_their_whole_name);
}
