/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where things lie, as the environment says; for root and for everybody else. */

#include <pwd.h>

#include "shared/paths.h"
#include "tests/test.h"

typedef int (*path_t)(char **ret);

static void assert_path(path_t function, const char *expected) {
        _cleanup_free_ char *path = NULL;

        ck_assert_int_eq(function(&path), 0);
        ck_assert_str_eq(path, expected);
}

static void clear(void) {
        static const char *const variables[] = { "LXSS_DATA_DIR",    "LXSS_CONFIG_FILE", "LXSS_RUNTIME_DIR",
                                                 "LXSS_LIBEXEC_DIR", "XDG_DATA_HOME",    "XDG_CONFIG_HOME",
                                                 "XDG_RUNTIME_DIR" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                unsetenv(variables[i]);
        setenv("HOME", "/home/anna", true);
}

/* Root's paths do not depend on whose environment sudo left behind, so these need an ordinary user. */
static void become_ordinary(void) {
        become_ordinary_user();
        clear();
}

START_TEST(without_variables_things_lie_in_the_home_directory) {
        become_ordinary();
        assert_path(path_data_directory, "/home/anna/.local/share/lxss");
        assert_path(path_settings_file, "/home/anna/.config/lxss/lxss.conf");
        assert_path(path_runtime_directory, "/home/anna/.local/share/lxss/run");
        assert_path(path_manager_socket, "/home/anna/.local/share/lxss/run/manager");
        assert_path(path_log_file, "/home/anna/.local/share/lxss/run/lxssd.log");
        assert_path(path_applications_directory, "/home/anna/.local/share/applications");
}
END_TEST

START_TEST(xdg_variables_say_where_things_lie) {
        become_ordinary();
        setenv("XDG_DATA_HOME", "/d", true);
        setenv("XDG_CONFIG_HOME", "/c", true);
        setenv("XDG_RUNTIME_DIR", "/r", true);
        assert_path(path_data_directory, "/d/lxss");
        assert_path(path_settings_file, "/c/lxss/lxss.conf");
        assert_path(path_runtime_directory, "/r/lxss");
        assert_path(path_manager_socket, "/r/lxss/manager");
        assert_path(path_log_file, "/r/lxss/lxssd.log");
        assert_path(path_applications_directory, "/d/applications");
}
END_TEST

START_TEST(relative_and_empty_variables_count_as_unset) {
        static const char *const values[] = { "", "relative", "./d", "~/d" };

        become_ordinary();
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                setenv("XDG_DATA_HOME", values[i], true);
                setenv("XDG_CONFIG_HOME", values[i], true);
                setenv("XDG_RUNTIME_DIR", values[i], true);
                setenv("LXSS_DATA_DIR", values[i], true);
                setenv("LXSS_CONFIG_FILE", values[i], true);
                setenv("LXSS_RUNTIME_DIR", values[i], true);
                assert_path(path_data_directory, "/home/anna/.local/share/lxss");
                assert_path(path_settings_file, "/home/anna/.config/lxss/lxss.conf");
                assert_path(path_runtime_directory, "/home/anna/.local/share/lxss/run");
        }
}
END_TEST

START_TEST(without_home_the_user_database_is_asked) {
        _cleanup_free_ char *path = NULL, *expected = NULL;
        const struct passwd *pw;

        become_ordinary();
        unsetenv("HOME");
        pw = getpwuid(getuid());
        if (!pw || pw->pw_dir[0] != '/') {
                ck_assert_int_eq(path_data_directory(&path), -ENXIO);
                return;
        }
        ck_assert_int_ge(asprintf(&expected, "%s/.local/share/lxss", pw->pw_dir), 0);
        assert_path(path_data_directory, expected);
}
END_TEST

START_TEST(our_own_variables_win_over_everything) {
        become_ordinary();
        setenv("XDG_DATA_HOME", "/d", true);
        setenv("LXSS_DATA_DIR", "/own/data", true);
        setenv("LXSS_CONFIG_FILE", "/own/conf", true);
        setenv("LXSS_RUNTIME_DIR", "/own/run", true);
        assert_path(path_data_directory, "/own/data");
        assert_path(path_settings_file, "/own/conf");
        assert_path(path_runtime_directory, "/own/run");
        assert_path(path_manager_socket, "/own/run/manager");
        ck_assert_int_eq(path_applications_directory(&(char *){ NULL }), -ENOENT);
}
END_TEST

START_TEST(roots_things_lie_in_the_system) {
        clear();
        if (geteuid() != 0)
                return;
        setenv("XDG_DATA_HOME", "/d", true);
        setenv("XDG_RUNTIME_DIR", "/r", true);
        setenv("XDG_CONFIG_HOME", "/c", true);
        assert_path(path_data_directory, "/var/lib/lxss");
        assert_path(path_settings_file, "/etc/lxss/lxss.conf");
        assert_path(path_runtime_directory, "/run/lxss");
        assert_path(path_manager_socket, "/run/lxss/manager");
        ck_assert_int_eq(path_applications_directory(&(char *){ NULL }), -ENOENT);
        setenv("LXSS_RUNTIME_DIR", "/own/run", true);
        assert_path(path_runtime_directory, "/own/run");
}
END_TEST

START_TEST(paths_have_no_trailing_slash) {
        become_ordinary();
        setenv("LXSS_DATA_DIR", "/own/data/", true);
        assert_path(path_data_directory, "/own/data");
        setenv("LXSS_DATA_DIR", "/own/data///", true);
        assert_path(path_data_directory, "/own/data");
        setenv("LXSS_RUNTIME_DIR", "/", true);
        assert_path(path_runtime_directory, "/");
}
END_TEST

START_TEST(a_socket_path_fits_its_address_or_is_refused) {
        char directory[128] = "/";
        char *path = NULL;

        clear();
        for (size_t n = 1; n < sizeof(directory) - 1; n++) {
                size_t whole = n + strlen("/manager");
                int r;

                directory[n] = 'x';
                setenv("LXSS_RUNTIME_DIR", directory, true);
                r = path_manager_socket(&path);
                whole++;
                ck_assert_int_eq(r, whole < 108 ? 0 : -ENAMETOOLONG);
                if (r == 0)
                        free(path);
        }
}
END_TEST

START_TEST(our_programs_lie_where_the_tests_say_or_were_installed) {
        _cleanup_free_ char *path = NULL, *installed = NULL;

        clear();
        ck_assert_int_eq(path_libexec("lxinit", &installed), 0);
        ck_assert_str_eq(installed, PKGLIBEXECDIR "/lxinit");
        setenv("LXSS_LIBEXEC_DIR", "/build", true);
        ck_assert_int_eq(path_libexec("lxinit", &path), 0);
        ck_assert_str_eq(path, "/build/lxinit");
}
END_TEST

int main(void) {
        return RUN_TESTS("paths", without_variables_things_lie_in_the_home_directory,
                         xdg_variables_say_where_things_lie, relative_and_empty_variables_count_as_unset,
                         without_home_the_user_database_is_asked, our_own_variables_win_over_everything,
                         roots_things_lie_in_the_system, paths_have_no_trailing_slash,
                         a_socket_path_fits_its_address_or_is_refused,
                         our_programs_lie_where_the_tests_say_or_were_installed);
}
