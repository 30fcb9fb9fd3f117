/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which layers there are, and how a distribution comes to stand on one. The step that
 * counts is one exchange of two directories (RENAME_EXCHANGE in rename(2)):
 *
 *   before   distributions/NAME = everything,          staging/ID = empty, distribution.conf says layers=ID
 *   after    distributions/NAME = empty, on layers=ID, staging/ID = everything
 *
 * and then staging/ID becomes layers/ID. Killed in between, the next lxssd finds in
 * staging what a distribution refers to, before it removes the rest. */

#include "daemon/registry-layers.h"

#include <stdio.h>
#include <sys/stat.h>

#include "daemon/directory.h"
#include "daemon/durable.h"
#include "daemon/log.h"
#include "daemon/registry-private.h"
#include "shared/util.h"

static bool has_root(const char *directory) {
        g_autofree char *root = g_build_filename(directory, "rootfs", NULL);

        return g_file_test(root, G_FILE_TEST_IS_DIR) && !g_file_test(root, G_FILE_TEST_IS_SYMLINK);
}

/* What was interrupted between the exchange and this. */
static bool find_layer(Registry *registry, const char *id) {
        g_autofree char *here = g_build_filename(registry->layers, id, NULL);
        g_autofree char *staged = g_build_filename(registry->staging, id, NULL);
        int r;

        if (has_root(here))
                return true;
        if (!has_root(staged))
                return false;
        r = durable_rename(staged, here);
        if (r < 0)
                log_warning("Cannot move %s to %s: %s", staged, here, g_strerror(-r));
        return r >= 0;
}

/* The first that is missing, after all have been looked for. */
static const char *find_missing(Registry *registry, char *const *layers) {
        const char *missing = NULL;

        for (; layers && *layers; layers++)
                if (!find_layer(registry, *layers) && !missing)
                        missing = *layers;
        return missing;
}

void registry_forget_layers(Distribution *d) {
        g_clear_pointer(&d->layers, g_strfreev);
        g_clear_pointer(&d->snapshots, g_ptr_array_unref);
}

int registry_load_layers(Registry *registry, Distribution *d, GKeyFile *file, char **ret_problem) {
        g_autofree char *work = g_build_filename(d->directory, "work", NULL);
        const char *missing;
        guint damaged;

        registry_forget_layers(d);
        d->snapshots = snapshots_load(file, &damaged);
        d->refers_unknown = damaged > 0;
        if (damaged > 0)
                log_warning("%s: its distribution.conf has %u snapshots that make no sense.", d->name, damaged);
        for (guint i = 0; i < d->snapshots->len; i++) {
                const Snapshot *snapshot = d->snapshots->pdata[i];

                missing = find_missing(registry, snapshot->layers);
                if (missing)
                        log_warning("%s: the layer %s of its snapshot %s is missing.", d->name, missing,
                                    snapshot->name);
        }
        if (layers_load(file, "distribution", &d->layers) < 0 ||
            (!d->layers && g_file_test(work, G_FILE_TEST_EXISTS))) {
                d->refers_unknown = true;
                *ret_problem = g_strdup("its distribution.conf does not say on which layers it stands");
                return -EBADMSG;
        }
        missing = find_missing(registry, d->layers);
        if (!missing)
                return 0;
        *ret_problem = g_strdup_printf("the layer %s that it stands on is missing in %s", missing, registry->layers);
        return -ENOENT;
}

char *registry_layer_path(const Registry *registry, const char *id) {
        return g_build_filename(registry->layers, id, "rootfs", NULL);
}

char **registry_stack(const Registry *registry, const Distribution *d, bool writable) {
        size_t n = g_strv_length(d->layers);
        char **stack = g_new0(char *, n + 2);

        stack[0] = g_strdup(writable ? d->directory : d->rootfs);
        for (size_t i = 0; i < n; i++)
                stack[i + 1] = registry_layer_path(registry, d->layers[i]);
        return stack;
}

/* What cannot be read counts as full. */
static bool is_empty(const char *directory) {
        g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);

        return dir && !g_dir_read_name(dir);
}

bool registry_is_unchanged(const Registry *registry, const Distribution *d) {
        g_autofree char *below = d->layers ? registry_layer_path(registry, d->layers[0]) : NULL;
        struct stat ours, theirs;

        return below && stat(d->rootfs, &ours) == 0 && stat(below, &theirs) == 0 && ours.st_mode == theirs.st_mode &&
               ours.st_uid == theirs.st_uid && ours.st_gid == theirs.st_gid && is_empty(d->rootfs);
}

int registry_check_layerable(const Distribution *d, sd_bus_error *reterr) {
        if (d->location)
                return error_set(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                 "The files of %s are in %s, and layers are in the usual place only. Move them back "
                                 "with: lxctl move --back %s",
                                 d->name, d->location, d->name);
        if (!d->layers || g_strv_length(d->layers) < LAYERS_MAX)
                return 0;
        return error_set(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                         "%s stands on %d layers, and more are not possible. A flat one is made by: lxctl clone "
                         "--copy %s NEW",
                         d->name, LAYERS_MAX, d->name);
}

