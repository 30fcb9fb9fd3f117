/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/layer.h. */

#include "daemon/layer.h"

#include <errno.h>
#include <string.h>

#include "shared/distribution-name.h"

#define KEY "layers"
#define GROUP_PREFIX "snapshot "
#define ID_LENGTH_MAX 32

bool layer_id_is_valid(const char *id) {
        size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

        return n > 0 && n <= ID_LENGTH_MAX && !id[n];
}

int layers_load(GKeyFile *file, const char *group, char ***ret) {
        g_auto(GStrv) layers = NULL;
        gsize n = 0;

        if (!g_key_file_has_key(file, group, KEY, NULL)) {
                *ret = NULL;
                return 0;
        }
        layers = g_key_file_get_string_list(file, group, KEY, &n, NULL);
        if (!layers || n == 0 || n > LAYERS_MAX)
                return -EBADMSG;
        for (gsize i = 0; i < n; i++)
                if (!layer_id_is_valid(layers[i]))
                        return -EBADMSG;
        *ret = g_steal_pointer(&layers);
        return 0;
}

void layers_store(GKeyFile *file, const char *group, char *const *layers) {
        if (layers)
                g_key_file_set_string_list(file, group, KEY, (const char *const *)layers,
                                           g_strv_length((char **)layers));
        else
                (void)g_key_file_remove_key(file, group, KEY, NULL);
}

char **layers_push(const char *id, char *const *below) {
        size_t n = below ? g_strv_length((char **)below) : 0;
        char **layers = g_new0(char *, n + 2);

        layers[0] = g_strdup(id);
        for (size_t i = 0; i < n; i++)
                layers[i + 1] = g_strdup(below[i]);
        return layers;
}

bool layers_equal(char *const *a, char *const *b) {
        if (!a || !b)
                return a == b;
        return g_strv_equal((const char *const *)a, (const char *const *)b);
}

Snapshot *snapshot_new(const char *name, uint64_t time, const char *release, char *const *layers) {
        Snapshot *snapshot = g_new(Snapshot, 1);

        *snapshot = (Snapshot){ g_strdup(name), time, g_strdup(release ?: ""), g_strdupv((char **)layers) };
        return snapshot;
}

void snapshot_free(void *p) {
        Snapshot *snapshot = p;

        g_free(snapshot->name);
        g_free(snapshot->release);
        g_strfreev(snapshot->layers);
        g_free(snapshot);
}

static int compare_times(const void *a, const void *b) {
        const Snapshot *x = *(Snapshot *const *)a, *y = *(Snapshot *const *)b;

        return x->time < y->time ? -1 : x->time > y->time ? 1 : strcmp(x->name, y->name);
}

static const char *name_in_group(const char *group) {
        return g_str_has_prefix(group, GROUP_PREFIX) ? group + strlen(GROUP_PREFIX) : NULL;
}

GPtrArray *snapshots_load(GKeyFile *file, guint *ret_damaged) {
        GPtrArray *snapshots = g_ptr_array_new_with_free_func(snapshot_free);
        g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
        guint damaged = 0;

        for (char **group = groups; *group; group++) {
                const char *name = name_in_group(*group);
                g_autofree char *release = NULL;
                g_auto(GStrv) layers = NULL;

                if (!name)
                        continue;
                if (!distribution_name_is_valid(name) || layers_load(file, *group, &layers) < 0 || !layers) {
                        damaged++;
                        continue;
                }
                release = g_key_file_get_string(file, *group, "release", NULL);
                g_ptr_array_add(snapshots, snapshot_new(name, g_key_file_get_uint64(file, *group, "time", NULL),
                                                        release, layers));
        }
        g_ptr_array_sort(snapshots, compare_times);
        *ret_damaged = damaged;
        return snapshots;
}

void snapshots_store(GKeyFile *file, const GPtrArray *snapshots) {
        g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

        for (char **group = groups; *group; group++)
                if (name_in_group(*group))
                        (void)g_key_file_remove_group(file, *group, NULL);
        for (guint i = 0; snapshots && i < snapshots->len; i++) {
                const Snapshot *snapshot = snapshots->pdata[i];
                g_autofree char *group = g_strconcat(GROUP_PREFIX, snapshot->name, NULL);

                g_key_file_set_uint64(file, group, "time", snapshot->time);
                g_key_file_set_string(file, group, "release", snapshot->release);
                layers_store(file, group, snapshot->layers);
        }
}
