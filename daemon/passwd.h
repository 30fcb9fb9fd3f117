/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* The users of a distribution that does not run, from its own passwd(5). */

/* Finds a user by exact name. Returns 0; -ENOENT where there is none; another
 * negative errno where the distribution's file cannot be read. */
int passwd_find(const char *rootfs, const char *name, uint32_t *ret_uid);

/* The same in the text of such a file. Pure. */
int passwd_find_in(const char *text, const char *name, uint32_t *ret_uid);
