/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/registry-snapshots.h. What a snapshot holds are layers, so all that is done here is done to
 * distribution.conf. */

#include "daemon/registry-snapshots.h"

#include "daemon/registry-layers.h"
#include "daemon/text.h"
#include "shared/distribution-name.h"
#include "shared/util.h"

#define SNAPSHOTS_MAX 1000

static guint find_index(const Distribution *d, const char *name) {
        for (guint i = 0; d->snapshots && i < d->snapshots->len; i++)
                if (streq(((Snapshot *)d->snapshots->pdata[i])->name, name))
                        return i;
        return G_MAXUINT;
}

Snapshot *registry_find_snapshot(const Distribution *d, const char *name) {
        guint i = find_index(d, name);

        return i == G_MAXUINT ? NULL : d->snapshots->pdata[i];
}

int registry_resolve_snapshot(const Distribution *d, const char *name, Snapshot **ret, sd_bus_error *reterr) {
        guint n = d->snapshots ? d->snapshots->len : 0;
        Snapshot *found = NULL;

        if (n == 0)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_SNAPSHOT,
                                 "%s has no snapshots. One is made by: lxctl snapshot %s", d->name, d->name);
        found = str_empty(name) ? d->snapshots->pdata[n - 1] : registry_find_snapshot(d, name);
        if (!found) {
                g_autofree char *safe = text_printable(name, 80);

                return error_set(reterr, LXSS_ERROR_NO_SUCH_SNAPSHOT,
                                 "%s has no snapshot \"%s\". What it has: lxctl snapshots %s", d->name, safe, d->name);
        }
        *ret = found;
        return 0;
}

/* Of this second, with a number where there is one already. */
static char *name_by_time(const Distribution *d) {
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        g_autofree char *base = g_date_time_format(now, "%Y-%m-%d-%H%M%S");
        char *name = g_strdup(base);

        for (unsigned i = 2; registry_find_snapshot(d, name); i++) {
                g_free(name);
                name = g_strdup_printf("%s-%u", base, i);
        }
        return name;
}

int registry_name_snapshot(const Distribution *d, const char *wanted, char **ret, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;

        if (d->snapshots && d->snapshots->len >= SNAPSHOTS_MAX)
                return error_set(reterr, LXSS_ERROR_FAILED,
                                 "%s has %d snapshots already. Remove some with: lxctl snapshot --remove %s SNAPSHOT",
                                 d->name, SNAPSHOTS_MAX, d->name);
        if (str_empty(wanted)) {
                *ret = name_by_time(d);
                return 0;
        }
        safe = text_printable(wanted, 80);
        if (!distribution_name_is_valid(wanted))
                return error_set(reterr, LXSS_ERROR_INVALID_NAME,
                                 "\"%s\" cannot be a snapshot's name: it needs 1 to 64 letters, digits, dots, dashes "
                                 "or underscores, a letter or digit first.",
                                 safe);
        if (registry_find_snapshot(d, wanted))
                return error_set(reterr, LXSS_ERROR_SNAPSHOT_EXISTS,
                                 "%s has a snapshot %s already. Choose another name, or remove it first: lxctl "
                                 "snapshot --remove %s %s",
                                 d->name, wanted, d->name, wanted);
        *ret = g_strdup(wanted);
        return 0;
}

int registry_add_snapshot(Registry *registry, Distribution *d, const char *name, const char *staging,
                          sd_bus_error *reterr) {
        g_autofree char *id = staging ? g_path_get_basename(staging) : NULL;
        g_auto(GStrv) layers = staging ? layers_push(id, d->layers) : g_strdupv(d->layers);
        int r;

        if (!d->snapshots)
                d->snapshots = g_ptr_array_new_with_free_func(snapshot_free);
        g_ptr_array_add(d->snapshots, snapshot_new(name, g_get_real_time(), d->release, layers));
        r = staging ? registry_freeze(registry, d, staging, reterr) : registry_store(registry, d, reterr);
        if (r < 0)
                g_ptr_array_remove_index(d->snapshots, d->snapshots->len - 1);
        return r;
}

int registry_remove_snapshot(Registry *registry, Distribution *d, const char *name, sd_bus_error *reterr) {
        guint i = find_index(d, name);
        Snapshot *snapshot;
        int r;

        if (i == G_MAXUINT)
                return registry_resolve_snapshot(d, name, &snapshot, reterr);
        snapshot = g_ptr_array_steal_index(d->snapshots, i);
        r = registry_store(registry, d, reterr);
        if (r < 0)
                g_ptr_array_insert(d->snapshots, (gint)i, snapshot);
        else
                snapshot_free(snapshot);
        return r;
}
