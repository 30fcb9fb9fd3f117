/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-layer.h"
#include "daemon/worker-owners.h"
#include "daemon/worker-report.h"
#include "shared/archive-format.h"

/* Writes everything below the working directory (worker_enter_root() first, unless
 * the user may be trusted with it) to `target` as an archive from which worker_extract() makes the same
 * again: owners (as the map says; NULL: as they are), modes, times, hard links, holes, and those extended attributes
 * that it restores. Other file systems mounted below are left out, and what lxssd
 * itself puts into a root to mount upon. Sockets have no place in an archive.
 * Returns 0 or negative errno with the reason in *reterr; what is in target then
 * is worth nothing. */
int worker_archive(int target, ArchiveFormat format, const OwnerMap *owners, WorkerProgress *progress,
                   WorkerReport *reterr);

/* The same as a layer of an image: what the writer then knows is that of the whole archive. */
int worker_archive_layer(int target, LayerWriter *writer, WorkerProgress *progress, WorkerReport *reterr);
