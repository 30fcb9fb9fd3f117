/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"
#include "shared/archive-format.h"

/* Writes everything below the root directory of this process (worker_enter_root()
 * first) to `target` as an archive from which worker_extract() makes the same
 * again: owners, modes, times, hard links, holes, and those extended attributes
 * that it restores. Other file systems mounted below are left out, and what lxssd
 * itself puts into a root to mount upon. Sockets have no place in an archive.
 * Returns 0 or negative errno with the reason in *reterr; what is in target then
 * is worth nothing. */
int worker_archive(int target, ArchiveFormat format, WorkerProgress *progress, WorkerReport *reterr);
