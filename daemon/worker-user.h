/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* The uid that is the calling user's own in every instance. */
#define WORKER_DEFAULT_UID 1000

/* Makes sure that the distribution has a default user with uid 1000: one that it
 * brings along, else a new one, named like `wanted` as far as that is possible.
 * Call it after worker_enter_root(). Writes the name to ret_name ("root" where
 * the distribution has no user database). Returns 0 or negative errno with the
 * reason in *reterr. */
int worker_user_configure(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1], WorkerReport *reterr);

/* The name of the user with this id, who may be root, in the user database as it is.
 * Call it after worker_enter_root(). Returns 0 or -ENOENT. */
int worker_user_find(unsigned uid, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* What follows is pure, for the tests. Tables are texts as passwd(5) and its relatives have them. */

/* Makes a valid user name of any bytes: lower case, what does not fit becomes "_"; "user" where nothing is left. */
void worker_user_sanitize(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* Whether a line's first field is exactly this name. */
bool worker_table_has_name(const char *table, const char *name);

/* The name of the first entry of passwd(5) or group(5) with this id that has a
 * usable name. Ids are strict: "01000" or "+1000" is none. Returns 0 or -ENOENT. */
int worker_table_find_id(const char *table, unsigned id, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* The first free id from `first` on that no entry uses, whatever its name. */
unsigned worker_table_free_id(const char *table, unsigned first);

/* The table with this line at its end, malloc'ed. */
char *worker_table_append(const char *table, const char *line);

/* The table with `user` as a further member of the groups in the list: the last
 * field of group(5) and gshadow(5). malloc'ed. */
char *worker_table_join_groups(const char *table, const char *const *groups, const char *user);
