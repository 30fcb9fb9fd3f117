/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <string.h>

#include "shared/archive-format.h"
#include "tests/test.h"

START_TEST(every_format_has_a_name_and_is_found_by_it) {
        for (int format = 0; format < ARCHIVE_FORMAT_KINDS; format++) {
                const char *name = archive_format_to_string(format);

                ck_assert_ptr_nonnull(name);
                ck_assert_int_eq(archive_format_from_string(name), format);
                ck_assert_ptr_nonnull(strstr(ARCHIVE_FORMAT_NAMES, name));
        }
        ck_assert_ptr_null(archive_format_to_string(ARCHIVE_FORMAT_KINDS));
        ck_assert_ptr_null(archive_format_to_string(ARCHIVE_FORMAT_INVALID));
}
END_TEST

START_TEST(what_is_no_name_is_refused) {
        static const char *const words[] = { "", "zip", "TAR", ".tar", "tar.", "tar.gz ", "gz" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                ck_assert_int_eq(archive_format_from_string(words[i]), ARCHIVE_FORMAT_INVALID);
}
END_TEST

START_TEST(the_ending_of_a_file_says_its_format) {
        static const struct {
                const char *file;
                ArchiveFormat format;
        } cases[] = {
                { "a.tar", ARCHIVE_FORMAT_PLAIN_TAR },    { "a.tar.gz", ARCHIVE_FORMAT_TAR_GZ },
                { "/x/a.b.TAR.XZ", ARCHIVE_FORMAT_TAR_XZ }, { "a.tgz", ARCHIVE_FORMAT_TAR_GZ },
                { "a.wsl", ARCHIVE_FORMAT_TAR_GZ },       { "a.tar.zst", ARCHIVE_FORMAT_TAR_ZST },
                { "a.tzst", ARCHIVE_FORMAT_TAR_ZST },     { "a.tar.lz4", ARCHIVE_FORMAT_TAR_LZ4 },
                { "a.tbz2", ARCHIVE_FORMAT_TAR_BZ2 },     { "a.gz", ARCHIVE_FORMAT_INVALID },
                { "a", ARCHIVE_FORMAT_INVALID },          { "", ARCHIVE_FORMAT_INVALID },
                { "tar", ARCHIVE_FORMAT_INVALID },        { ".tar", ARCHIVE_FORMAT_INVALID },
                { "atar", ARCHIVE_FORMAT_INVALID },       { "a.tar/", ARCHIVE_FORMAT_INVALID },
                { "a.tar.zip", ARCHIVE_FORMAT_INVALID },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_int_eq(archive_format_from_file_name(cases[i].file), cases[i].format);
}
END_TEST

int main(void) {
        return RUN_TESTS("archive-format", every_format_has_a_name_and_is_found_by_it, what_is_no_name_is_refused,
                         the_ending_of_a_file_says_its_format);
}
