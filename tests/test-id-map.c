/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ranges of ids: nobody may be given root's, one's own twice, or an id two times. */

#include <glib.h>

#include "daemon/id-map.h"
#include "tests/test.h"

static size_t parse(const char *text, IdRange *ret) {
        return id_map_parse_subids(text, "anna", 1234, 1234, ret, 8);
}

static void assert_map(const IdMap *map, const char *expected) {
        _cleanup_free_ char *text = id_map_to_text(map);

        ck_assert_str_eq(text, expected);
}

START_TEST(ranges_are_found_by_name_and_by_number) {
        IdRange ranges[8];

        ck_assert_uint_eq(parse("bert:1:5\nanna:100000:65536\n1234:300000:1000\n12345:7:7\nann:9:9\n", ranges), 2);
        ck_assert_uint_eq(ranges[0].outside, 100000);
        ck_assert_uint_eq(ranges[0].count, 65536);
        ck_assert_uint_eq(ranges[0].inside, 0);
        ck_assert_uint_eq(ranges[1].outside, 300000);
        ck_assert_uint_eq(ranges[1].count, 1000);
}
END_TEST

START_TEST(ranges_with_root_or_the_users_own_id_are_left_out) {
        IdRange ranges[8];

        ck_assert_uint_eq(parse("anna:0:65536\n", ranges), 0);
        ck_assert_uint_eq(parse("anna:1:1233\n", ranges), 1);
        ck_assert_uint_eq(parse("anna:1:1234\n", ranges), 0);
        ck_assert_uint_eq(parse("anna:1234:1\n", ranges), 0);
        ck_assert_uint_eq(parse("anna:1235:10\n", ranges), 1);
}
END_TEST

START_TEST(overlapping_ranges_are_left_out) {
        IdRange ranges[8];

        ck_assert_uint_eq(parse("anna:100000:1000\nanna:100999:10\nanna:99999:2\nanna:100000:1000\nanna:101000:5\n", ranges),
                          2);
        ck_assert_uint_eq(ranges[1].outside, 101000);
}
END_TEST

START_TEST(garbage_is_skipped) {
        static const char *const bad[] = {
                "",
                "\n\n\n",
                "anna",
                "anna:",
                "anna:100000",
                "anna:100000:",
                "anna:100000:0",
                "anna:100000:5:6",
                "anna:-1:5",
                "anna:+1000:5",
                "anna: 100000:5",
                "anna:100000:5 ",
                "anna:0x1000:5",
                "anna:1e5:5",
                "anna:4294967295:1",
                "anna:4294967290:10",
                "anna:100000:4294967295",
                "anna:99999999999999999999999:5",
                " anna:100000:5",
                "#anna:100000:5",
                "ANNA:100000:5",
                ":100000:5",
                "01234:100000:5",
        };
        IdRange ranges[8];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(parse(bad[i], ranges) == 0, "accepted: %s", bad[i]);
}
END_TEST

START_TEST(no_more_ranges_are_taken_than_there_is_room_for) {
        g_autoptr(GString) text = g_string_new(NULL);
        IdRange ranges[8];

        for (int i = 0; i < 100; i++)
                g_string_append_printf(text, "anna:%d:10\n", 100000 + 10 * i);
        ck_assert_uint_eq(parse(text->str, ranges), 8);
}
END_TEST

START_TEST(a_whole_range_is_split_around_the_default_user) {
        const IdRange range = { .outside = 100000, .count = 65536 };
        IdMap map;

        ck_assert_int_eq(id_map_compose(&range, 1, 1234, &map), 0);
        assert_map(&map, "0 100000 1000\n1000 1234 1\n1001 101000 64535\n");
}
END_TEST

START_TEST(more_ids_than_are_needed_stay_unused) {
        const IdRange ranges[] = { { .outside = 100000, .count = 1000000 }, { .outside = 5000000, .count = 10 } };
        IdMap map;

        ck_assert_int_eq(id_map_compose(ranges, 2, 1234, &map), 0);
        assert_map(&map, "0 100000 1000\n1000 1234 1\n1001 101000 64535\n");
}
END_TEST

START_TEST(several_ranges_are_put_one_after_the_other) {
        const IdRange ranges[] = { { .outside = 100000, .count = 300 },
                                   { .outside = 200000, .count = 800 },
                                   { .outside = 300000, .count = 65536 } };
        IdMap map;

        ck_assert_int_eq(id_map_compose(ranges, 3, 1234, &map), 0);
        assert_map(&map, "0 100000 300\n300 200000 700\n1000 1234 1\n1001 200700 100\n1101 300000 64435\n");
}
END_TEST

