/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* json-glib is there for images alone, and takes longer to load than all else that a worker is. In lxss-worker its
 * functions are those of this file until this has loaded it: before the worker enters a foreign root, whose library
 * it would be then, and before any of them is called. 0 or negative errno with the reason in *reterr. */
int worker_json_load(WorkerReport *reterr);
