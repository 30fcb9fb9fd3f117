/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <sys/stat.h>

#include "daemon/worker-owners.h"
#include "tests/test.h"

/* As in an instance of user 4242 who has 65536 ids from 500000 on. */
static OwnerMap owners(int kind) {
        static const char text[] = "0 500000 1000\n1000 4242 1\n1001 501000 64535\n";
        OwnerMap map = { .own_uid = 4242, .own_gid = 4242, .kind = kind };

        ck_assert_int_eq(id_map_parse(text, &map.uids), 0);
        ck_assert_int_eq(id_map_parse(text, &map.gids), 0);
        return map;
}

START_TEST(the_ids_of_the_host_stay_what_they_are) {
        OwnerMap map = owners(OWNERS_OF_HOST);

        ck_assert_uint_eq(owner_map_uid(&map, 0), 0);
        ck_assert_uint_eq(owner_map_gid(&map, 42), 42);
        ck_assert_uint_eq(owner_map_uid(&map, 500000), 500000);
}
END_TEST

START_TEST(the_caller_is_root_and_the_others_count_from_one) {
        OwnerMap map = owners(OWNERS_OF_CALLER);

        ck_assert_uint_eq(owner_map_uid(&map, 4242), 0);
        ck_assert_uint_eq(owner_map_uid(&map, 500000), 1);
        ck_assert_uint_eq(owner_map_gid(&map, 500999), 1000);
        ck_assert_uint_eq(owner_map_gid(&map, 501000), 1001);
        ck_assert_uint_eq(owner_map_uid(&map, 565534), 65535);
        ck_assert_uint_eq(owner_map_uid(&map, 565535), 565535);
        ck_assert_uint_eq(owner_map_uid(&map, 0), 0);
        ck_assert_uint_eq(owner_map_uid(&map, 77), 77);
}
END_TEST

START_TEST(our_own_layout_is_read_as_instances_see_it) {
        OwnerMap map = owners(OWNERS_OF_OURS);

        ck_assert_uint_eq(owner_map_uid(&map, 500000), 0);
        ck_assert_uint_eq(owner_map_uid(&map, 4242), 1000);
        ck_assert_uint_eq(owner_map_gid(&map, 501000), 1001);
        ck_assert_uint_eq(owner_map_gid(&map, 12), 12);
}
END_TEST

START_TEST(the_owner_of_the_directory_says_how_it_was_made) {
        _cleanup_close_ int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        OwnerMap map;

        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_int_eq(owner_map_read(fd, "0 500000 1\n", "0 500000 1\n", &map), 0);
        ck_assert_int_eq(map.kind, st.st_uid == 0           ? OWNERS_OF_HOST
                                   : st.st_uid == geteuid() ? OWNERS_OF_CALLER
                                                            : OWNERS_OF_HOST);
        ck_assert_int_eq(owner_map_read(fd, "no map", "0 500000 1\n", &map), -EBADMSG);
        ck_assert_int_eq(owner_map_read(-1, "0 1 1\n", "0 1 1\n", &map), -EBADF);
}
END_TEST

int main(void) {
        return RUN_TESTS("worker-owners", the_ids_of_the_host_stay_what_they_are,
                         the_caller_is_root_and_the_others_count_from_one, our_own_layout_is_read_as_instances_see_it,
                         the_owner_of_the_directory_says_how_it_was_made);
}
