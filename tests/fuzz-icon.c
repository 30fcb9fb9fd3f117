/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A distribution's icon: what is taken lies within the bytes and is of its kind. */

#include "daemon/worker-icon.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerIcon icon, again;

        if (worker_icon_find(data, size, &icon) < 0)
                return 0;
        FUZZ_REQUIRE(icon.bytes >= data && icon.size > 0 && icon.size <= size &&
                     (size_t)(icon.bytes - data) <= size - icon.size);
        FUZZ_REQUIRE(worker_icon_find(icon.bytes, icon.size, &again) == 0);
        FUZZ_REQUIRE(streq(again.format, icon.format) && again.bytes == icon.bytes && again.size == icon.size);
        return 0;
}
