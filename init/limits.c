/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See init/limits.h. */

#include "init/limits.h"

#include <sys/resource.h>

/* Sixteen full packets (unix(7), SCM_RIGHTS): whoever is not yet at the limit sends one more. Of a small limit
 * programs keep most. */
#define RESERVE_MAX 4096
#define RESERVE_PART 4

void limits_confine(void) {
        struct rlimit limit;
        rlim_t reserve;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        reserve = limit.rlim_max / RESERVE_PART;
        limit.rlim_max -= reserve < RESERVE_MAX ? reserve : RESERVE_MAX;
        if (limit.rlim_cur > limit.rlim_max)
                limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}
