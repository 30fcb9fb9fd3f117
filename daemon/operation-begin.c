/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How each kind of operation begins: which staging directory, which program with
 * which words. What becomes of it is operation.c's. */

#include <inttypes.h>

#include "daemon/operation-private.h"
#include "daemon/registry-layers.h"
#include "shared/util.h"

int operation_start_unpacking(Operation *operation, sd_bus_error *reterr) {
        g_autofree char *max_size = g_strdup_printf("%" PRIu64, operation->max_size);
        const char *argv[11] = { "lxss-worker" };
        size_t n = 1;
        int r;

        argv[n++] = operation->suite ? "bootstrap" : operation->image ? "image" : "extract";
        if (operation->suite)
                argv[n++] = operation->suite;
        if (operation->user) {
                argv[n++] = operation->user_given ? "--given-user" : "--user";
                argv[n++] = operation->user;
        }
        if (operation->without_oobe)
                argv[n++] = "--without-oobe";
        if (operation->sha256) {
                argv[n++] = "--sha256";
                argv[n++] = operation->sha256;
        }
        if (operation->max_size > 0) {
                argv[n++] = "--max-size";
                argv[n++] = max_size;
        }
        if (operation->image)
                closep(&operation->archive); /* nothing has come through it */
        r = operation_start_worker(operation, argv, reterr);
        /* Of the pipe only the worker may have this end, or its writer would not learn of the worker's. */
        if (operation->work->fetch_wanted)
                closep(&operation->archive);
        return r;
}

static int install(Operation *operation, sd_bus_error *reterr) {
        int r;

        r = registry_make_staging(operation->host->registry, &operation->work->staging, reterr);
        if (r < 0)
                return r;
        if (operation->fetch) {
                r = operation_start_fetcher(operation);
                if (r < 0)
                        return error_set(reterr, LXSS_ERROR_FAILED, "lxss-fetch could not be started: %s",
                                         g_strerror(-r));
        }
        return operation->image ? 0 : operation_start_unpacking(operation, reterr); /* or on_fetch_over() goes on */
}

static int uninstall(Operation *operation, sd_bus_error *reterr) {
        OperationWork *work = operation->work;
        g_autofree char *claim = NULL;
        int r;

        r = registry_claim_place(operation->host->registry, operation->distribution, &claim, reterr);
        if (r < 0)
                return r;
        r = registry_withdraw(operation->host->registry, operation->distribution, &work->staging, reterr);
        if (r < 0 && claim)
                claim_drop(claim);
        if (r >= 0 && claim)
                g_ptr_array_add(work->claims, g_steal_pointer(&claim));
        if (r < 0)
                return r;
        work->withdrawn = true;
        g_clear_pointer(&operation->distribution->location, g_free); /* it has it no more */
        operation_start_removal(operation);
        return 0;
}

int operation_check_ids(const Operation *operation, sd_bus_error *reterr) {
        const Distribution *original = operation->held;

        if (original->id_mode != base_mode(operation->host->base))
                return error_set(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                 "%s was installed with %s user ids, and this host now gives %s ones. What to do "
                                 "about it: "
                                 "lxctl doctor",
                                 original->name, id_mode_to_string(original->id_mode),
                                 id_mode_to_string(base_mode(operation->host->base)));
        return 0;
}

int operation_start_copy(Operation *operation, sd_bus_error *reterr) {
        static const char *const argv[] = { "lxss-worker", "clone", NULL };
        const Distribution *original = operation->held;
        int r = operation_check_ids(operation, reterr);

        if (r < 0)
                return r;
        closep(&operation->archive);
        if (original->layers)
                operation->work->stack = registry_stack(operation->host->registry, original, false);
        else
                operation->archive = open(original->rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!original->layers && operation->archive < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "%s cannot be opened: %s", original->rootfs,
                                 g_strerror(errno));
        return operation_start_worker(operation, argv, reterr);
}

/* Copied where that is wanted, or it cannot be made a layer. */
static int clone_held(Operation *operation, sd_bus_error *reterr) {
        int r;

        if (!operation->copy && registry_check_layerable(operation->held, NULL) >= 0)
                return operation_clone_layered(operation, reterr);
        r = registry_make_staging(operation->host->registry, &operation->work->staging, reterr);
        return r < 0 ? r : operation_start_copy(operation, reterr);
}

static int export(Operation *operation, sd_bus_error *reterr) {
        const char *archive[] = { "lxss-worker", "export", archive_format_to_string(operation->format), NULL };
        const char *layer[] = { "lxss-worker", "layer", NULL };
        int r;

        if (operation->distribution->layers)
                operation->work->stack = registry_stack(operation->host->registry, operation->distribution, false);
        if (operation->tag) {
                r = image_target_new(operation->directory, &operation->place, operation->tag, &operation->work->image,
                                     &operation->archive, reterr);
                if (r < 0)
                        return r;
        }
        return operation_start_worker(operation, operation->tag ? layer : archive, reterr);
}

int operation_begin(Operation *operation, sd_bus_error *reterr) {
        switch (operation->kind) {
        case OPERATION_INSTALL:
                return install(operation, reterr);
        case OPERATION_UNINSTALL:
                return uninstall(operation, reterr);
        case OPERATION_EXPORT:
                return export(operation, reterr);
        case OPERATION_CLONE:
                return clone_held(operation, reterr);
        case OPERATION_MOVE:
                return operation_move(operation, reterr);
        case OPERATION_SNAPSHOT:
                return operation_snapshot(operation, reterr);
        case OPERATION_ROLLBACK:
                return operation_roll_back(operation, reterr);
        default:
                operation_clean_up(operation);
                return 0;
        }
}
