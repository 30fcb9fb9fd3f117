/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is asked about the snapshots of a distribution; see manager-requests.c, to which this is a part of its own. */

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "daemon/registry-snapshots.h"
#include "shared/util.h"

static int find_at_rest(Manager *manager, const SnapshotRequest *request, const char *verb, Distribution **ret,
                        sd_bus_error *reterr) {
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &d, reterr)) < 0 ||
            (r = manager_refuse_running(manager, d, request->terminate, verb, reterr)) < 0)
                return r;
        *ret = d;
        return 0;
}

/* Takes the snapshot's name over. */
static Operation *enqueue(Manager *manager, Client *client, const SnapshotRequest *request, Distribution *d,
                          char *snapshot) {
        OperationKind kind = request->rollback ? OPERATION_ROLLBACK : OPERATION_SNAPSHOT;
        Operation *operation = operation_new(&manager->operation_host, ++manager->last_id, kind, d->name);

        operation->client = client;
        operation->detached = request->detached;
        operation->terminate = request->terminate;
        operation->snapshot = snapshot;
        manager_hold_distribution(manager, operation, d,
                                  request->rollback ? DISTRIBUTION_ROLLING_BACK : DISTRIBUTION_SNAPSHOTTING);
        return operation;
}

int manager_snapshot(Manager *manager, Client *client, const SnapshotRequest *request, Operation **ret,
                     sd_bus_error *reterr) {
        Distribution *d;
        char *name;
        int r;

        r = find_at_rest(manager, request, request->rollback ? "roll back" : "snapshot", &d, reterr);
        if (r < 0)
                return r;
        if (request->rollback) {
                Snapshot *snapshot;

                r = registry_resolve_snapshot(d, request->snapshot, &snapshot, reterr);
                if (r < 0)
                        return r;
                name = g_strdup(snapshot->name);
        } else {
                r = registry_name_snapshot(d, request->snapshot, &name, reterr);
                if (r < 0)
                        return r;
        }
        *ret = enqueue(manager, client, request, d, name);
        manager_enqueue(manager, *ret);
        return 0;
}

/* Of one that runs, too: what it stands on now is not the snapshot's alone. */
int manager_remove_snapshot(Manager *manager, const char *name, const char *snapshot, sd_bus_error *reterr) {
        Distribution *d;
        int r;

        if (str_empty(snapshot))
                return error_set(reterr, LXSS_ERROR_INVALID_NAME, "Which snapshot is to be removed?");
        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, name, &d, reterr)) < 0 ||
            (r = registry_remove_snapshot(manager->registry, d, snapshot, reterr)) < 0)
                return r;
        log_info("remove snapshot %s of %s: done", snapshot, d->name);
        manager_clean_up_layers(manager);
        return 0;
}
