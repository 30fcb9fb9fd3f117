/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the knowledge which ids the worker's user namespace has. Ids that are
 * not mapped cannot own files, and the kernel says so only with EINVAL: asking
 * first gives the user a sentence instead. */

#include "daemon/worker-ids.h"

#include <inttypes.h>
#include <stdio.h>

#include "shared/util.h"

int id_map_parse(const char *text, IdMap *ret) {
        IdMap map = { 0 };

        while (*text) {
                uint32_t first, below, count;
                int n = 0;

                if (sscanf(text, "%" SCNu32 " %" SCNu32 " %" SCNu32 "%n", &first, &below, &count, &n) != 3 ||
                    text[n] != '\n' || map.n_ranges == ID_MAP_MAX)
                        return -EBADMSG;
                map.ranges[map.n_ranges].first = first;
                map.ranges[map.n_ranges].below = below;
                map.ranges[map.n_ranges++].count = count;
                text += n + 1;
        }
        if (map.n_ranges == 0)
                return -EBADMSG;
        *ret = map;
        return 0;
}

int id_map_read(const char *path, IdMap *ret) {
        char text[ID_MAP_MAX * 36];
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read_up_to(fd, text, sizeof(text) - 1);
        if (n < 0)
                return (int)n;
        text[n] = '\0';
        return id_map_parse(text, ret);
}

bool id_map_find(const IdMap *map, uint32_t below, uint32_t *ret) {
        for (size_t i = 0; i < map->n_ranges; i++)
                if (below >= map->ranges[i].below && below - map->ranges[i].below < map->ranges[i].count) {
                        *ret = map->ranges[i].first + (below - map->ranges[i].below);
                        return true;
                }
        return false;
}

bool id_map_contains(const IdMap *map, int64_t id) {
        for (size_t i = 0; i < map->n_ranges; i++)
                if (id >= map->ranges[i].first && id - map->ranges[i].first < map->ranges[i].count)
                        return true;
        return false;
}

bool id_map_is_single(const IdMap *map) {
        return map->n_ranges == 1 && map->ranges[0].count == 1;
}
