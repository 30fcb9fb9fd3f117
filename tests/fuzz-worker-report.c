/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker's datagrams: what is accepted is printable and encodes to the same bytes again. */

#include "daemon/worker-report.h"
#include "shared/text.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char again[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport report;
        ssize_t n;

        if (worker_report_decode((const char *)data, size, &report) < 0)
                return 0;
        FUZZ_REQUIRE(text_is_printable(report.text, strlen(report.text)));
        n = worker_report_encode(&report, again, sizeof(again));
        FUZZ_REQUIRE(n >= 0 && (size_t)n == size && memcmp(again, data, size) == 0);
        return 0;
}
