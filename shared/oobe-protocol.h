/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The first launch of a distribution that brings a command for it: what lxssd and
 * `/init oobe`, which runs that command in the caller's terminal and then becomes
 * the login shell, say to each other. A packet of a SOCK_SEQPACKET socketpair each:
 *
 *   /init → lxssd   "done" or "done USER": the command succeeded, and the
 *                   distribution's default user is to be USER. End of file without
 *                   it: it did not.
 *   lxssd → /init   USER, CWD and DIRECTORY, a NUL behind each: that is on disk; go
 *                   on as USER, whose shell starts where a launch with these would.
 *
 * Root of the instance may write what it likes into the first. */

#include <stddef.h>
#include <sys/types.h>

#include "shared/util.h"

#define OOBE_USER_MAX 64
#define OOBE_RESULT_MAX (OOBE_USER_MAX + 8)
#define OOBE_ORDERS_MAX (OOBE_USER_MAX + 2 * 4096 + 16)

/* Whether it can be told as a user: a name, or a number, of few characters. */
bool oobe_user_is_valid(const char *user);

/* user may be empty. Writes the packet to ret (OOBE_RESULT_MAX bytes) and returns its size. */
size_t oobe_result_encode(const char *user, char *ret);

/* Bytes are hostile. *ret_user is within them, which have a NUL behind their end: "" where none is named.
 * Returns 0 or -EBADMSG. */
int oobe_result_decode(const char *bytes, size_t size, const char **ret_user);

typedef struct OobeOrders {
        const char *user;            /* who need not be one that could be told: wsl.conf has any name */
        const char *cwd, *directory; /* may be empty */
} OobeOrders;

/* Writes the packet to ret (OOBE_ORDERS_MAX bytes) and returns its size; -ENAMETOOLONG. */
ssize_t oobe_orders_encode(const OobeOrders *orders, char *ret);

/* *ret points into the bytes. Returns 0 or -EBADMSG. */
int oobe_orders_decode(const char *bytes, size_t size, OobeOrders *ret);
