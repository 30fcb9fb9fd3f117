/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit of open files, and what it was. */

#include "daemon/rlimit.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit original;
static bool raised;

void rlimit_raise_nofile(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        original = limit;
        limit.rlim_cur = limit.rlim_max;
        raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void rlimit_restore_nofile(void) {
        if (raised)
                (void)setrlimit(RLIMIT_NOFILE, &original);
}
