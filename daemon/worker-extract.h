/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-filesystem.h"
#include "daemon/worker-ids.h"
#include "daemon/worker-layout.h"
#include "daemon/worker-report.h"
#include "daemon/worker-stream.h"

typedef struct ExtractOrder {
        const IdMap *uids, *gids; /* that there are */
        const char *sha256;       /* what the source must be, in lower-case hexadecimal; NULL: anything */
        uint64_t max_size;        /* see worker_limit_check() */
        WorkerProgress *progress; /* is told where the source's size is known */
} ExtractOrder;

/* Unpacks the tar or cpio archive that is read from `source` (taken over) into the root directory
 * of this process: call it after worker_enter_root(), so that nothing in the
 * archive can name a place outside.
 * Returns 0 or negative errno with the reason in *reterr. */
int worker_extract(WorkerStream *source, const ExtractOrder *order, WorkerReport *reterr);

/* The same for a tar that was made of a file system on its way here. Zeros become holes. */
int worker_extract_filesystem(WorkerStream *tar, const FilesystemAmount *amount, const ExtractOrder *order,
                              WorkerReport *reterr);

/* To the end of a hashed stream. NULL: anything will do. */
int worker_verify_sha256(WorkerStream *stream, const char *wanted, WorkerReport *reterr);

/* The same with the layers of an image, one over the other; each must have the
 * SHA-256 that is its name. */
int worker_extract_layers(const ImageLayers *layers, const ExtractOrder *order, WorkerReport *reterr);
