/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The request to move a distribution's files: checked here, then an operation. */

#include "daemon/manager-private.h"
#include "shared/util.h"

int manager_move(Manager *manager, Client *client, const MoveRequest *request, Operation **ret, sd_bus_error *reterr) {
        _cleanup_close_ int directory = -EBADF;
        Operation *operation;
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &d, reterr)) < 0 ||
            (r = manager_refuse_running(manager, d, request->terminate, "move", reterr)) < 0)
                return r;
        if (d->snapshots && d->snapshots->len > 0)
                return error_set(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                 "%s has snapshots, which are layers and stay in the usual place. Remove them with "
                                 "lxctl snapshot --remove %s SNAPSHOT, or make a copy without them with lxctl clone "
                                 "--copy %s NEW, and move that.",
                                 d->name, d->name, d->name);
        if (request->directory >= 0) {
                directory = fcntl(request->directory, F_DUPFD_CLOEXEC, 3);
                if (directory < 0)
                        return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the directory over: %s",
                                         g_strerror(errno));
        }
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_MOVE, d->name);
        operation->client = client;
        operation->detached = request->detached;
        operation->terminate = request->terminate;
        operation->directory = steal_fd(&directory);
        operation->distribution = d;
        manager_hold_distribution(manager, operation, d, DISTRIBUTION_MOVING);
        *ret = operation;
        manager_enqueue(manager, operation);
        return 0;
}
