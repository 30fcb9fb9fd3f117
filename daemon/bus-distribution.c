/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1.Distribution. */

#include "daemon/bus-objects.h"
#include "daemon/bus-requests.h"
#include "daemon/registry-layers.h"
#include "shared/util.h"

#define INTERFACE BUS_INTERFACE ".Distribution"

static int find(sd_bus *connection _unused_, const char *path, const char *interface _unused_, void *userdata,
                void **ret, sd_bus_error *reterr _unused_) {
        g_autofree char *name = bus_path_to_name(path, "distribution");
        Distribution *d = name ? registry_find(manager_registry(bus_manager(userdata)), name) : NULL;

        if (!d)
                return 0;
        *ret = d;
        return 1;
}

static int enumerate(sd_bus *connection _unused_, const char *prefix _unused_, void *userdata, char ***ret,
                     sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = registry_list(manager_registry(bus_manager(userdata)));
        char **paths = g_new0(char *, list->len + 1);

        for (guint i = 0; i < list->len; i++)
                paths[i] = bus_distribution_path(((Distribution *)list->pdata[i])->name);
        *ret = paths;
        return 0;
}

static int get_state(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata,
                     sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "s", distribution_state_to_string(((Distribution *)userdata)->state));
}

static int get_default(sd_bus *connection, const char *path _unused_, const char *interface _unused_,
                       const char *property _unused_, sd_bus_message *reply, void *userdata,
                       sd_bus_error *reterr _unused_) {
        Registry *registry = manager_registry(bus_manager(bus_current(connection)));

        return sd_bus_message_append(reply, "b", registry_default(registry) == userdata);
}

static int get_default_user(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                            const char *property _unused_, sd_bus_message *reply, void *userdata,
                            sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "s", ((Distribution *)userdata)->default_user ?: "root");
}

static int get_oobe(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property _unused_, sd_bus_message *reply, void *userdata,
                    sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "s", oobe_state_to_string(((Distribution *)userdata)->oobe));
}

static int get_layers(sd_bus *connection, const char *path _unused_, const char *interface _unused_,
                      const char *property _unused_, sd_bus_message *reply, void *userdata,
                      sd_bus_error *reterr _unused_) {
        const Registry *registry = manager_registry(bus_manager(bus_current(connection)));
        const Distribution *d = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (char **layer = d->layers; r >= 0 && layer && *layer; layer++) {
                g_autofree char *directory = registry_layer_path(registry, *layer);

                r = sd_bus_message_append(reply, "s", directory);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", NULL, offsetof(Distribution, name), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Default", "b", get_default, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RootDirectory", "s", NULL, offsetof(Distribution, rootfs),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Layers", "as", get_layers, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DefaultUser", "s", get_default_user, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Oobe", "s", get_oobe, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Release", "s", NULL, offsetof(Distribution, release), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Source", "s", NULL, offsetof(Distribution, source), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("InstallTime", "t", NULL, offsetof(Distribution, install_time),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Settings", "a(sss)", bus_get_settings, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int bus_add_distributions(sd_bus *connection, Bus *bus) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, BUS_PATH "/distribution", INTERFACE, vtable, find, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(connection, NULL, BUS_PATH "/distribution", enumerate, bus);
}

void bus_distribution_added(Distribution *distribution, void *userdata) {
        g_autofree char *path = bus_distribution_path(distribution->name);

        bus_emit_added(userdata, path);
}

void bus_distribution_changed(Distribution *distribution, void *userdata) {
        static const char *const names[] = {
                "State",   "Default",     "Layers",   "DefaultUser",   "Oobe",
                "Release", "InstallTime", "Settings", "RootDirectory", NULL,
        };
        static const char *const manager_names[] = { "DefaultDistribution", NULL };
        g_autofree char *path = bus_distribution_path(distribution->name);

        bus_emit_changed(userdata, NULL, path, INTERFACE, names);
        bus_emit_changed(userdata, NULL, BUS_PATH, BUS_INTERFACE, manager_names);
}

void bus_distribution_removed(const char *name, void *userdata) {
        g_autofree char *path = bus_distribution_path(name);

        bus_emit_removed(userdata, path, INTERFACE);
}
