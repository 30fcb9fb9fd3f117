/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the bounds for archives that were made to hurt. What the disk holds is no bound:
 * an honest archive may well fill it, and says so. Real root file systems have less than
 * a million members and shrink tenfold at most; the ratio counts only past a size that
 * even a sparse file's zeros rarely reach. */

#include "daemon/worker-limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MEMBERS_MAX UINT64_C(10000000)
#define RATIO_MAX 200
#define RATIO_FREE_BYTES (UINT64_C(4) << 30)

uint64_t worker_limit_bytes(uint64_t max_size, uint64_t consumed) {
        if (max_size > 0 || consumed <= RATIO_FREE_BYTES / RATIO_MAX)
                return max_size > 0 ? max_size : RATIO_FREE_BYTES;
        return consumed > UINT64_MAX / RATIO_MAX ? UINT64_MAX : consumed * RATIO_MAX;
}

int worker_limit_check(uint64_t max_size, const WorkerAmount *amount, char *ret_text, size_t size) {
        uint64_t members = max_size / 1024 > MEMBERS_MAX ? max_size / 1024 : MEMBERS_MAX;

        if (amount->members > members)
                (void)snprintf(ret_text, size, "has more than %" PRIu64 " members", members);
        else if (max_size > 0 && amount->bytes > max_size)
                (void)snprintf(ret_text, size, "unpacks to more than %" PRIu64 " bytes", max_size);
        else if (max_size == 0 && amount->bytes > RATIO_FREE_BYTES && amount->consumed > 0 &&
                 amount->bytes / RATIO_MAX > amount->consumed)
                (void)snprintf(ret_text, size, "unpacks to more than %d times its own size", RATIO_MAX);
        else
                return 0;
        return -EFBIG;
}
