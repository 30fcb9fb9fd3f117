/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1.Operation. */

#include "daemon/bus-objects.h"
#include "shared/util.h"

#define INTERFACE BUS_INTERFACE ".Operation"

static int find(sd_bus *connection _unused_, const char *path, const char *interface _unused_, void *userdata,
                void **ret, sd_bus_error *reterr _unused_) {
        uint64_t id;
        Operation *operation = bus_path_to_id(path, "operation", &id)
                                               ? manager_find_operation(bus_manager(userdata), id)
                                               : NULL;

        if (!operation)
                return 0;
        *ret = operation;
        return 1;
}

static int enumerate(sd_bus *connection _unused_, const char *prefix _unused_, void *userdata, char ***ret,
                     sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_operations(bus_manager(userdata));
        char **paths = g_new0(char *, list->len + 1);

        for (guint i = 0; i < list->len; i++)
                paths[i] = bus_operation_path(((Operation *)list->pdata[i])->id);
        *ret = paths;
        return 0;
}

static int get_kind(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property _unused_, sd_bus_message *reply, void *userdata,
                    sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "s", operation_kind_to_string(((Operation *)userdata)->kind));
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Bus *bus = bus_current(sd_bus_message_get_bus(m));
        int r;

        r = manager_cancel(bus_manager(bus), userdata, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Cancel", NULL, NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Finished", SD_BUS_ARGS("s", result, "s", error, "s", message), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Warned", SD_BUS_ARGS("s", warning), 0),
        SD_BUS_PROPERTY("Kind", "s", get_kind, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Distribution", "s", NULL, offsetof(Operation, name), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Operation, progress), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Stage", "s", NULL, offsetof(Operation, stage), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int bus_add_operations(sd_bus *connection, Bus *bus) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, BUS_PATH "/operation", INTERFACE, vtable, find, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(connection, NULL, BUS_PATH "/operation", enumerate, bus);
}

void bus_operation_added(Operation *operation, void *userdata) {
        g_autofree char *path = bus_operation_path(operation->id);

        bus_emit_added(userdata, path);
}

void bus_operation_changed(Operation *operation, void *userdata) {
        static const char *const names[] = { "Distribution", "Progress", "Stage", NULL };
        g_autofree char *path = bus_operation_path(operation->id);

        bus_emit_changed(userdata, bus_peer_of_client(userdata, operation->client), path, INTERFACE, names);
}

static void emit_warned(sd_bus *connection, const char *path, const void *userdata) {
        (void)sd_bus_emit_signal(connection, path, INTERFACE, "Warned", "s", (const char *)userdata);
}

void bus_operation_warned(Operation *operation, const char *warning, void *userdata) {
        g_autofree char *path = bus_operation_path(operation->id);

        bus_each(userdata, bus_peer_of_client(userdata, operation->client), path, emit_warned, warning);
}

static void emit_finished(sd_bus *connection, const char *path, const void *userdata) {
        const sd_bus_error *error = userdata;
        const char *result = !error ? "done" :
                        sd_bus_error_has_name(error, lxss_error_to_name(LXSS_ERROR_CANCELED)) ? "canceled" :
                                                                                                 "failed";

        (void)sd_bus_emit_signal(connection, path, INTERFACE, "Finished", "sss", result, error ? error->name : "",
                                 error ? error->message : "");
}

void bus_operation_finished(Operation *operation, const sd_bus_error *error, void *userdata) {
        g_autofree char *path = bus_operation_path(operation->id);

        bus_each(userdata, bus_peer_of_client(userdata, operation->client), path, emit_finished, error);
        bus_emit_removed(userdata, path, INTERFACE);
}