/* ---------------------------------------------------------------- the exchange */

static int exchange(const char *a, const char *b) {
        return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0 ? -errno : 0;
}

/* One commit of the journal holds all three, where there is one; the other calls find nothing more to do. */
static int sync_all(const Registry *registry) {
        int r = durable_sync_directory(registry->distributions);

        if (r == 0)
                r = durable_sync_directory(registry->layers);
        return r < 0 ? r : durable_sync_directory(registry->staging);
}

static int rename_to_nothing(const char *from, const char *to) {
        return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* The distribution's directory becomes a layer, and staging the distribution's. What cannot be made durable is taken
 * back, as in daemon/durable.h; where not even that can be, it is done. */
static int swap(Registry *registry, const Distribution *d, const char *staging) {
        g_autofree char *id = g_path_get_basename(staging);
        g_autofree char *layer = g_build_filename(registry->layers, id, NULL);
        int r;

        if (g_file_test(layer, G_FILE_TEST_EXISTS))
                return -EEXIST; /* one chance in 62^6 */
        r = exchange(staging, d->directory);
        if (r < 0)
                return r;
        r = rename_to_nothing(staging, layer);
        if (r == 0) {
                r = sync_all(registry);
                if (r == 0 || rename_to_nothing(layer, staging) < 0)
                        return 0;
        }
        if (exchange(staging, d->directory) == 0)
                return r;
        log_warning("The layer %s stays in %s; the next start of lxssd moves it to %s.", id, registry->staging,
                    registry->layers);
        return 0;
}

/* Takes the layers over. */
static int stand_on(Registry *registry, Distribution *d, char **layers, const char *staging, sd_bus_error *reterr) {
        char **before = d->layers;
        int r;

        d->layers = layers;
        r = directory_make_private(registry->layers, reterr);
        if (r >= 0)
                r = registry_furnish(d, d, staging, reterr);
        if (r >= 0) {
                r = durable_sync_directory(staging);
                if (r >= 0)
                        r = swap(registry, d, staging);
                if (r < 0)
                        error_set(reterr, r == -ENOSPC || r == -EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The directory of %s cannot be made a layer: %s", d->name, g_strerror(-r));
        }
        if (r < 0) {
                d->layers = before;
                g_strfreev(layers);
                (void)registry_hand_over(staging); /* to the worker that removes it */
                return r;
        }
        g_strfreev(before);
        return 0;
}

int registry_freeze(Registry *registry, Distribution *d, const char *staging, sd_bus_error *reterr) {
        g_autofree char *id = g_path_get_basename(staging);
        int r = registry_check_layerable(d, reterr);

        return r < 0 ? r : stand_on(registry, d, layers_push(id, d->layers), staging, reterr);
}

int registry_restore(Registry *registry, Distribution *d, char *const *layers, const char *staging,
                     sd_bus_error *reterr) {
        const char *missing = find_missing(registry, layers);

        if (missing)
                return error_set(reterr, LXSS_ERROR_FAILED,
                                 "The layer %s that this state of %s stands on is missing in %s.", missing, d->name,
                                 registry->layers);
        return stand_on(registry, d, g_strdupv((char **)layers), staging, reterr);
}

/* ------------------------------------------------------- what is no longer needed */

static void note_layers(GHashTable *set, char *const *layers) {
        for (; layers && *layers; layers++)
                (void)g_hash_table_add(set, *layers);
}

/* Names, borrowed. NULL where that cannot be known. */
static GHashTable *layers_in_use(Registry *registry) {
        g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash, g_str_equal);
        GHashTableIter i;
        void *p;

        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                const Distribution *d = p;

                if (d->refers_unknown)
                        return NULL;
                note_layers(set, d->layers);
                for (guint n = 0; d->snapshots && n < d->snapshots->len; n++)
                        note_layers(set, ((Snapshot *)d->snapshots->pdata[n])->layers);
        }
        return g_steal_pointer(&set);
}

static char *withdraw(Registry *registry, const char *id) {
        g_autofree char *layer = g_build_filename(registry->layers, id, NULL), *target = NULL;
        int r = durable_move_into(layer, registry->staging, &target);

        if (r < 0) {
                log_warning("Cannot move %s away: %s", layer, g_strerror(-r));
                return NULL;
        }
        (void)registry_hand_over(target);
        return g_steal_pointer(&target);
}

char **registry_withdraw_layers(Registry *registry) {
        g_autoptr(GHashTable) used = layers_in_use(registry);
        g_autoptr(GDir) dir = used ? g_dir_open(registry->layers, 0, NULL) : NULL;
        GPtrArray *paths = g_ptr_array_new();

        for (const char *id; dir && (id = g_dir_read_name(dir));) {
                bool ours = layer_id_is_valid(id);
                char *path = !ours || g_hash_table_contains(used, id) ? NULL : withdraw(registry, id);

                if (path)
                        g_ptr_array_add(paths, path);
        }
        g_ptr_array_add(paths, NULL);
        return (char **)g_ptr_array_free(paths, FALSE);
}
