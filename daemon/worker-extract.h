/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-ids.h"
#include "daemon/worker-report.h"

typedef struct ArchiveSource {
        int fd;
        const char *sha256; /* what it must be, in lower-case hexadecimal; NULL: anything */
        uint64_t max_size;  /* see worker_limit_check() */
} ArchiveSource;

/* Unpacks a tar or cpio archive into the root directory of this process: call it
 * after worker_enter_root(), so that nothing in the archive can name a place
 * outside. Reports progress where the archive's size is known.
 * Returns 0 or negative errno with the reason in *reterr. */
int worker_extract(const ArchiveSource *source, const IdMap *uids, const IdMap *gids, WorkerProgress *progress,
                   WorkerReport *reterr);
