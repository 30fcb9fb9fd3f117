/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What lxssd and the first launch say to each other: both ways, and nothing else. */

#include "shared/oobe-protocol.h"
#include "tests/test.h"

START_TEST(a_result_survives_the_way) {
        static const char *const users[] = { "", "anna", "1000", "Max.M_2-x" };

        for (size_t i = 0; i < ELEMENTSOF(users); i++) {
                char packet[OOBE_RESULT_MAX + 1];
                size_t n = oobe_result_encode(users[i], packet);
                const char *user;

                packet[n] = '\0';
                ck_assert_int_eq(oobe_result_decode(packet, n, &user), 0);
                ck_assert_str_eq(user, users[i]);
        }
}
END_TEST

START_TEST(other_results_are_refused) {
        static const char *const bad[] = { "",         "don",     "Done",    "done ",     "done  anna", "done anna ",
                                           "done a:b", "done -x", "done .x", "done a\nb", "doneanna",   "failed" };
        char longest[OOBE_RESULT_MAX + 2];
        const char *user = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(oobe_result_decode(bad[i], strlen(bad[i]), &user) == -EBADMSG, "%s", bad[i]);
        ck_assert_int_eq(oobe_result_decode("done a\0b", 8, &user), -EBADMSG);
        memset(longest, 'a', sizeof(longest));
        memcpy(longest, "done ", 5);
        longest[5 + OOBE_USER_MAX + 1] = '\0';
        ck_assert_int_eq(oobe_result_decode(longest, strlen(longest), &user), -EBADMSG);
        longest[5 + OOBE_USER_MAX] = '\0';
        ck_assert_int_eq(oobe_result_decode(longest, strlen(longest), &user), 0);
}
END_TEST

START_TEST(orders_survive_the_way_and_fit_or_are_refused) {
        OobeOrders orders = { "Ünal Ü", "/mnt/host/home/a b\n", "~/x" }, back;
        char packet[OOBE_ORDERS_MAX], long_path[OOBE_ORDERS_MAX];
        ssize_t n = oobe_orders_encode(&orders, packet);

        ck_assert_int_gt(n, 0);
        ck_assert_int_eq(oobe_orders_decode(packet, (size_t)n, &back), 0);
        ck_assert_str_eq(back.user, orders.user);
        ck_assert_str_eq(back.cwd, orders.cwd);
        ck_assert_str_eq(back.directory, orders.directory);
        for (ssize_t i = 0; i < n; i++)
                ck_assert_int_eq(oobe_orders_decode(packet, (size_t)i, &back), -EBADMSG);
        packet[n] = '\0';
        ck_assert_int_eq(oobe_orders_decode(packet, (size_t)n + 1, &back), -EBADMSG);
        ck_assert_int_eq(oobe_orders_decode("\0\0", 3, &back), -EBADMSG);

        memset(long_path, 'x', sizeof(long_path));
        long_path[sizeof(long_path) - 1] = '\0';
        orders.cwd = long_path;
        ck_assert_int_eq(oobe_orders_encode(&orders, packet), -ENAMETOOLONG);
}
END_TEST

int main(void) {
        return RUN_TESTS("oobe-protocol", a_result_survives_the_way, other_results_are_refused,
                         orders_survive_the_way_and_fit_or_are_refused);
}
