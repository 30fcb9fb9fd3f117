/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Makes sure that the distribution has a default user with uid 1000: one that it
 * brings along, else a new one, named like `wanted` as far as that is possible.
 * Call it after worker_enter_root(). Writes the name to ret_name ("root" where
 * the distribution has no user database). Returns 0 or negative errno with the
 * reason in *reterr. */
int worker_user_configure(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1], WorkerReport *reterr);

/* The name of the user with this id, who may be root, in the user database as it is.
 * Call it after worker_enter_root(). Returns 0 or -ENOENT. */
int worker_user_find(unsigned uid, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* Makes a valid user name of any bytes: lower case, what does not fit becomes "_"; "user" where nothing is left. */
void worker_user_sanitize(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1]);
