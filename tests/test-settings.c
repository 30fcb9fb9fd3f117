/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss.conf: what is wrong in it harms nothing else, and what a person wrote stays. */

#include <sys/stat.h>

#include "daemon/settings.h"
#include "shared/launch-request.h"
#include "tests/test.h"

static char *directory, *path;

static void set_up(const char *contents) {
        directory = make_directory_for_test();
        ck_assert_int_ge(asprintf(&path, "%s/lxss.conf", directory), 0);
        if (contents)
                write_file(directory, "lxss.conf", contents);
}

static void tear_down(void) {
        free(path);
        remove_directory(directory);
}

static Settings *load(const char *contents) {
        Settings *settings;

        set_up(contents);
        settings = settings_load(path);
        tear_down();
        return settings;
}

static void assert_defaults(const Settings *settings) {
        ck_assert_ptr_null(settings->default_distribution);
        ck_assert_uint_eq(settings->exit_idle_usec, 3 * G_USEC_PER_SEC);
        ck_assert_uint_eq(settings->transfer_timeout, 30);
        ck_assert_uint_eq(settings->instance.linger_seconds, LINGER_NONE);
        ck_assert(settings->instance.automount);
        ck_assert(!settings->instance.isolated);
}

/* What follows compares with the built-in defaults, which a file of the system may have changed. */
static bool system_file_exists(void) {
        if (access("/etc/lxss/lxss.conf", F_OK) < 0)
                return false;
        fprintf(stderr, "skipped: /etc/lxss/lxss.conf exists\n");
        return true;
}

START_TEST(a_missing_or_empty_file_gives_the_defaults) {
        g_autoptr(Settings) missing = load(NULL), empty = load("");

        if (system_file_exists())
                return;
        assert_defaults(missing);
        assert_defaults(empty);
}
END_TEST

START_TEST(every_key_is_read) {
        g_autoptr(Settings) settings =
                        load("# mine\n[manager]\ndefault-distribution = debian \nexit-idle=60\ntransfer-timeout=5\n"
                             "[instance]\nlinger=90\nautomount=off\nisolated=Yes\nhome=host\n"
                             "network=none\nmemory=3G\nprocessors=1.5\npids=40\n");

        ck_assert_str_eq(settings->default_distribution, "debian");
        ck_assert_uint_eq(settings->exit_idle_usec, 60 * G_USEC_PER_SEC);
        ck_assert_uint_eq(settings->transfer_timeout, 5);
        ck_assert_uint_eq(settings->instance.linger_seconds, 90);
        ck_assert(!settings->instance.automount);
        ck_assert(settings->instance.isolated);
        ck_assert_int_eq(settings->instance.home, HOME_HOST);
        ck_assert_int_eq(settings->instance.network, NETWORK_NONE);
        ck_assert_uint_eq(settings->instance.memory_bytes, 3ull << 30);
        ck_assert_uint_eq(settings->instance.processor_thousandths, 1500);
        ck_assert_uint_eq(settings->instance.pids, 40);
}
END_TEST

