/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "daemon/worker-report.h"

/* Copies everything below the directory `source` into the root directory of this
 * process (worker_enter_root() first), which is empty: owners, modes, times, hard
 * links, holes, and the extended attributes that archives keep. Contents are
 * shared where the file system can (FICLONE in ioctl_ficlone(2)). Mounts below are
 * not entered, links not followed; sockets and device nodes are left out. Returns 0
 * or negative errno with the reason in *reterr. */
int worker_copy(int source, WorkerProgress *progress, WorkerReport *reterr);

/* The same attributes of one file (st: of `from`). Returns 0 or negative errno. */
int worker_copy_attributes(int from, int to, const struct stat *st);
