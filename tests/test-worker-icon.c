/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which bytes are an icon, and which part of an ICO is taken. */

#include "daemon/worker-icon.h"
#include "tests/test.h"

#define PNG_SIZE 80

/* The beginning of a PNG of that many pixels, with something behind it. */
static void put_png(unsigned char *at, unsigned width, unsigned height) {
        static const unsigned char beginning[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

        memset(at, 'x', PNG_SIZE);
        memcpy(at, beginning, sizeof(beginning) - 1);
        for (unsigned i = 0; i < 4; i++) {
                at[16 + i] = (unsigned char)(width >> (24 - 8 * i));
                at[20 + i] = (unsigned char)(height >> (24 - 8 * i));
        }
}

static void put_entry(unsigned char *ico, unsigned number, uint32_t size, uint32_t offset) {
        unsigned char *entry = ico + 6 + 16 * number;

        for (unsigned i = 0; i < 4; i++) {
                entry[8 + i] = (unsigned char)(size >> (8 * i));
                entry[12 + i] = (unsigned char)(offset >> (8 * i));
        }
}

START_TEST(a_png_is_taken_whole) {
        unsigned char bytes[PNG_SIZE];
        WorkerIcon icon;

        put_png(bytes, 256, 128);
        ck_assert_int_eq(worker_icon_find(bytes, sizeof(bytes), &icon), 0);
        ck_assert_str_eq(icon.format, "png");
        ck_assert_ptr_eq(icon.bytes, bytes);
        ck_assert_uint_eq(icon.size, sizeof(bytes));
}
END_TEST

START_TEST(a_png_that_is_huge_or_nothing_or_cut_is_none) {
        unsigned char bytes[PNG_SIZE];
        WorkerIcon icon;

        put_png(bytes, 4097, 1);
        ck_assert_int_eq(worker_icon_find(bytes, sizeof(bytes), &icon), -EBADMSG);
        put_png(bytes, 1, 0x80000000);
        ck_assert_int_eq(worker_icon_find(bytes, sizeof(bytes), &icon), -EBADMSG);
        put_png(bytes, 0, 16);
        ck_assert_int_eq(worker_icon_find(bytes, sizeof(bytes), &icon), -EBADMSG);
        put_png(bytes, 16, 16);
        for (size_t n = 0; n < 57; n++)
                ck_assert_int_eq(worker_icon_find(bytes, n, &icon), -EBADMSG);
}
END_TEST

START_TEST(an_svg_is_known_by_its_first_element) {
        static const char *const good[] = {
                "<svg/>",
                "<svg xmlns='http://www.w3.org/2000/svg'></svg>",
                "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <html> > --><!DOCTYPE svg>\r\n <svg\n>",
        };
        static const char *const bad[] = { "",      "<",          "svg",       "<svgs>", "<html><svg/></html>",
                                           "<?xml", "<!-- <svg>", "text <svg>" };
        WorkerIcon icon;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                ck_assert_int_eq(worker_icon_find((const unsigned char *)good[i], strlen(good[i]), &icon), 0);
                ck_assert_str_eq(icon.format, "svg");
                ck_assert_uint_eq(icon.size, strlen(good[i]));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(worker_icon_find((const unsigned char *)bad[i], strlen(bad[i]), &icon) == -EBADMSG, "%s",
                              bad[i]);
        ck_assert_int_eq(worker_icon_find((const unsigned char *)"<svg>\0</svg>", 12, &icon), -EBADMSG);
}
END_TEST

START_TEST(of_an_ico_the_largest_png_is_taken) {
        unsigned char ico[6 + 4 * 16 + 3 * PNG_SIZE] = { 0, 0, 1, 0, 4, 0 };
        size_t first = 6 + 4 * 16;
        WorkerIcon icon;

        put_png(ico + first, 48, 48);
        put_png(ico + first + PNG_SIZE, 256, 256);
        put_png(ico + first + 2 * PNG_SIZE, 64, 64);
        put_entry(ico, 0, 40, first + 4); /* no PNG begins there */
        for (unsigned i = 0; i < 3; i++)
                put_entry(ico, 1 + i, PNG_SIZE, first + i * PNG_SIZE);
        ck_assert_int_eq(worker_icon_find(ico, sizeof(ico), &icon), 0);
        ck_assert_str_eq(icon.format, "png");
        ck_assert_ptr_eq(icon.bytes, ico + first + PNG_SIZE);
        ck_assert_uint_eq(icon.size, PNG_SIZE);
}
END_TEST

START_TEST(an_ico_whose_entries_lie_reads_nothing_outside) {
        unsigned char ico[6 + 2 * 16 + PNG_SIZE] = { 0, 0, 1, 0, 0xff, 0xff };
        static const uint32_t lies[][2] = { { PNG_SIZE, 6 + 2 * 16 + 1 }, { 0xffffffff, 38 }, { PNG_SIZE, 0xffffffff },
                                            { 0xffffffff, 0xffffffff }, { 0, 38 }, { 20, 38 } };
        WorkerIcon icon;

        put_png(ico + 38, 32, 32);
        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                put_entry(ico, 0, lies[i][0], lies[i][1]);
                put_entry(ico, 1, lies[i][0], lies[i][1]);
                ck_assert_int_eq(worker_icon_find(ico, sizeof(ico), &icon), -EBADMSG);
        }
        for (size_t n = 0; n < 38; n++)
                ck_assert_int_eq(worker_icon_find(ico, n, &icon), -EBADMSG);
}
END_TEST

START_TEST(other_bytes_are_no_icon) {
        static const char *const bytes[] = { "GIF89a", "BM", "\177ELF", "#!/bin/sh" };
        WorkerIcon icon;

        for (size_t i = 0; i < ELEMENTSOF(bytes); i++)
                ck_assert_int_eq(worker_icon_find((const unsigned char *)bytes[i], strlen(bytes[i]), &icon), -EBADMSG);
}
END_TEST

int main(void) {
        return RUN_TESTS("worker-icon", a_png_is_taken_whole, a_png_that_is_huge_or_nothing_or_cut_is_none,
                         an_svg_is_known_by_its_first_element, of_an_ico_the_largest_png_is_taken,
                         an_ico_whose_entries_lie_reads_nothing_outside, other_bytes_are_no_icon);
}
