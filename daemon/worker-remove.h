/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Deletes everything below the directory `top` (which stays), and follows
 * neither links nor mounts. Goes on where something cannot be deleted. Returns
 * 0 or negative errno with the first failure in *reterr. The descriptor may be
 * O_PATH. */
int worker_remove_below(int top, WorkerReport *reterr);

/* The same with `name`, a directory in `parent`, which goes too. Absent is success. */
int worker_remove_directory(int parent, const char *name, WorkerReport *reterr);
