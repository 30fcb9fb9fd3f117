/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What wsl-distribution.conf's keys mean, and what is warned of. The language
 * they stand in is test-wsl-conf.c's. */

#include "shared/distribution-name.h"
#include "shared/wsl-distribution.h"
#include "tests/test.h"

static WslDistribution values;

static void parse(const char *text) {
        wsl_distribution_clear(&values);
        values = (WslDistribution)WSL_DISTRIBUTION_DEFAULT;
        ck_assert_int_eq(wsl_distribution_parse(text, strlen(text), &values), 0);
}

/* One warning, in this line, that says so. */
static void assert_warning(unsigned line, const char *needle) {
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "/etc/wsl-distribution.conf:%u: ", line);
        ck_assert_uint_eq(strv_length(values.warnings), 1);
        ck_assert_msg(strncmp(values.warnings[0], prefix, strlen(prefix)) == 0, "%s", values.warnings[0]);
        ck_assert_ptr_nonnull(strstr(values.warnings[0], needle));
}

START_TEST(an_empty_file_leaves_the_defaults) {
        parse("# nothing\n");
        ck_assert_ptr_null(values.command);
        ck_assert_ptr_null(values.name);
        ck_assert_ptr_null(values.icon);
        ck_assert_int_eq(values.uid, -1);
        ck_assert(values.shortcut);
        ck_assert_ptr_null(values.warnings);
}
END_TEST

START_TEST(every_key_is_read) {
        parse("[oobe]\r\ncommand = /usr/lib/wsl/wsl-setup --first\r\ndefaultUid = 1000\r\ndefaultName = "
              "Ubuntu-24.04\r\n"
              "[shortcut]\r\nenabled = false\r\nicon = /usr/share/wsl/ubuntu.ico\r\n"
              "[windowsterminal]\r\nenabled = true\r\nProfileTemplate = /usr/share/wsl/terminal-profile.json\r\n");
        ck_assert_str_eq(values.command, "/usr/lib/wsl/wsl-setup --first");
        ck_assert_str_eq(values.name, "Ubuntu-24.04");
        ck_assert_int_eq(values.uid, 1000);
        ck_assert_str_eq(values.icon, "/usr/share/wsl/ubuntu.ico");
        ck_assert(!values.shortcut);
        ck_assert_ptr_null(values.warnings);
        wsl_distribution_clear(&values);
}
END_TEST

START_TEST(root_can_be_the_default_user) {
        parse("[oobe]\ndefaultUid=0\n");
        ck_assert_int_eq(values.uid, 0);
}
END_TEST

START_TEST(an_odd_uid_is_warned_of) {
        static const char *const uids[] = { "-1", "01000", "+1", "0x3e8", "root", "1000 1", "", "9999999999" };

        for (size_t i = 0; i < ELEMENTSOF(uids); i++) {
                char text[64];

                snprintf(text, sizeof(text), "[oobe]\n\ndefaultUid=%s\n", uids[i]);
                parse(text);
                ck_assert_int_eq(values.uid, -1);
                assert_warning(3, "defaultUid");
        }
        wsl_distribution_clear(&values);
}
END_TEST

START_TEST(an_odd_name_is_warned_of) {
        static const char *const names[] = { "two words", "-x", ".x", "a/b", "../a", "n\xc3\xa4me", "\"\"" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char text[64];

                snprintf(text, sizeof(text), "[oobe]\ndefaultName=%s\n", names[i]);
                parse(text);
                ck_assert_ptr_null(values.name);
                assert_warning(2, "name");
        }
        wsl_distribution_clear(&values);
}
END_TEST

START_TEST(an_icon_that_leads_out_is_warned_of) {
        static const char *const paths[] = { "../x.ico", "/a/../b.ico", "/..", "relative.ico", "/a/\x1b[31m.ico" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                char text[64];

                snprintf(text, sizeof(text), "[shortcut]\nicon=%s\n", paths[i]);
                parse(text);
                ck_assert_ptr_null(values.icon);
                assert_warning(2, "\"..\"");
        }
        parse("[shortcut]\nicon=/a..b/..c/d...ico\n");
        ck_assert_str_eq(values.icon, "/a..b/..c/d...ico");
        wsl_distribution_clear(&values);
}
END_TEST

START_TEST(unknown_keys_are_warned_of) {
        parse("[oobe]\ndefaultuser=me\n");
        assert_warning(2, "defaultuser");
        parse("[boot]\nsystemd=true\n");
        assert_warning(1, "boot");
        wsl_distribution_clear(&values);
}
END_TEST

START_TEST(names_of_distributions_have_their_form) {
        char name[DISTRIBUTION_NAME_MAX + 2];

        memset(name, 'a', sizeof(name));
        name[DISTRIBUTION_NAME_MAX + 1] = '\0';
        ck_assert(!distribution_name_is_valid(name));
        name[DISTRIBUTION_NAME_MAX] = '\0';
        ck_assert(distribution_name_is_valid(name));
        ck_assert(distribution_name_is_valid("9front_1.0-x"));
        ck_assert(!distribution_name_is_valid(""));
        ck_assert(!distribution_name_is_valid("_a"));
}
END_TEST

int main(void) {
        return RUN_TESTS("wsl-distribution", an_empty_file_leaves_the_defaults, every_key_is_read,
                         root_can_be_the_default_user, an_odd_uid_is_warned_of, an_odd_name_is_warned_of,
                         an_icon_that_leads_out_is_warned_of, unknown_keys_are_warned_of,
                         names_of_distributions_have_their_form);
}