START_TEST(every_value_can_be_written_down_and_read_again) {
        static const char *const pairs[][2] = {
                { "linger", "forever" },   { "linger", "90" },       { "home", "host" },
                { "home", "private" },     { "network", "none" },    { "network", "host" },
                { "network", "private" },
                { "automount", "no" },     { "isolated", "yes" },    { "memory", "16M" },
                { "memory", "unlimited" }, { "memory", "16777217" }, { "memory", "3T" },
                { "processors", "0.01" },  { "processors", "12.5" }, { "processors", "unlimited" },
                { "pids", "10" },          { "pids", "unlimited" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                g_autofree char *text = g_strdup_printf("[instance]\n%s=%s\n", pairs[i][0], pairs[i][1]);
                g_autoptr(Settings) settings = load(text);
                g_autofree char *value = NULL;
                size_t key = 0;

                while (strcmp(settings_instance_key(key), pairs[i][0]) != 0)
                        key++;
                value = settings_instance_value(&settings->instance, key);
                ck_assert_str_eq(value, pairs[i][1]);
                ck_assert_int_eq(settings->instance.origins[key], SETTING_USER);
                ck_assert_int_eq(settings_check_instance(pairs[i][0], pairs[i][1], NULL), 0);
        }
}
END_TEST

START_TEST(sizes_and_shares_that_make_no_sense_are_refused) {
        static const char *const pairs[][2] = {
                { "memory", "" },
                { "memory", "0" },
                { "memory", "16MM" },
                { "memory", "16777215" },
                { "memory", "1.5G" },
                { "memory", "16iB" },
                { "memory", "-64M" },
                { "memory", "18446744073709551616" },
                { "memory", "16777216T" },
                { "processors", "" },
                { "processors", "0" },
                { "processors", "0.001" },
                { "processors", "1.2345" },
                { "processors", ".5" },
                { "processors", "1..5" },
                { "processors", "99999999999999999999" },
                { "pids", "9" },
                { "pids", "4194305" },
                { "home", "HOST" },
                { "network", "" },
                { "nosuch", "1" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                ck_assert_int_eq(settings_check_instance(pairs[i][0], pairs[i][1], &error), -EINVAL);
                ck_assert_ptr_nonnull(strchr(error.message, ' '));
        }
}
END_TEST

START_TEST(unknown_keys_and_groups_change_nothing) {
        g_autoptr(Settings) settings = load("[manager]\nexit-idel=60\ndefault-distribution=debian\n"
                                            "[instance]\nexit-idle=7\n[colours]\nred=yes\n");

        ck_assert_str_eq(settings->default_distribution, "debian");
        ck_assert_uint_ne(settings->exit_idle_usec, 60 * G_USEC_PER_SEC);
        ck_assert_uint_ne(settings->exit_idle_usec, 7 * G_USEC_PER_SEC);
}
END_TEST

START_TEST(a_catalogue_replaces_the_one_of_wsl_or_is_added) {
        static const struct {
                const char *value;
                unsigned n;
                bool ours_is_last;
        } cases[] = {
                { "https://example.org/c.json", 1, true },
                { "  http://example.org/a.json   https://example.org/c.json ", 2, true },
                { "+ https://example.org/c.json", 2, true },
                { "", 0, false },
                { "example.org/c.json", 1, false },
                { "https://example.org/c.json ftp://example.org", 1, false },
        };

        if (system_file_exists())
                return;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autofree char *text = g_strdup_printf("[manager]\ncatalogue=%s\n", cases[i].value);
                g_autoptr(Settings) settings = load(text);
                unsigned n = g_strv_length(settings->catalogue);

                ck_assert_uint_eq(n, cases[i].n);
                if (cases[i].ours_is_last)
                        ck_assert_str_eq(settings->catalogue[n - 1], "https://example.org/c.json");
                else if (n > 0)
                        ck_assert_ptr_nonnull(strstr(settings->catalogue[0], "microsoft/WSL"));
        }
}
END_TEST

START_TEST(bad_values_keep_what_was_there) {
        static const char *const numbers[] = { "",      "-1", "+1", "1s", "1.5.5", "0x10", "99999999999999999999",
                                               "never", "1 2" },
                                 *const bools[] = { "", "2", "maybe", "yess", "-1" };

        if (system_file_exists())
                return;
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                g_autofree char *text = g_strdup_printf(
                                "[manager]\nexit-idle=%s\ntransfer-timeout=%s\n[instance]\nlinger=%s\n", numbers[i],
                                numbers[i], numbers[i]);
                g_autoptr(Settings) settings = load(text);

                assert_defaults(settings);
        }
        for (size_t i = 0; i < ELEMENTSOF(bools); i++) {
                g_autofree char *text = g_strdup_printf("[instance]\nautomount=%s\nisolated=%s\n", bools[i], bools[i]);
                g_autoptr(Settings) settings = load(text);

                assert_defaults(settings);
        }
}
END_TEST

START_TEST(truth_has_many_names) {
        static const char *const yes[] = { "yes", "TRUE", "On", "1" }, *const no[] = { "no", "False", "OFF", "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                g_autofree char *a = g_strdup_printf("[instance]\nisolated=%s\n", yes[i]),
                                *b = g_strdup_printf("[instance]\nautomount=%s\n", no[i]);
                g_autoptr(Settings) isolated = load(a), unmounted = load(b);

                ck_assert(isolated->instance.isolated);
                ck_assert(!unmounted->instance.automount);
        }
}
END_TEST

