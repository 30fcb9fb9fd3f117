/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile bytes on their way to a terminal, a log or the bus. */

#include <glib.h>

#include "daemon/text.h"
#include "shared/text.h"
#include "tests/test.h"

static void assert_text(const char *bytes, size_t max, const char *expected) {
        g_autofree char *text = text_printable(bytes, max);

        ck_assert_str_eq(text, expected);
}

START_TEST(valid_utf8_stays_as_it_is) {
        assert_text("", 80, "");
        assert_text("Debian 12 „bookworm“ ünï 日本", 80, "Debian 12 „bookworm“ ünï 日本");
}
END_TEST

START_TEST(control_characters_and_other_bytes_are_shown_as_numbers) {
        assert_text("a\nb\tc\033[2J\x7f", 80, "a\\x0ab\\x09c\\x1b[2J\\x7f");
        assert_text("\xff\xc3", 80, "\\xff\\xc3");
        assert_text("\xc0\xaf", 80, "\\xc0\\xaf");
        assert_text("\xed\xa0\x80", 80, "\\xed\\xa0\\x80");
        assert_text("\xc2\x9b", 80, "\\xc2\\x9b"); /* the 8-bit CSI */
}
END_TEST

START_TEST(text_never_reorders_or_breaks_a_line) {
        assert_text("\xe2\x80\xae" "x", 80, "\\xe2\\x80\\xaex"); /* right-to-left override */
        assert_text("\xe2\x80\xa8", 80, "\\xe2\\x80\\xa8");      /* line separator */
        assert_text("\xef\xbf\xbf", 80, "\\xef\\xbf\\xbf");      /* a noncharacter, which sd-bus refuses */
}
END_TEST

START_TEST(every_result_is_printable_and_within_its_bytes) {
        unsigned seed = 7;

        for (int i = 0; i < 20000; i++) {
                size_t max = (size_t)rand_r(&seed) % 40;
                g_autofree char *text = NULL;
                char bytes[48];

                for (size_t k = 0; k < sizeof(bytes); k++)
                        bytes[k] = (char)rand_r(&seed);
                bytes[sizeof(bytes) - 1] = '\0';
                text = text_printable(bytes, max);
                if (!text_is_printable(text, strlen(text)) || strlen(text) > max)
                        ck_abort_msg("\"%s\" of at most %zu bytes", text, max);
        }
}
END_TEST

START_TEST(text_is_cut_between_characters) {
        assert_text("1234567890", 10, "1234567890");
        assert_text("12345678901", 10, "1234567890");
        assert_text("äääääää", 9, "ääää");
        assert_text("\n\n\n\n", 10, "\\x0a\\x0a");
}
END_TEST

START_TEST(every_code_point_is_decoded_as_glib_does) {
        for (uint32_t c = 1; c <= 0x10ffff; c++) {
                char bytes[6];
                uint32_t back = 0;
                int n;

                if (!g_unichar_validate(c))
                        continue;
                n = g_unichar_to_utf8(c, bytes);
                if (text_decode(bytes, n, &back) != (size_t)n || back != c || text_decode(bytes, n - 1, &back) != 0)
                        ck_abort_msg("U+%04X", c); /* an assertion for each of a million takes long */
        }
}
END_TEST

START_TEST(words_are_joined_by_spaces) {
        char *const words[] = { (char *)"printf", (char *)"%s\n", (char *)"", (char *)"x", NULL }, *const none[] = { NULL };
        g_autofree char *text = text_command_line(words, 80), *empty = text_command_line(none, 80);

        ck_assert_str_eq(text, "printf %s\\x0a  x");
        ck_assert_str_eq(empty, "");
}
END_TEST

START_TEST(a_long_command_line_is_cut) {
        char *const words[] = { (char *)"abcde", (char *)"fghij", (char *)"klmno", NULL };

        for (size_t max = 0; max < 17; max++) {
                g_autofree char *text = text_command_line(words, max);

                ck_assert_msg(strlen(text) <= max, "%zu: %s", max, text);
                ck_assert_msg(g_str_has_prefix("abcde fghij klmno", text), "%zu: %s", max, text);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("text", valid_utf8_stays_as_it_is, control_characters_and_other_bytes_are_shown_as_numbers,
                         text_never_reorders_or_breaks_a_line, every_result_is_printable_and_within_its_bytes,
                         text_is_cut_between_characters, every_code_point_is_decoded_as_glib_does,
                         words_are_joined_by_spaces, a_long_command_line_is_cut);
}
