/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How user ids inside instances relate to the host's (user_namespaces(7),
 * subuid(5)). */

/* The user that the caller is inside. */
#define ID_DEFAULT_USER 1000u
/* As many ids as an instance ever needs: 16 bits' worth, nobody included. */
#define ID_COUNT 65536u
#define ID_MAP_MAX 32

/* Where root keeps distributions' files: systemd's "foreign UID range", ids that no process runs with. */
#define ID_STORE_BASE 0x7FFE0000u
/* From here each distribution of root gets ID_COUNT ids for its processes; systemd's UIDS-GIDS
 * document lists the range as unused. */
#define ID_SLOT_BASE 0x70000000u
#define ID_SLOT_MAX ((ID_STORE_BASE - ID_SLOT_BASE) / ID_COUNT)

typedef enum IdMode {
        ID_MODE_ROOT,   /* lxssd is root: a range of its own for each distribution */
        ID_MODE_SUBIDS, /* the user's subordinate ids */
        ID_MODE_SINGLE, /* only root inside, who is the user outside */
        ID_MODE_MAX,
        ID_MODE_INVALID = -22,
} IdMode;

const char *id_mode_to_string(IdMode mode);
IdMode id_mode_from_string(const char *s);

typedef struct IdRange {
        uint32_t inside, outside, count;
} IdRange;

typedef struct IdMap {
        IdRange ranges[ID_MAP_MAX];
        size_t n_ranges;
} IdMap;

/* Collects the ranges of a user from the text of /etc/subuid or /etc/subgid
 * (or of getsubids(1)), by name or by number; "inside" stays 0. Ranges that
 * hold 0 or the user's own id, or that overlap an earlier one, are left out:
 * nobody may be given those. Returns the number of ranges. */
size_t id_map_parse_subids(const char *text, const char *user, uid_t uid, uint32_t own_id, IdRange *ret, size_t max);

/* Makes the map of an instance: ID_DEFAULT_USER is own_id, the ids around it
 * come from the ranges, up to ID_COUNT. Returns 0, or -ENOENT where the ranges
 * do not even reach up to ID_DEFAULT_USER. */
int id_map_compose(const IdRange *ranges, size_t n_ranges, uint32_t own_id, IdMap *ret);

/* One range. */
IdMap id_map_single(uint32_t inside, uint32_t outside, uint32_t count);

/* The same ids inside and outside: the map of a user namespace within one that has this map. */
IdMap id_map_identity(const IdMap *map);

/* The form that /proc/PID/uid_map takes; malloc'ed, NULL on out of memory. */
char *id_map_to_text(const IdMap *map);
