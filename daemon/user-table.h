/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Tables are texts as passwd(5) and its relatives have them. */

/* The uid that is the calling user's own in every instance. */
#define USER_DEFAULT_UID 1000

/* Whether a line's first field is exactly this name. */
bool user_table_has_name(const char *table, const char *name);

/* The name of the first entry of passwd(5) or group(5) with this id that has a
 * usable name. Ids are strict: "01000" or "+1000" is none. Returns 0 or -ENOENT. */
int user_table_find_id(const char *table, unsigned id, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* The first free id from `first` on that no entry uses, whatever its name. */
unsigned user_table_free_id(const char *table, unsigned first);

/* The table with this line at its end, malloc'ed. */
char *user_table_append(const char *table, const char *line);

/* The table with `user` as a further member of the groups in the list: the last
 * field of group(5) and gshadow(5). malloc'ed. */
char *user_table_join_groups(const char *table, const char *const *groups, const char *user);
