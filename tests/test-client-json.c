/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What --json prints, and how foreign text is kept from terminals. */

#include <check.h>

#include "client/json.h"
#include "client/source.h"
#include "client/text.h"
#include "shared/suggest.h"

static char *output;
static size_t output_size;

static Json open_json(void) {
        return (Json){ .f = open_memstream(&output, &output_size) };
}

static void assert_output(Json *json, const char *expected) {
        fclose(json->f);
        ck_assert_str_eq(output, expected);
        free(steal_pointer(&output));
}

START_TEST(objects_and_arrays_nest) {
        Json json = open_json();

        json_open(&json, NULL, '{');
        json_string(&json, "a", "b");
        json_open(&json, "list", '[');
        json_unsigned(&json, NULL, UINT64_MAX);
        json_bool(&json, NULL, false);
        json_close(&json, ']');
        json_open(&json, "none", '[');
        json_close(&json, ']');
        json_double(&json, "half", 0.5);
        json_close(&json, '}');
        assert_output(&json, "{\n  \"a\": \"b\",\n  \"list\": [\n    18446744073709551615,\n    false\n  ],\n"
                             "  \"none\": [],\n  \"half\": 0.5000\n}\n");
}
END_TEST

START_TEST(an_empty_array_is_one_line) {
        Json json = open_json();

        json_open(&json, NULL, '[');
        json_close(&json, ']');
        assert_output(&json, "[]\n");
}
END_TEST

START_TEST(quotes_and_control_characters_are_escaped) {
        Json json = open_json();

        json_string(&json, NULL, "\"\\\n\t\x1b\x7f/ü");
        assert_output(&json, "\"\\\"\\\\\\n\\t\\u001b\\u007f/ü\"\n");
}
END_TEST

START_TEST(bytes_that_are_not_utf8_become_the_replacement_character) {
        static const char *const bad[] = { "\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Json json = open_json();
                char expected[64] = "\"";

                json_string(&json, NULL, bad[i]);
                for (size_t j = 0; j < strlen(bad[i]); j++)
                        strcat(expected, "\xef\xbf\xbd");
                strcat(expected, "\"\n");
                assert_output(&json, expected);
        }
}
END_TEST

START_TEST(a_missing_string_is_null) {
        Json json = open_json();

        json_string(&json, NULL, NULL);
        assert_output(&json, "null\n");
}
END_TEST

START_TEST(escaped_text_cannot_drive_a_terminal) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "plain ü 漢", "plain ü 漢" },
                { "\x1b[31m\r\n\x7f", "\\x1b[31m\\x0d\\x0a\\x7f" },
                { "\xc2\x9b", "\\xc2\\x9b" },         /* CSI as one C1 character */
                { "\xe2\x80\xae", "\\xe2\\x80\\xae" }, /* right-to-left override */
                { "a\xff", "a\\xff" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *escaped = text_escape_copy(cases[i].text);

                ck_assert_str_eq(escaped, cases[i].expected);
        }
}
END_TEST

START_TEST(suggestions_are_near_or_begun) {
        static const char *const words[] = { "install", "list", "launch", "uninstall", "ps", NULL };

        ck_assert_str_eq(suggest_word("lauch", words), "launch");
        ck_assert_str_eq(suggest_word("instal", words), "install");
        ck_assert_str_eq(suggest_word("uni", words), "uninstall");
        ck_assert_ptr_null(suggest_word("frobnicate", words));
        ck_assert_ptr_null(suggest_word("", words));
}
END_TEST

START_TEST(a_source_is_a_path_a_stream_or_a_uri) {
        ck_assert_int_eq(source_classify("-"), SOURCE_STDIN);
        ck_assert_int_eq(source_classify("bootstrap:bookworm"), SOURCE_URI);
        ck_assert_int_eq(source_classify("https://example.org/x.tar"), SOURCE_URI);
        ck_assert_int_eq(source_classify("debian.tar.xz"), SOURCE_PATH);
        ck_assert_int_eq(source_classify("./a:b.tar"), SOURCE_PATH);
        ck_assert_int_eq(source_classify("/x/a:b"), SOURCE_PATH);
        ck_assert_int_eq(source_classify(""), SOURCE_PATH);
}
END_TEST

START_TEST(a_name_is_no_path_and_no_archive) {
        ck_assert(source_may_be_name("Debian"));
        ck_assert(source_may_be_name("Ubuntu-24.04"));
        ck_assert(!source_may_be_name("Debian.wsl"));
        ck_assert(!source_may_be_name("debian.tar.xz"));
        ck_assert(!source_may_be_name("./Debian"));
        ck_assert(!source_may_be_name("images/Debian"));
        ck_assert(!source_may_be_name(".."));
        ck_assert(!source_may_be_name(""));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-json");
        TCase *tcase = tcase_create("json");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, objects_and_arrays_nest);
        tcase_add_test(tcase, an_empty_array_is_one_line);
        tcase_add_test(tcase, quotes_and_control_characters_are_escaped);
        tcase_add_test(tcase, bytes_that_are_not_utf8_become_the_replacement_character);
        tcase_add_test(tcase, a_missing_string_is_null);
        tcase_add_test(tcase, escaped_text_cannot_drive_a_terminal);
        tcase_add_test(tcase, suggestions_are_near_or_begun);
        tcase_add_test(tcase, a_source_is_a_path_a_stream_or_a_uri);
        tcase_add_test(tcase, a_name_is_no_path_and_no_archive);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
