/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1.Instance. */

#include "daemon/bus-objects.h"
#include "daemon/log.h"
#include "shared/util.h"

#define INTERFACE BUS_INTERFACE ".Instance"

static int find(sd_bus *connection _unused_, const char *path, const char *interface _unused_, void *userdata,
                void **ret, sd_bus_error *reterr _unused_) {
        g_autofree char *name = bus_path_to_name(path, "instance");
        Instance *instance = name ? manager_find_instance(bus_manager(userdata), name) : NULL;

        if (!instance)
                return 0;
        *ret = instance;
        return 1;
}

static int enumerate(sd_bus *connection _unused_, const char *prefix _unused_, void *userdata, char ***ret,
                     sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_instances(bus_manager(userdata));
        char **paths = g_new0(char *, list->len + 1);

        for (guint i = 0; i < list->len; i++)
                paths[i] = bus_instance_path(instance_distribution(list->pdata[i])->name);
        *ret = paths;
        return 0;
}

static int get_property(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr _unused_) {
        const Instance *instance = userdata;

        if (streq(property, "Distribution"))
                return sd_bus_message_append(reply, "s", instance_distribution(instance)->name);
        if (streq(property, "State"))
                return sd_bus_message_append(reply, "s", instance_state_to_string(instance_state(instance)));
        if (streq(property, "Leader"))
                return sd_bus_message_append(reply, "u", (uint32_t)instance_leader(instance));
        if (streq(property, "Clients"))
                return sd_bus_message_append(reply, "u", instance_n_clients(instance));
        if (streq(property, "Processes"))
                return sd_bus_message_append(reply, "u", instance_n_processes(instance));
        if (streq(property, "Warnings"))
                return sd_bus_message_append_strv(reply, instance_warnings(instance));
        return sd_bus_message_append(reply, "t", instance_start_time(instance));
}

static void on_gone(void *userdata) {
        g_autoptr(sd_bus_message) m = userdata;

        (void)sd_bus_reply_method_return(m, NULL);
}

static int method_terminate(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        Instance *instance = userdata;

        instance_when_gone(instance, on_gone, sd_bus_message_ref(m));
        instance_stop(instance);
        return 1; /* answered once nothing is left of it */
}

/* Through /init's own view of its root: what clients see, not what lies beneath. */
static int method_open_root(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        g_autofree char *path = g_strdup_printf("/proc/%d/root", (int)instance_leader(userdata));
        _cleanup_close_ int fd = -EBADF;

        if (instance_state(userdata) == INSTANCE_RUNNING)
                fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_INSTANCE, "The instance does not run, or is not yours to see.");
        return bus_reply_with_fd(m, fd, reterr);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Terminate", NULL, NULL, method_terminate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenRoot", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", root), method_open_root,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Distribution", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Leader", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Clients", "u", get_property, 0, 0),
        SD_BUS_PROPERTY("Processes", "u", get_property, 0, 0),
        SD_BUS_PROPERTY("StartTime", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Warnings", "as", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_SIGNAL_WITH_ARGS("Warned", SD_BUS_ARGS("as", warnings), 0),
        SD_BUS_VTABLE_END,
};

int bus_add_instances(sd_bus *connection, Bus *bus) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, BUS_PATH "/instance", INTERFACE, vtable, find, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(connection, NULL, BUS_PATH "/instance", enumerate, bus);
}

void bus_instance_added(Instance *instance, void *userdata) {
        g_autofree char *path = bus_instance_path(instance_distribution(instance)->name);

        bus_emit_added(userdata, path);
}

void bus_instance_changed(Instance *instance, void *userdata) {
        static const char *const names[] = { "State", "Leader", "StartTime", "Warnings", NULL };
        g_autofree char *path = bus_instance_path(instance_distribution(instance)->name);

        bus_emit_changed(userdata, NULL, path, INTERFACE, names);
}

/* Before the answer to Launch, so that who launches can say it before the program says anything. */
void bus_instance_warned(Process *process, void *userdata) {
        const Peer *peer = bus_peer_of_client(userdata, process->client);
        g_autofree char *path = bus_instance_path(process->distribution);
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        if (!peer)
                return;
        r = bus_new_signal(peer, path, INTERFACE, "Warned", &m);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, instance_warnings(process->instance));
        if (r >= 0)
                r = bus_send(peer, m);
        if (r < 0)
                log_event(LOG_WARNING, process->distribution, process->id, "Its client could not be told: %s",
                          g_strerror(-r));
}

void bus_instance_removed(const char *name, void *userdata) {
        g_autofree char *path = bus_instance_path(name);

        bus_emit_removed(userdata, path, INTERFACE);
}
