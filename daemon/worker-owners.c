/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/worker-owners.h"

#include <sys/stat.h>

#include "shared/util.h"

int owner_map_read(int directory, const char *uid_map, const char *gid_map, OwnerMap *ret) {
        OwnerMap owners = { .own_uid = geteuid(), .own_gid = getegid(), .kind = OWNERS_OF_HOST };
        struct stat st;
        uint32_t inside;
        int r;

        if (fstat(directory, &st) < 0)
                return -errno;
        if ((r = id_map_parse(uid_map, &owners.uids)) < 0 || (r = id_map_parse(gid_map, &owners.gids)) < 0)
                return r;
        if (st.st_uid == 0)
                owners.kind = OWNERS_OF_HOST;
        else if (st.st_uid == owners.own_uid)
                owners.kind = OWNERS_OF_CALLER;
        else if (id_map_find(&owners.uids, st.st_uid, &inside) && inside == 0)
                owners.kind = OWNERS_OF_OURS;
        *ret = owners;
        return 0;
}

/* The subordinate ids in their order, counted from 1; the user's own is not among them. */
static bool find_subordinate(const IdMap *map, uint32_t own, uint32_t id, uint32_t *ret) {
        uint32_t before = 1;

        for (size_t i = 0; i < map->n_ranges; i++) {
                uint32_t below = map->ranges[i].below, count = map->ranges[i].count;

                if (own >= below && own - below < count)
                        continue;
                if (id >= below && id - below < count) {
                        *ret = before + (id - below);
                        return true;
                }
                before += count;
        }
        return false;
}

static uint32_t apply(const OwnerMap *owners, const IdMap *map, uint32_t own, uint32_t id) {
        uint32_t inside;

        switch (owners->kind) {
        case OWNERS_OF_CALLER:
                if (id == own)
                        return 0;
                return find_subordinate(map, own, id, &inside) ? inside : id;
        case OWNERS_OF_OURS:
                return id_map_find(map, id, &inside) ? inside : id;
        default:
                return id;
        }
}

uint32_t owner_map_uid(const OwnerMap *owners, uint32_t uid) {
        return apply(owners, &owners->uids, owners->own_uid, uid);
}

uint32_t owner_map_gid(const OwnerMap *owners, uint32_t gid) {
        return apply(owners, &owners->gids, owners->own_gid, gid);
}
