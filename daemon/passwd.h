/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "daemon/user-table.h"

/* The users of a distribution that does not run, from its own passwd(5). Its roots are what it stands on, topmost
 * first (registry_stack()): in the first that has the file it counts. */

/* Finds a user by exact name. Returns 0; -ENOENT where there is none; another
 * negative errno where the distribution's file cannot be read. */
int passwd_find(char *const *roots, const char *name, uint32_t *ret_uid);

/* The user whom an install takes for the default one, where nobody names another: the one whose id the distribution's
 * wsl-distribution.conf has, or else the one with the usual id. Errors as above. */
int passwd_find_default(char *const *roots, uint32_t usual, char ret_name[WORKER_USER_NAME_MAX + 1]);

/* The same in the text of such a file. Pure. */
int passwd_find_in(const char *text, const char *name, uint32_t *ret_uid);
