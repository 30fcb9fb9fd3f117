/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel takes no more lines in a map (user_namespaces(7)). */
#define ID_MAP_MAX 340

/* Which user or group ids exist in this user namespace. */
typedef struct IdMap {
        struct {
                uint32_t first, below, count; /* below: what first is in the namespace that this one is in */
        } ranges[ID_MAP_MAX];
        size_t n_ranges;
} IdMap;

/* Parses the text of /proc/PID/uid_map or gid_map. Returns 0 or -EBADMSG. */
int id_map_parse(const char *text, IdMap *ret);

/* Reads and parses such a file. Returns 0 or negative errno. */
int id_map_read(const char *path, IdMap *ret);

/* The id inside of one that is below. Returns whether there is one. */
bool id_map_find(const IdMap *map, uint32_t below, uint32_t *ret);

bool id_map_contains(const IdMap *map, int64_t id);

/* Whether there is one id only: single-id mode, where nothing can be given to another owner. */
bool id_map_is_single(const IdMap *map);
