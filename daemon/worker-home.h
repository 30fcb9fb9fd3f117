/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "daemon/worker-report.h"

/* Makes /home/NAME with the contents of /etc/skel, all owned by uid and gid,
 * unless it is there already. Call it after worker_enter_root(). Returns 0 or
 * negative errno with the reason in *reterr. */
int worker_home_make(const char *name, uid_t uid, gid_t gid, WorkerReport *reterr);
