/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-ids.h"
#include "daemon/worker-layout.h"
#include "daemon/worker-report.h"

/* Unpacks the tar or cpio archive that is read from `source` into the root directory
 * of this process: call it after worker_enter_root(), so that nothing in the
 * archive can name a place outside. sha256: what the source must be, in lower-case
 * hexadecimal; NULL: anything. Reports progress where the archive's size is known.
 * Returns 0 or negative errno with the reason in *reterr. */
int worker_extract(int source, const char *sha256, const IdMap *uids, const IdMap *gids, WorkerProgress *progress,
                   WorkerReport *reterr);

/* The same with the layers of an image, one over the other; each must have the
 * SHA-256 that is its name. */
int worker_extract_layers(const ImageLayers *layers, const IdMap *uids, const IdMap *gids, WorkerProgress *progress,
                          WorkerReport *reterr);
