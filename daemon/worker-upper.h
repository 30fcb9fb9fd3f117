/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* What a distribution that stands on layers writes to (daemon/container-stack.h). */

/* Whether file systems can be stacked here: tried below `directory`, where nothing of it stays. Where not, the
 * error is HOST_UNSUITABLE. Returns 0 or negative errno with the reason in *reterr, as all of these do. */
int worker_upper_check(const char *directory, WorkerReport *reterr);

/* Makes an empty "rootfs" with the attributes of the directory `like`, and "work", in `directory`. */
int worker_upper_make(const char *directory, int like, WorkerReport *reterr);

/* All that has been written to this file system is on disk when this returns 0. */
int worker_upper_sync(const char *directory, WorkerReport *reterr);
