/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of org.lxss.Manager1 about snapshots of distributions. */

#include "daemon/bus-snapshots.h"

#include "daemon/bus-objects.h"
#include "daemon/bus-options.h"
#include "shared/util.h"

static const Option options[] = {
        { "terminate", "b", option_bool, offsetof(SnapshotRequest, terminate) },
        { "detach", "b", option_bool, offsetof(SnapshotRequest, detached) },
};

static int snapshot(sd_bus_message *m, Bus *bus, bool rollback, sd_bus_error *reterr) {
        SnapshotRequest request = { .rollback = rollback };
        g_autofree char *path = NULL;
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "ss", &request.name, &request.snapshot)) < 0 ||
            (r = options_read(m, options, ELEMENTSOF(options), &request, reterr)) < 0 ||
            (r = bus_find_peer(bus, m, &peer, reterr)) < 0)
                return r;
        r = manager_snapshot(bus_manager(bus), peer->client, &request, &operation, reterr);
        if (r < 0)
                return r;
        path = bus_operation_path(operation->id);
        return sd_bus_reply_method_return(m, "os", path, operation->snapshot);
}

int bus_method_snapshot(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return snapshot(m, userdata, false, reterr);
}

int bus_method_rollback(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return snapshot(m, userdata, true, reterr);
}

int bus_method_remove_snapshot(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *name, *which;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &which);
        if (r < 0)
                return r;
        r = manager_remove_snapshot(bus_manager(userdata), name, which, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int append_snapshots(sd_bus_message *reply, const Distribution *d) {
        for (guint i = 0; d->snapshots && i < d->snapshots->len; i++) {
                const Snapshot *s = d->snapshots->pdata[i];
                int r = sd_bus_message_append(reply, "(sstsb)", d->name, s->name, s->time, s->release,
                                              layers_equal(s->layers, d->layers));

                if (r < 0)
                        return r;
        }
        return 0;
}

/* One that is broken, or held by an operation, has its snapshots all the same. */
int bus_method_list_snapshots(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Registry *registry = manager_registry(bus_manager(userdata));
        g_autoptr(GPtrArray) list = registry_list(registry);
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Distribution *wanted = NULL;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        wanted = registry_find(registry, name);
        if (!str_empty(name) && !wanted && (r = registry_resolve(registry, name, &wanted, reterr)) < 0)
                return r;
        if ((r = sd_bus_message_new_method_return(m, &reply)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'a', "(sstsb)")) < 0)
                return r;
        for (guint i = 0; i < list->len; i++)
                if ((!wanted || list->pdata[i] == wanted) && (r = append_snapshots(reply, list->pdata[i])) < 0)
                        return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
