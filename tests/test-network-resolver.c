/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an instance with a network of its own has for a resolv.conf. */

#include <glib.h>

#include "daemon/network-resolver.h"
#include "tests/test.h"

#define ADDRESS "169.254.1.1"

START_TEST(nameservers_that_are_reached_leave_the_file_as_it_is) {
        static const char *const texts[] = {
                "",
                "nameserver 192.0.2.1\n",
                "# nameserver 127.0.0.53\nsearch example.org\n",
                "nameserver ::ffff:1\n",
                "nameserver\n",
                "nameserver127.0.0.1\n",
                "nameserver 12.7.0.0\nnameserver fe80::1%eth0",
                "options 127.0.0.1",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_ptr_null(network_resolver_compose(texts[i], ADDRESS));
}
END_TEST

START_TEST(nameservers_on_the_loopback_are_replaced_and_all_else_stays) {
        static const struct {
                const char *host, *own;
        } cases[] = {
                { "nameserver 127.0.0.53\n", "nameserver " ADDRESS "\n" },
                { "nameserver 127.0.0.53", "nameserver " ADDRESS "\n" },
                { "nameserver \t127.0.0.1 # here\r\n", "nameserver " ADDRESS "\n" },
                { "nameserver ::1\nnameserver 192.0.2.1\n", "nameserver " ADDRESS "\nnameserver 192.0.2.1\n" },
                { "nameserver 192.0.2.1\nnameserver 0.0.0.0", "nameserver 192.0.2.1\nnameserver " ADDRESS "\n" },
                { "search a b\nnameserver 127.0.0.1\nnameserver ::1\noptions edns0\n",
                  "search a b\nnameserver " ADDRESS "\noptions edns0\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autofree char *own = network_resolver_compose(cases[i].host, ADDRESS);

                ck_assert_str_eq(own, cases[i].own);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("network-resolver", nameservers_that_are_reached_leave_the_file_as_it_is,
                         nameservers_on_the_loopback_are_replaced_and_all_else_stays);
}
