/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arithmetic on id ranges. Reads no file and starts no tool: base-ids.c does. */

#include "daemon/id-map.h"

#include <stdio.h>

#include "shared/util.h"

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

/* Decimal digits and nothing else. */
static bool parse_number(const char *s, size_t n, uint32_t *ret) {
        uint64_t number = 0;

        if (n == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                number = number * 10 + (s[i] - '0');
                if (number >= UINT32_MAX)
                        return false;
        }
        *ret = number;
        return true;
}

static bool is_word(const char *s, size_t n, const char *word) {
        return strlen(word) == n && memcmp(s, word, n) == 0;
}

/* "alice:100000:65536", of n bytes. */
static bool parse_line(const char *line, size_t n, const char *user, const char *uid, IdRange *ret) {
        const char *end = line + n, *start, *count;
        IdRange range = { 0 };

        start = memchr(line, ':', n);
        count = start ? memchr(start + 1, ':', end - start - 1) : NULL;
        if (!count || (!is_word(line, start - line, user) && !is_word(line, start - line, uid)))
                return false;
        if (!parse_number(start + 1, count - start - 1, &range.outside) ||
            !parse_number(count + 1, end - count - 1, &range.count))
                return false;
        *ret = range;
        return true;
}

size_t id_map_parse_subids(const char *text, const char *user, uid_t uid, uint32_t own_id, IdRange *ret, size_t max) {
        char number[16];
        size_t n = 0;

        snprintf(number, sizeof(number), "%u", (unsigned)uid);
        while (*text && n < max) {
                size_t length = strcspn(text, "\n");
                IdRange range;

                if (parse_line(text, length, user, number, &range) && usable(&range, own_id, ret, n))
                        ret[n++] = range;
                text += length + (text[length] == '\n');
        }
        return n;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
        return a < b ? a : b;
}

static void add_range(IdMap *map, uint32_t inside, uint32_t outside, uint32_t count) {
        if (count > 0 && map->n_ranges < ID_MAP_MAX)
                map->ranges[map->n_ranges++] = (IdRange){ inside, outside, count };
}

int id_map_compose(const IdRange *ranges, size_t n_ranges, uint32_t own_id, IdMap *ret) {
        IdMap map = { 0 };
        uint32_t next = 0;

        for (size_t i = 0; i < n_ranges && next < ID_COUNT; i++) {
                uint32_t outside = ranges[i].outside, left = smaller(ranges[i].count, ID_COUNT - next);

                if (next < ID_DEFAULT_USER) {
                        uint32_t below = smaller(left, ID_DEFAULT_USER - next);

                        add_range(&map, next, outside, below);
                        next += below;
                        outside += below;
                        left -= below;
                        if (next == ID_DEFAULT_USER) {
                                add_range(&map, next, own_id, 1);
                                next++;
                        }
                }
                left = smaller(left, ID_COUNT - next);
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
        const size_t line = sizeof("4294967295 4294967295 4294967295\n");
        char *text = malloc(map->n_ranges * line + 1), *end = text;

        if (!text)
                return NULL;
        *end = '\0';
        for (size_t i = 0; i < map->n_ranges; i++)
                end += snprintf(end, line, "%u %u %u\n", map->ranges[i].inside, map->ranges[i].outside,
                                map->ranges[i].count);
        return text;
}
