/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Catalogues as they are published, and as lxss-fetch passes them on: whatever is made
 * of the first goes through the second and comes out the same. */

#include "daemon/fetch-catalogue-json.h"
#include "tests/fuzz.h"

static void require_round_trip(const Catalogue *catalogue) {
        g_autoptr(GByteArray) bytes = catalogue_encode(catalogue), again = NULL;
        g_autoptr(Catalogue) decoded = NULL;

        if (bytes->len > CATALOGUE_SIZE_MAX)
                return;
        FUZZ_REQUIRE(catalogue_decode(bytes->data, bytes->len, &decoded) == 0);
        FUZZ_REQUIRE(decoded->len == catalogue->len);
        again = catalogue_encode(decoded);
        FUZZ_REQUIRE(again->len == bytes->len &&
                     (bytes->len == 0 || memcmp(again->data, bytes->data, bytes->len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(Catalogue) published = catalogue_new(), passed_on = NULL;
        WorkerReport report;

        if (catalogue_read_json(published, (const char *)data, size, "x86_64", "https://example.org/c.json",
                                &report) >= 0) {
                require_round_trip(published);
                (void)catalogue_suggest(published, "debian");
        }
        if (catalogue_decode(data, size, &passed_on) == 0)
                require_round_trip(passed_on);
        return 0;
}
