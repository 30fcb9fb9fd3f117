/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The operations that make a distribution stand on a layer: their time does not
 * grow with it. The worker makes empty directories, and sees whether they can be
 * written to above others; what is then done by renames is daemon/registry-layers.h. */

#include <sys/stat.h>

#include "daemon/log.h"
#include "daemon/operation-private.h"
#include "daemon/registry-layers.h"
#include "daemon/registry-snapshots.h"
#include "shared/util.h"

/* In staging: what the original goes on with, while the rest is the clone's. Its name is the worker's, too. */
#define ORIGINAL "original"

static int open_root(Operation *operation, const char *path, sd_bus_error *reterr) {
        operation->archive = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (operation->archive < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "%s cannot be opened: %s", path, g_strerror(errno));
        return registry_make_staging(operation->host->registry, &operation->work->staging, reterr);
}

static int make_original(Operation *operation, sd_bus_error *reterr) {
        g_autofree char *path = g_build_filename(operation->work->staging, ORIGINAL, NULL);
        int r = mkdir(path, 0700) < 0 ? -errno : registry_hand_over(path);

        return r < 0 ? error_set(reterr, r == -ENOSPC ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED, "Cannot make %s: %s",
                                 path, g_strerror(-r))
                     : 0;
}

/* "upper", or "uppers" for the original too. */
static int start_worker(Operation *operation, const char *root, bool with_original, sd_bus_error *reterr) {
        const char *argv[] = { "lxss-worker", with_original ? "uppers" : "upper", NULL };
        int r;

        operation->work->layered = true;
        r = operation_check_ids(operation, reterr);
        if (r >= 0)
                r = open_root(operation, root, reterr);
        if (r >= 0 && with_original)
                r = make_original(operation, reterr);
        return r < 0 ? r : operation_start_worker(operation, argv, reterr);
}

int operation_clone_layered(Operation *operation, sd_bus_error *reterr) {
        const Distribution *original = operation->held;

        return start_worker(operation, original->rootfs, !registry_is_unchanged(operation->host->registry, original),
                            reterr);
}

int operation_snapshot(Operation *operation, sd_bus_error *reterr) {
        Distribution *d = operation->held;
        int r;

        if (registry_is_unchanged(operation->host->registry, d)) {
                operation->work->layered = true;
                return 1;
        }
        r = registry_check_layerable(d, reterr);
        return r < 0 ? r : start_worker(operation, d->rootfs, false, reterr);
}

int operation_roll_back(Operation *operation, sd_bus_error *reterr) {
        g_autofree char *root = NULL;
        Snapshot *snapshot;
        int r;

        r = registry_resolve_snapshot(operation->held, operation->snapshot, &snapshot, reterr);
        if (r < 0)
                return r;
        root = registry_layer_path(operation->host->registry, snapshot->layers[0]);
        return start_worker(operation, root, false, reterr);
}

/* The original, under a name of its own in staging, which becomes that of the layer. */
static int freeze_original(Operation *operation, sd_bus_error *reterr) {
        Registry *registry = operation->host->registry;
        g_autofree char *path = g_build_filename(operation->work->staging, ORIGINAL, NULL), *staging = NULL;
        int r;

        if (access(path, F_OK) < 0)
                return 0; /* it has changed nothing */
        r = registry_make_staging(registry, &staging, reterr);
        if (r < 0)
                return r;
        if (rename(path, staging) < 0) {
                r = error_set(reterr, LXSS_ERROR_FAILED, "Cannot move %s to %s: %s", path, staging, g_strerror(errno));
                (void)rmdir(staging);
                return r;
        }
        r = registry_freeze(registry, operation->held, staging, reterr);
        if (r < 0 && rename(staging, path) < 0) /* to be removed with the rest */
                log_warning("%s is left; the next start of lxssd removes it.", staging);
        return r;
}

static int commit_clone(Operation *operation, sd_bus_error *reterr) {
        Distribution *d = operation->distribution, *original = operation->held;
        int r = freeze_original(operation, reterr);

        if (r < 0)
                return r;
        d->layers = g_strdupv(original->layers);
        return registry_commit(operation->host->registry, d, original, operation->work->staging, reterr);
}

static int commit_roll_back(Operation *operation, sd_bus_error *reterr) {
        Snapshot *snapshot;
        int r = registry_resolve_snapshot(operation->held, operation->snapshot, &snapshot, reterr);

        return r < 0 ? r
                     : registry_restore(operation->host->registry, operation->held, snapshot->layers,
                                        operation->work->staging, reterr);
}

int operation_commit_layered(Operation *operation, sd_bus_error *reterr) {
        if (operation->kind == OPERATION_SNAPSHOT)
                return registry_add_snapshot(operation->host->registry, operation->held, operation->snapshot,
                                             operation->work->staging, reterr);
        return operation->kind == OPERATION_ROLLBACK ? commit_roll_back(operation, reterr)
                                                     : commit_clone(operation, reterr);
}

bool operation_copies_instead(Operation *operation) {
        OperationWork *work = operation->work;
        g_autofree char *path = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (operation->kind != OPERATION_CLONE || !work->layered || operation->canceled ||
            !sd_bus_error_has_name(&work->error, lxss_error_to_name(LXSS_ERROR_HOST_UNSUITABLE)))
                return false;
        log_info("clone %s: %s It is copied.", operation->name, work->error.message);
        path = g_build_filename(work->staging, ORIGINAL, NULL);
        (void)rmdir(path); /* the worker has left nothing in it */
        sd_bus_error_free(&work->error);
        work->layered = false;
        if (operation_start_copy(operation, &error) >= 0)
                return true;
        (void)sd_bus_error_copy(&work->error, &error);
        return false;
}
