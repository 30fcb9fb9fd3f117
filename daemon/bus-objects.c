/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tree of objects: paths, and the list of what is registered and told. */

#include "daemon/bus-objects.h"

#include <string.h>

static char *encode_path(const char *kind, const char *id) {
        g_autofree char *prefix = g_strdup_printf(BUS_PATH "/%s", kind);
        char *path = NULL;

        if (sd_bus_path_encode(prefix, id, &path) < 0)
                abort(); /* out of memory, as GLib does */
        return path;
}

char *bus_distribution_path(const char *name) {
        return encode_path("distribution", name);
}

char *bus_instance_path(const char *name) {
        return encode_path("instance", name);
}

char *bus_process_path(uint64_t id) {
        return g_strdup_printf(BUS_PATH "/process/%" G_GUINT64_FORMAT, id);
}

char *bus_operation_path(uint64_t id) {
        return g_strdup_printf(BUS_PATH "/operation/%" G_GUINT64_FORMAT, id);
}

char *bus_server_path(uint64_t id) {
        return g_strdup_printf(BUS_PATH "/server/%" G_GUINT64_FORMAT, id);
}

bool bus_path_to_id(const char *path, const char *kind, uint64_t *ret) {
        g_autofree char *prefix = g_strdup_printf(BUS_PATH "/%s/", kind);
        guint64 id;

        if (!g_str_has_prefix(path, prefix) ||
            !g_ascii_string_to_unsigned(path + strlen(prefix), 10, 1, G_MAXUINT64, &id, NULL))
                return false;
        *ret = id;
        return true;
}

char *bus_path_to_name(const char *path, const char *kind) {
        g_autofree char *prefix = g_strdup_printf(BUS_PATH "/%s", kind);
        char *name = NULL;

        return sd_bus_path_decode(path, prefix, &name) > 0 ? name : NULL;
}

int bus_reply_with_fd(sd_bus_message *m, int fd, sd_bus_error *reterr) {
        int r = sd_bus_reply_method_return(m, "h", fd);

        return r == -ETOOMANYREFS ? error_set(reterr, LXSS_ERROR_LIMIT_REACHED, LXSS_CROWDED_TEXT) : r;
}

int bus_add_objects(sd_bus *connection, Bus *bus) {
        int r;

        if ((r = sd_bus_add_object_manager(connection, NULL, BUS_PATH)) < 0 ||
            (r = bus_add_manager(connection, bus)) < 0 || (r = bus_add_distributions(connection, bus)) < 0 ||
            (r = bus_add_instances(connection, bus)) < 0 || (r = bus_add_processes(connection, bus)) < 0)
                return r;
        r = bus_add_operations(connection, bus);
        return r < 0 ? r : bus_add_servers(connection, bus);
}

const ManagerEvents *bus_manager_events(void) {
        static const ManagerEvents events = {
                .distribution_added = bus_distribution_added,
                .distribution_changed = bus_distribution_changed,
                .distribution_removed = bus_distribution_removed,
                .instance_added = bus_instance_added,
                .instance_changed = bus_instance_changed,
                .instance_warned = bus_instance_warned,
                .instance_removed = bus_instance_removed,
                .process_started = bus_process_started,
                .process_failed = bus_process_failed,
                .process_stopped = bus_process_stopped,
                .process_ended = bus_process_ended,
                .operation_added = bus_operation_added,
                .operation_changed = bus_operation_changed,
                .operation_warned = bus_operation_warned,
                .operation_finished = bus_operation_finished,
                .server_added = bus_server_added,
                .server_removed = bus_server_removed,
                .idle = bus_tell_idle,
        };

        return &events;
}
