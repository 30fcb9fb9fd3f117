/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layers and snapshots in a distribution.conf that somebody has edited or a disk has damaged: what is taken of
 * them can be the names of directories and nothing else, and comes back as it was when it is written and read again.
 */

#include "daemon/layer.h"
#include "shared/distribution-name.h"
#include "tests/fuzz.h"

#define GROUP "distribution"

static void check_ids(char *const *layers) {
        FUZZ_REQUIRE(layers[0] && g_strv_length((char **)layers) <= LAYERS_MAX);
        for (; *layers; layers++)
                FUZZ_REQUIRE(**layers && !strchr(*layers, '/') && **layers != '.');
}

static void check_same(const GPtrArray *a, const GPtrArray *b) {
        FUZZ_REQUIRE(a->len == b->len);
        for (guint i = 0; i < a->len; i++) {
                const Snapshot *x = a->pdata[i], *y = b->pdata[i];

                check_ids(x->layers);
                FUZZ_REQUIRE(distribution_name_is_valid(x->name));
                FUZZ_REQUIRE(i == 0 || ((const Snapshot *)a->pdata[i - 1])->time <= x->time);
                FUZZ_REQUIRE(streq(x->name, y->name) && x->time == y->time && streq(x->release, y->release) &&
                             layers_equal(x->layers, y->layers));
        }
}

static void check_round_trip(char *const *layers, const GPtrArray *snapshots) {
        g_autoptr(GKeyFile) first = g_key_file_new(), second = g_key_file_new();
        g_autoptr(GPtrArray) again = NULL;
        g_autofree char *text = NULL;
        g_auto(GStrv) same = NULL;
        gsize size;
        guint damaged;

        layers_store(first, GROUP, layers);
        snapshots_store(first, snapshots);
        text = g_key_file_to_data(first, &size, NULL);
        if (size > 0)
                FUZZ_REQUIRE(g_key_file_load_from_data(second, text, size, G_KEY_FILE_NONE, NULL));
        FUZZ_REQUIRE(layers_load(second, GROUP, &same) == 0 && layers_equal(layers, same));
        again = snapshots_load(second, &damaged);
        FUZZ_REQUIRE(damaged == 0);
        check_same(snapshots, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GPtrArray) snapshots = NULL;
        g_auto(GStrv) layers = NULL;
        guint damaged;

        if (!g_key_file_load_from_data(file, (const char *)data, size, G_KEY_FILE_KEEP_COMMENTS, NULL))
                return 0;
        if (layers_load(file, GROUP, &layers) == 0 && layers)
                check_ids(layers);
        snapshots = snapshots_load(file, &damaged);
        check_round_trip(layers, snapshots);
        return 0;
}