START_TEST(forever_is_a_time) {
        g_autoptr(Settings) settings = load("[manager]\nexit-idle=forever\n[instance]\nlinger=forever\n");

        ck_assert_uint_eq(settings->exit_idle_usec, G_MAXUINT64);
        ck_assert_uint_eq(settings->instance.linger_seconds, LINGER_FOREVER);
}
END_TEST

START_TEST(a_file_that_is_no_key_file_gives_the_defaults) {
        g_autoptr(Settings) noise = load("\xff\xfe\x01[[[\n=\n"), no_group = load("exit-idle=60\n");

        if (system_file_exists())
                return;
        assert_defaults(noise);
        assert_defaults(no_group);
}
END_TEST

START_TEST(a_distributions_own_settings_go_over_those_for_all) {
        InstanceSettings settings = { .linger_seconds = 5, .automount = true };

        set_up("[distribution]\nrelease=x\n[instance]\nlinger=9\nunknown=1\n");
        settings_load_instance(path, &settings);
        ck_assert_uint_eq(settings.linger_seconds, 9);
        ck_assert(settings.automount);
        tear_down();
        settings_load_instance("/nonexistent/lxss.conf", &settings);
        ck_assert_uint_eq(settings.linger_seconds, 9);
}
END_TEST

static void assert_stored(const char *before, const char *after) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *contents = NULL;

        set_up(before);
        ck_assert_int_eq(settings_store_default(path, "debian", &error), 0);
        ck_assert(g_file_get_contents(path, &contents, NULL, NULL));
        ck_assert_str_eq(contents, after);
        tear_down();
}

START_TEST(storing_the_default_keeps_everything_else) {
        assert_stored("# My settings.\n\n[manager]\n# the idle time\nexit-idle=60\ndefault-distribution=old\n\n"
                      "[instance]\n# do not touch\nlinger=5\nunknown=kept\n",
                      "# My settings.\n\n[manager]\n# the idle time\nexit-idle=60\ndefault-distribution=debian\n\n"
                      "[instance]\n# do not touch\nlinger=5\nunknown=kept\n");
        assert_stored("[instance]\nlinger=5\n", "[instance]\nlinger=5\n\n[manager]\ndefault-distribution=debian\n");
        assert_stored(NULL, "[manager]\ndefault-distribution=debian\n");
}
END_TEST

START_TEST(storing_the_default_makes_the_directory) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(Settings) settings = NULL;
        g_autofree char *deep = NULL;

        set_up(NULL);
        deep = g_build_filename(directory, "a", "b", "lxss.conf", NULL);
        ck_assert_int_eq(settings_store_default(deep, "debian", &error), 0);
        settings = settings_load(deep);
        ck_assert_str_eq(settings->default_distribution, "debian");
        tear_down();
}
END_TEST

START_TEST(a_damaged_file_is_not_overwritten) {
        static const char damaged[] = "this is no key file\n";
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *contents = NULL;

        set_up(damaged);
        ck_assert_int_lt(settings_store_default(path, "debian", &error), 0);
        ck_assert(sd_bus_error_has_name(&error, "org.lxss.Error.Failed"));
        ck_assert(g_file_get_contents(path, &contents, NULL, NULL));
        ck_assert_str_eq(contents, damaged);
        tear_down();
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_not_overwritten) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *contents = NULL;

        become_ordinary_user(); /* root may read everything */
        set_up("[instance]\nlinger=5\n");
        ck_assert_int_eq(chmod(path, 0), 0);
        ck_assert_int_lt(settings_store_default(path, "debian", &error), 0);
        ck_assert_int_eq(chmod(path, 0600), 0);
        ck_assert(g_file_get_contents(path, &contents, NULL, NULL));
        ck_assert_str_eq(contents, "[instance]\nlinger=5\n");
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("settings", every_value_can_be_written_down_and_read_again,
                         sizes_and_shares_that_make_no_sense_are_refused, a_missing_or_empty_file_gives_the_defaults,
                         every_key_is_read, unknown_keys_and_groups_change_nothing,
                         a_catalogue_replaces_the_one_of_wsl_or_is_added, bad_values_keep_what_was_there,
                         truth_has_many_names, forever_is_a_time, a_file_that_is_no_key_file_gives_the_defaults,
                         a_distributions_own_settings_go_over_those_for_all, storing_the_default_keeps_everything_else,
                         storing_the_default_makes_the_directory, a_damaged_file_is_not_overwritten,
                         a_file_that_cannot_be_read_is_not_overwritten);
}
