/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-owners.h"
#include "daemon/worker-report.h"

/* Writes what is below a directory to `target` as a tar for worker_extract(): see
 * worker_archive(). Changes the working directory. Returns 0 or negative errno with
 * the reason in *reterr. */
int fetch_directory(int directory, const OwnerMap *owners, int target, WorkerProgress *progress, WorkerReport *reterr);
