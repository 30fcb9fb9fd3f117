/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of errors, which clients, scripts and the manual rely on. */

#include "daemon/error.h"
#include "tests/test.h"

START_TEST(every_error_has_a_name_of_ours_and_an_errno) {
        for (LxssError e = 0; e < LXSS_ERROR_MAX; e++) {
                const char *name = lxss_error_to_name(e);

                ck_assert_ptr_nonnull(name);
                ck_assert_msg(strncmp(name, LXSS_ERROR_PREFIX, strlen(LXSS_ERROR_PREFIX)) == 0, "%s", name);
                ck_assert_msg(sd_bus_interface_name_is_valid(name) > 0, "%s", name);
                ck_assert_int_gt(lxss_error_to_errno(e), 0);
                ck_assert_int_lt(lxss_error_to_errno(e), 4096);
        }
}
END_TEST

START_TEST(names_are_unique_and_lead_back) {
        for (LxssError e = 0; e < LXSS_ERROR_MAX; e++)
                ck_assert_int_eq(lxss_error_from_name(lxss_error_to_name(e)), e);
}
END_TEST

START_TEST(what_is_not_in_the_table_is_no_error_of_ours) {
        ck_assert_int_eq(lxss_error_from_name(NULL), LXSS_ERROR_INVALID);
        ck_assert_int_eq(lxss_error_from_name(""), LXSS_ERROR_INVALID);
        ck_assert_int_eq(lxss_error_from_name("Failed"), LXSS_ERROR_INVALID);
        ck_assert_int_eq(lxss_error_from_name("org.lxss.Error."), LXSS_ERROR_INVALID);
        ck_assert_int_eq(lxss_error_from_name("org.lxss.Error.failed"), LXSS_ERROR_INVALID);
        ck_assert_int_eq(lxss_error_from_name("org.freedesktop.DBus.Error.NoReply"), LXSS_ERROR_INVALID);
        ck_assert_ptr_null(lxss_error_to_name(LXSS_ERROR_MAX));
        ck_assert_ptr_null(lxss_error_to_name(LXSS_ERROR_INVALID));
        ck_assert_int_eq(lxss_error_to_errno(LXSS_ERROR_INVALID), EINVAL);
}
END_TEST

/* env(1): 127 not found, 126 found and cannot be executed, 125 everything else. */
START_TEST(exit_codes_are_those_of_env) {
        for (LxssError e = 0; e < LXSS_ERROR_MAX; e++) {
                const char *name = lxss_error_to_name(e);
                bool program = strncmp(name, LXSS_ERROR_PREFIX "Program", strlen(LXSS_ERROR_PREFIX "Program")) == 0 ||
                               e == LXSS_ERROR_ARGUMENTS_TOO_LONG;
                int expected = e == LXSS_ERROR_PROGRAM_NOT_FOUND ? 127 : program ? 126 : 125;

                ck_assert_msg(lxss_error_exit_code(name) == expected, "%s gives %d", name, lxss_error_exit_code(name));
        }
        ck_assert_int_eq(lxss_error_exit_code("org.freedesktop.DBus.Error.NoReply"), 125);
        ck_assert_int_eq(lxss_error_exit_code(NULL), 125);
}
END_TEST

START_TEST(setting_an_error_gives_name_sentence_and_errno) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        ck_assert_int_eq(error_set(&error, LXSS_ERROR_NO_SUCH_USER, "No %s.", "anna"), -ENOENT);
        ck_assert_str_eq(error.name, "org.lxss.Error.NoSuchUser");
        ck_assert_str_eq(error.message, "No anna.");
        ck_assert_int_eq(error_set(NULL, LXSS_ERROR_NO_SPACE, "x"), -ENOSPC);
}
END_TEST

int main(void) {
        return RUN_TESTS("error", every_error_has_a_name_of_ours_and_an_errno, names_are_unique_and_lead_back,
                         what_is_not_in_the_table_is_no_error_of_ours, exit_codes_are_those_of_env,
                         setting_an_error_gives_name_sentence_and_errno);
}
