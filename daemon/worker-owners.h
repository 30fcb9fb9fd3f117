/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-ids.h"

/* Who owns in the distribution what somebody owns in a directory of the host. The
 * directory's own owner tells how it came to be: root, then its ids are those of a
 * distribution; the user, then it was unpacked by the user alone or in a namespace
 * as unshare(1)'s --map-auto and Podman make them, where the user is root and the
 * subordinate ids follow from 1 on; or the id that is root in our own
 * distributions, then it is laid out as these are. */
typedef struct OwnerMap {
        IdMap uids, gids;         /* of our workers */
        uint32_t own_uid, own_gid; /* the user's */
        enum {
                OWNERS_OF_HOST,
                OWNERS_OF_CALLER,
                OWNERS_OF_OURS,
        } kind;
} OwnerMap;

/* uid_map and gid_map: text of /proc/PID/uid_map and gid_map. Returns 0 or negative errno. */
int owner_map_read(int directory, const char *uid_map, const char *gid_map, OwnerMap *ret);

/* Ids for which there is no rule stay what they are. */
uint32_t owner_map_uid(const OwnerMap *owners, uint32_t uid);
uint32_t owner_map_gid(const OwnerMap *owners, uint32_t gid);
