/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

typedef struct FetchTransfer {
        const char *url;          /* file, http or https */
        unsigned patience;        /* seconds, see daemon/fetch-http.h */
        int target;
        WorkerProgress *progress;
} FetchTransfer;

/* Writes the archive behind a URL, as it is, to the target, as far as somebody reads
 * there. Gives up most of its rights: fetch_confine(). Returns 0 or negative errno
 * with the reason in *reterr. */
int fetch_transfer(const FetchTransfer *transfer, WorkerReport *reterr);
