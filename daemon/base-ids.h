/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/id-map.h"

/* Composes the maps of the calling user from the subordinate ids that it has
 * (subuid(5), subgid(5), or wherever getsubids(1) finds them). False where they
 * are too few or none. */
bool base_find_subids(IdMap *ret_uids, IdMap *ret_gids);

/* Writes them for a process in a new user namespace by newuidmap(1) and
 * newgidmap(1). Gives up where `watched`, a socket, hangs up in the meantime.
 * Returns 0; -EPERM where one of the two says no; or another negative errno. */
int base_map_subids(pid_t target, const IdMap *uids, const IdMap *gids, int watched);

/* The map of the calling user alone, who becomes root; it needs no help
 * (user_namespaces(7), "Defining user and group ID mappings"). 0 or negative errno. */
int base_map_single(pid_t target, IdMap *ret_uids, IdMap *ret_gids);
