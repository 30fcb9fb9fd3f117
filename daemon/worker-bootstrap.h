/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-ids.h"
#include "daemon/worker-report.h"

/* Makes a Debian or Ubuntu of this suite in the empty directory `root`, through
 * mmdebstrap and the host's own package sources. `temporary` is an existing
 * directory for mmdebstrap's own files. As PID 1 it reaps whatever mmdebstrap
 * leaves behind, and ends it. Returns 0 or negative errno with the reason in *reterr. */
int worker_bootstrap(const char *suite, const char *root, const char *temporary, WorkerProgress *progress,
                     WorkerReport *reterr);

/* Whether mmdebstrap can work here at all: it gives files to several users.
 * Returns 0 or negative errno with the reason in *reterr. */
int worker_bootstrap_check(const char *suite, const IdMap *uids, const IdMap *gids, WorkerReport *reterr);

/* What a failed mmdebstrap said, as far as it is worth repeating. */
typedef struct BootstrapOutput {
        char error[512];        /* the first; "" where there was none */
        bool release_missing;   /* the mirror does not have the suite */
        bool no_space;
} BootstrapOutput;

/* Takes one line of mmdebstrap's output. Returns how far it is, in permille, or -1. Pure. */
int worker_bootstrap_read_line(BootstrapOutput *output, const char *line);
