/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Who may call what: a table, and no for everything that is not in it. */

/* Whether a caller with this uid may call the member of the interface on an
 * lxssd that runs as owner. */
bool policy_allows(const char *interface, const char *member, uid_t caller, uid_t owner);
