/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LxBus as the manager has it: who is on it needs lxssd. */

#include "daemon/manager-private.h"

static void on_bus_changed(void *userdata) {
        manager_check_idle(userdata);
}

static void on_server_added(uint64_t id, void *userdata) {
        const Manager *manager = userdata;

        manager->events.server_added(id, manager->userdata);
}

static void on_server_removed(uint64_t id, void *userdata) {
        const Manager *manager = userdata;

        manager->events.server_removed(id, manager->userdata);
}

Broker *manager_new_broker(Manager *manager) {
        static const BrokerEvents events = {
                .changed = on_bus_changed,
                .server_added = on_server_added,
                .server_removed = on_server_removed,
        };

        return broker_new(manager->event, &events, manager);
}

int manager_open_bus(Manager *manager, uid_t uid, pid_t pid, sd_bus_error *reterr) {
        int fd, r;

        r = manager_refuse_while_ending(manager, reterr);
        if (r < 0)
                return r;
        fd = broker_open(manager->broker, uid, pid);
        if (fd == -EDQUOT)
                return error_set(reterr, LXSS_ERROR_LIMIT_REACHED, "This user has too many LxBus connections open.");
        if (fd < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "LxBus cannot be opened: %s", g_strerror(-fd));
        return fd;
}

GArray *manager_list_servers(Manager *manager) {
        return broker_list(manager->broker);
}

GArray *manager_list_server_ids(Manager *manager) {
        return broker_list_ids(manager->broker);
}

Server *manager_find_server(Manager *manager, uint64_t id) {
        return broker_find_server(manager->broker, id);
}
