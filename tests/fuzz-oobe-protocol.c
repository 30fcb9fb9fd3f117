/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What root of an instance may tell lxssd about its first launch: a user that can be noted, or nothing. */

#include "shared/oobe-protocol.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char bytes[OOBE_RESULT_MAX + 1], again[OOBE_RESULT_MAX];
        const char *user;
        OobeOrders orders;

        if (oobe_orders_decode((const char *)data, size, &orders) == 0)
                FUZZ_REQUIRE(strlen(orders.user) + strlen(orders.cwd) + strlen(orders.directory) + 3 == size);
        if (size > OOBE_RESULT_MAX)
                return 0;
        memcpy(bytes, data, size);
        bytes[size] = '\0';
        if (oobe_result_decode(bytes, size, &user) < 0)
                return 0;
        FUZZ_REQUIRE(!*user || oobe_user_is_valid(user));
        FUZZ_REQUIRE(oobe_result_encode(user, again) == size && memcmp(bytes, again, size) == 0);
        return 0;
}
