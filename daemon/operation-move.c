/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The operation that moves a distribution's files, and the removal of what lies
 * outside the registry, which other operations leave, too. The steps are
 * daemon/registry-move.h's; here is their order. */

#include "daemon/operation-private.h"
#include "shared/util.h"

int operation_move(Operation *operation, sd_bus_error *reterr) {
        OperationWork *work = operation->work;
        Registry *registry = operation->host->registry;
        int r;

        r = registry_begin_move(registry, operation->held, operation->directory, &work->move, reterr);
        if (r < 0)
                return r;
        work->staging = g_strdup(move_place(work->move));
        r = registry_move_at_once(registry, operation->held, work->move, reterr);
        work->moved = r > 0;
        return r != 0 ? r : operation_start_copy(operation, reterr);
}

void operation_conclude_move(Operation *operation) {
        OperationWork *work = operation->work;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (work->move && !work->moved && !sd_bus_error_is_set(&work->error)) {
                operation_set_stage(operation, "committing");
                if (registry_commit_move(operation->host->registry, operation->held, work->move, &error) < 0)
                        operation_keep_error(operation, &error);
        }
        g_clear_pointer(&work->staging, g_free);
        move_end(g_steal_pointer(&work->move), &work->staging, work->claims);
        if (work->staging)
                operation_start_removal(operation);
        else if (!operation_remove_next(operation))
                operation_finish(operation);
}

bool operation_remove_next(Operation *operation) {
        OperationWork *work = operation->work;

        if (work->claim)
                claim_drop(work->claim);
        g_clear_pointer(&work->claim, g_free);
        while (work->claims->len > 0) {
                g_autofree char *claim = g_ptr_array_steal_index(work->claims, 0);

                g_clear_pointer(&work->staging, g_free);
                registry_follow_claim(operation->host->registry, claim, operation->kind != OPERATION_CLEANUP,
                                      &work->staging);
                if (!work->staging)
                        continue;
                work->claim = g_steal_pointer(&claim);
                operation_start_removal(operation);
                return true;
        }
        return false;
}

void operation_clean_up(Operation *operation) {
        OperationWork *work = operation->work;

        if (!claim_is_one(work->staging)) {
                operation_start_removal(operation);
                return;
        }
        g_ptr_array_add(work->claims, g_steal_pointer(&work->staging));
        if (!operation_remove_next(operation))
                operation_finish(operation);
}