START_TEST(a_range_that_ends_at_the_default_user_is_enough) {
        const IdRange exact[] = { { .outside = 100000, .count = 1000 }, { .outside = 200000, .count = 5 } };
        IdMap map;

        ck_assert_int_eq(id_map_compose(exact, 1, 1234, &map), 0);
        assert_map(&map, "0 100000 1000\n1000 1234 1\n");
        ck_assert_int_eq(id_map_compose(exact, 2, 1234, &map), 0);
        assert_map(&map, "0 100000 1000\n1000 1234 1\n1001 200000 5\n");
}
END_TEST

START_TEST(ranges_that_do_not_reach_the_default_user_are_refused) {
        const IdRange ranges[] = { { .outside = 100000, .count = 500 }, { .outside = 200000, .count = 499 } };
        IdMap map = { .n_ranges = 77 };

        ck_assert_int_eq(id_map_compose(NULL, 0, 1234, &map), -ENOENT);
        ck_assert_int_eq(id_map_compose(ranges, 1, 1234, &map), -ENOENT);
        ck_assert_int_eq(id_map_compose(ranges, 2, 1234, &map), -ENOENT);
        ck_assert_uint_eq(map.n_ranges, 77);
}
END_TEST

/* Whatever the ranges are: every id inside once, every id outside once, 1000 is the user's own. */
START_TEST(many_small_ranges_still_hold_every_id_once) {
        IdRange ranges[ID_MAP_MAX - 2];
        uint32_t next = 0, own = 0;
        IdMap map;

        for (size_t i = 0; i < ELEMENTSOF(ranges); i++)
                ranges[i] = (IdRange){ .outside = 100000 + 1000 * (uint32_t)i, .count = 40 };
        ck_assert_int_eq(id_map_compose(ranges, ELEMENTSOF(ranges), 1234, &map), 0);
        for (size_t i = 0; i < map.n_ranges; i++) {
                ck_assert_uint_eq(map.ranges[i].inside, next);
                next += map.ranges[i].count;
                if (map.ranges[i].outside == 1234) {
                        own++;
                        ck_assert_uint_eq(map.ranges[i].inside, ID_DEFAULT_USER);
                        ck_assert_uint_eq(map.ranges[i].count, 1);
                }
        }
        ck_assert_uint_eq(own, 1);
        ck_assert_uint_eq(next, 40 * ELEMENTSOF(ranges) + 1);
}
END_TEST

START_TEST(single_and_identity_maps_are_what_they_are_called) {
        const IdMap single = id_map_single(0, 1234, 1), wide = id_map_single(5, 700, 9);
        const IdMap identity = id_map_identity(&wide);

        assert_map(&single, "0 1234 1\n");
        assert_map(&identity, "5 5 9\n");
        assert_map(&(IdMap){ 0 }, "");
}
END_TEST

START_TEST(modes_have_names) {
        for (IdMode m = 0; m < ID_MODE_MAX; m++)
                ck_assert_int_eq(id_mode_from_string(id_mode_to_string(m)), m);
        ck_assert_ptr_null(id_mode_to_string(ID_MODE_MAX));
        ck_assert_ptr_null(id_mode_to_string(ID_MODE_INVALID));
        ck_assert_int_eq(id_mode_from_string(NULL), ID_MODE_INVALID);
        ck_assert_int_eq(id_mode_from_string("Root"), ID_MODE_INVALID);
}
END_TEST

START_TEST(the_slots_of_root_end_where_its_files_begin) {
        ck_assert_uint_le((uint64_t)ID_SLOT_BASE + (uint64_t)ID_SLOT_MAX * ID_COUNT, ID_STORE_BASE);
}
END_TEST

int main(void) {
        return RUN_TESTS("id-map", ranges_are_found_by_name_and_by_number,
                         ranges_with_root_or_the_users_own_id_are_left_out, overlapping_ranges_are_left_out,
                         garbage_is_skipped, no_more_ranges_are_taken_than_there_is_room_for,
                         a_whole_range_is_split_around_the_default_user, more_ids_than_are_needed_stay_unused,
                         several_ranges_are_put_one_after_the_other, a_range_that_ends_at_the_default_user_is_enough,
                         ranges_that_do_not_reach_the_default_user_are_refused,
                         many_small_ranges_still_hold_every_id_once, single_and_identity_maps_are_what_they_are_called,
                         modes_have_names, the_slots_of_root_end_where_its_files_begin);
}
