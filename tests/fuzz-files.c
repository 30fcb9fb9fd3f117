/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text files that somebody else wrote: subuid(5), lxss.conf, os-release(5), a damaged
 * distribution.conf. The first byte chooses. */

#include "daemon/conf-salvage.h"
#include "daemon/id-map.h"
#include "daemon/settings.h"
#include "daemon/worker-root.h"
#include "shared/text.h"
#include "tests/fuzz.h"

static void check_subids(const char *text) {
        const uint32_t own = 1000;
        IdRange ranges[8];
        uint64_t next = 0;
        IdMap map;
        size_t n;

        n = id_map_parse_subids(text, "a", own, own, ranges, ELEMENTSOF(ranges));
        for (size_t i = 0; i < n; i++) {
                uint64_t end = (uint64_t)ranges[i].outside + ranges[i].count;

                FUZZ_REQUIRE(ranges[i].outside > 0 && ranges[i].count > 0 && end <= UINT32_MAX);
                FUZZ_REQUIRE(own < ranges[i].outside || own >= end);
                for (size_t j = 0; j < i; j++)
                        FUZZ_REQUIRE(end <= ranges[j].outside ||
                                     ranges[i].outside >= (uint64_t)ranges[j].outside + ranges[j].count);
        }
        if (id_map_compose(ranges, n, own, &map) < 0)
                return;
        for (size_t i = 0; i < map.n_ranges; i++) {
                FUZZ_REQUIRE(map.ranges[i].inside == next && map.ranges[i].count > 0);
                next += map.ranges[i].count;
        }
        FUZZ_REQUIRE(next > ID_DEFAULT_USER && next <= ID_COUNT);
}

static void check_settings(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = fuzz_file(data, size);
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
        InstanceSettings instance = { 0 };

        settings_free(settings_load(path));
        settings_load_instance(path, &instance);
}

static void check_release(const char *text) {
        char release[WORKER_RELEASE_MAX + 1];

        worker_parse_release(text, release);
        FUZZ_REQUIRE(strlen(release) <= WORKER_RELEASE_MAX && text_is_printable(release, strlen(release)));
}

/* What was salvaged is sound: it can be written, and nothing is lost of it the next time. */
static void check_salvage(const uint8_t *data, size_t size) {
        g_autoptr(GKeyFile) first = conf_salvage((const char *)data, size), second = NULL;
        g_autofree char *text = g_key_file_to_data(first, &size, NULL), *again = NULL;

        second = conf_salvage(text, size);
        again = g_key_file_to_data(second, NULL, NULL);
        FUZZ_REQUIRE(streq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;

        if (size == 0)
                return 0;
        text = fuzz_string(data + 1, size - 1);
        switch (data[0] % 4) {
        case 0:
                check_subids(text);
                break;
        case 1:
                check_settings(data + 1, size - 1);
                break;
        case 2:
                check_release(text);
                break;
        default:
                check_salvage(data + 1, size - 1);
        }
        return 0;
}
