/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arithmetic on id ranges. Reads no file and starts no tool: userns.c does. */

#include "daemon/id-map.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const mode_names[ID_MODE_MAX] = {
        [ID_MODE_ROOT] = "root",
        [ID_MODE_SUBIDS] = "subids",
        [ID_MODE_SINGLE] = "single",
};

const char *id_mode_to_string(IdMode mode) {
        return mode >= 0 && mode < ID_MODE_MAX ? mode_names[mode] : NULL;
}

IdMode id_mode_from_string(const char *s) {
        for (IdMode m = 0; s && m < ID_MODE_MAX; m++)
                if (strcmp(mode_names[m], s) == 0)
                        return m;
        return ID_MODE_INVALID;
}

static bool overlaps(const IdRange *a, const IdRange *b) {
        return a->outside < (uint64_t)b->outside + b->count && b->outside < (uint64_t)a->outside + a->count;
}

static bool usable(const IdRange *range, uint32_t own_id, const IdRange *others, size_t n_others) {
        const IdRange own = { .outside = own_id, .count = 1 };

        if (range->count == 0 || range->outside == 0 || (uint64_t)range->outside + range->count > UINT32_MAX)
                return false;
        if (overlaps(range, &own))
                return false;
        for (size_t i = 0; i < n_others; i++)
                if (overlaps(range, &others[i]))
                        return false;
        return true;
}

/* "alice:100000:65536" */
static bool parse_line(const char *line, const char *user, uid_t uid, IdRange *ret) {
        g_auto(GStrv) fields = g_strsplit(line, ":", -1);
        g_autofree char *number = g_strdup_printf("%u", (unsigned)uid);
        guint64 start, count;

        if (g_strv_length(fields) != 3)
                return false;
        if (strcmp(fields[0], user) != 0 && strcmp(fields[0], number) != 0)
                return false;
        if (!g_ascii_string_to_unsigned(fields[1], 10, 0, UINT32_MAX - 1, &start, NULL) ||
            !g_ascii_string_to_unsigned(fields[2], 10, 0, UINT32_MAX - 1, &count, NULL))
                return false;
        *ret = (IdRange){ .outside = start, .count = count };
        return true;
}

size_t id_map_parse_subids(const char *text, const char *user, uid_t uid, uint32_t own_id, IdRange *ret, size_t max) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        size_t n = 0;

        for (char **line = lines; *line && n < max; line++) {
                IdRange range;

                if (parse_line(*line, user, uid, &range) && usable(&range, own_id, ret, n))
                        ret[n++] = range;
        }
        return n;
}

static void add_range(IdMap *map, uint32_t inside, uint32_t outside, uint32_t count) {
        if (count > 0 && map->n_ranges < ID_MAP_MAX)
                map->ranges[map->n_ranges++] = (IdRange){ inside, outside, count };
}

int id_map_compose(const IdRange *ranges, size_t n_ranges, uint32_t own_id, IdMap *ret) {
        IdMap map = { 0 };
        uint32_t next = 0;

        for (size_t i = 0; i < n_ranges && next < ID_COUNT; i++) {
                uint32_t outside = ranges[i].outside, left = MIN(ranges[i].count, ID_COUNT - next);

                if (next < ID_DEFAULT_USER) {
                        uint32_t below = MIN(left, ID_DEFAULT_USER - next);

                        add_range(&map, next, outside, below);
                        next += below;
                        outside += below;
                        left -= below;
                        if (next == ID_DEFAULT_USER) {
                                add_range(&map, next, own_id, 1);
                                next++;
                        }
                }
                left = MIN(left, ID_COUNT - next);
                add_range(&map, next, outside, left);
                next += left;
        }
        if (next <= ID_DEFAULT_USER)
                return -ENOENT;
        *ret = map;
        return 0;
}

IdMap id_map_single(uint32_t inside, uint32_t outside, uint32_t count) {
        return (IdMap){ .ranges = { { inside, outside, count } }, .n_ranges = 1 };
}

IdMap id_map_identity(const IdMap *map) {
        IdMap identity = *map;

        for (size_t i = 0; i < identity.n_ranges; i++)
                identity.ranges[i].outside = identity.ranges[i].inside;
        return identity;
}

char *id_map_to_text(const IdMap *map) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < map->n_ranges; i++)
                g_string_append_printf(text, "%u %u %u\n", map->ranges[i].inside, map->ranges[i].outside,
                                       map->ranges[i].count);
        return g_string_free(text, FALSE);
}
