/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1 but for Launch (bus-launch.c) and what is done to distributions
 * (bus-requests.c): parse, one core call, reply. */

#include "daemon/bus-catalogue.h"
#include "daemon/bus-launch.h"
#include "daemon/bus-lxbus.h"
#include "daemon/bus-objects.h"
#include "daemon/bus-requests.h"
#include "daemon/bus-snapshots.h"
#include "daemon/log.h"
#include "shared/util.h"

static int method_repair(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        g_autofree char *aside = NULL;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = manager_repair(bus_manager(userdata), name, &aside, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, "s", aside);
}

static int method_set_default(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = manager_set_default(bus_manager(userdata), name, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static void on_held(int fd, const sd_bus_error *error, void *userdata) {
        g_autoptr(sd_bus_message) m = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error refusal = SD_BUS_ERROR_NULL;
        _cleanup_close_ int owned = fd;

        if (error || bus_reply_with_fd(m, owned, &refusal) < 0)
                (void)sd_bus_reply_method_error(m, error ? error : &refusal);
}

static int method_hold(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *name;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "s", &name)) < 0 || (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        r = manager_hold(bus_manager(userdata), peer->client->uid, name, on_held, sd_bus_message_ref(m), reterr);
        if (r < 0)
                sd_bus_message_unref(m);
        return r < 0 ? r : 1;
}

static void on_done(void *userdata) {
        g_autoptr(sd_bus_message) m = userdata;

        (void)sd_bus_reply_method_return(m, NULL);
        (void)sd_bus_flush(sd_bus_message_get_bus(m));
}

static int method_terminate(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = manager_terminate(bus_manager(userdata), name, on_done, sd_bus_message_ref(m), reterr);
        if (r < 0)
                sd_bus_message_unref(m);
        return r < 0 ? r : 1;
}

static int method_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        manager_shutdown(bus_manager(userdata), on_done, sd_bus_message_ref(m));
        return 1;
}

static int method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Peer *peer;
        int r;

        r = bus_find_peer(userdata, m, &peer, reterr);
        if (r < 0)
                return r;
        peer->subscribed = true;
        return sd_bus_reply_method_return(m, NULL);
}

static int method_connect_bus(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *address;
        int r;

        r = sd_bus_message_read(m, "s", &address);
        if (r < 0)
                return r;
        r = bus_join(userdata, address, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

/* One element of a List… reply. */
typedef int (*append_t)(sd_bus_message *reply, const void *item);

static int reply_list(sd_bus_message *m, GPtrArray *items, const char *element, append_t append) {
        g_autoptr(sd_bus_message) reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', element);
        for (guint i = 0; r >= 0 && i < items->len; i++)
                r = append(reply, items->pdata[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int append_distribution(sd_bus_message *reply, const void *item) {
        const Distribution *d = item;
        g_autofree char *path = bus_distribution_path(d->name);

        return sd_bus_message_append(reply, "(sso)", d->name, distribution_state_to_string(d->state), path);
}

static int append_instance(sd_bus_message *reply, const void *item) {
        const char *name = instance_distribution(item)->name;
        g_autofree char *path = bus_instance_path(name);

        return sd_bus_message_append(reply, "(ssuo)", name, instance_state_to_string(instance_state(item)),
                                     (uint32_t)instance_leader(item), path);
}

static int append_process(sd_bus_message *reply, const void *item) {
        const Process *process = item;
        g_autofree char *path = bus_process_path(process->id);

        return sd_bus_message_append(reply, "(suso)", process->distribution, (uint32_t)process->pid,
                                     process->command_line, path);
}

static int append_operation(sd_bus_message *reply, const void *item) {
        const Operation *operation = item;
        g_autofree char *path = bus_operation_path(operation->id);

        return sd_bus_message_append(reply, "(sssdo)", operation_kind_to_string(operation->kind), operation->name,
                                     operation->stage, operation->progress, path);
}

static int method_list_distributions(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = registry_list(manager_registry(bus_manager(userdata)));

        return reply_list(m, list, "(sso)", append_distribution);
}

static int method_list_instances(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_instances(bus_manager(userdata));

        return reply_list(m, list, "(ssuo)", append_instance);
}

static int method_list_processes(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_processes(bus_manager(userdata));

        return reply_list(m, list, "(suso)", append_process);
}

static int method_list_operations(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_operations(bus_manager(userdata));

        return reply_list(m, list, "(sssdo)", append_operation);
}

static int get_text(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr _unused_) {
        Manager *manager = bus_manager(userdata);
        const Distribution *d = registry_default(manager_registry(manager));
        const char *text;

        if (streq(property, "Version"))
                text = PACKAGE_VERSION;
        else if (streq(property, "DefaultDistribution"))
                text = d ? d->name : "";
        else if (streq(property, "LogTarget"))
                text = log_target();
        else if (streq(property, "DataDirectory"))
                text = registry_directory(manager_registry(manager));
        else
                text = id_mode_to_string(manager_id_mode(manager)) ?: "";
        return sd_bus_message_append(reply, "s", text);
}

static int get_number(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                      const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr _unused_) {
        Manager *manager = bus_manager(userdata);
        g_autoptr(GPtrArray) list = NULL;
        g_autoptr(GArray) ids = NULL;

        if (streq(property, "Pid"))
                return sd_bus_message_append(reply, "u", (uint32_t)getpid());
        if (streq(property, "Clients"))
                return sd_bus_message_append(reply, "u", manager_n_clients(manager));
        if (streq(property, "Servers")) {
                ids = manager_list_server_ids(manager);
                return sd_bus_message_append(reply, "u", ids->len);
        }
        if (streq(property, "Distributions"))
                list = registry_list(manager_registry(manager));
        else if (streq(property, "Instances"))
                list = manager_instances(manager);
        else if (streq(property, "Processes"))
                list = manager_processes(manager);
        else
                list = manager_operations(manager);
        return sd_bus_message_append(reply, "u", list->len);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Launch",
                                SD_BUS_ARGS("s", distribution, "ay", cwd, "aay", argv, "a{uh}", fds, "aay", env,
                                            "a{sv}", options),
                                SD_BUS_RESULT("o", process, "u", pid), bus_method_launch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Install", SD_BUS_ARGS("h", source, "s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", operation), bus_method_install, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("InstallFrom", SD_BUS_ARGS("s", uri, "s", name, "a{sv}", options),
                                SD_BUS_RESULT("o", operation), bus_method_install_from, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Uninstall", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("o", operation),
                                bus_method_uninstall, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Export", SD_BUS_ARGS("s", name, "h", target, "a{sv}", options),
                                SD_BUS_RESULT("o", operation), bus_method_export, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Clone", SD_BUS_ARGS("s", name, "s", new_name, "a{sv}", options),
                                SD_BUS_RESULT("o", operation), bus_method_clone, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Move", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_RESULT("o", operation),
                                bus_method_move, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Snapshot", SD_BUS_ARGS("s", name, "s", snapshot, "a{sv}", options),
                                SD_BUS_RESULT("o", operation, "s", made), bus_method_snapshot,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rollback", SD_BUS_ARGS("s", name, "s", snapshot, "a{sv}", options),
                                SD_BUS_RESULT("o", operation, "s", chosen), bus_method_rollback,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveSnapshot", SD_BUS_ARGS("s", name, "s", snapshot), SD_BUS_NO_RESULT,
                                bus_method_remove_snapshot, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListSnapshots", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a(sstsb)", snapshots),
                                bus_method_list_snapshots, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rename", SD_BUS_ARGS("s", name, "s", new_name), SD_BUS_NO_RESULT, bus_method_rename,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Configure", SD_BUS_ARGS("s", name, "a{ss}", settings, "as", unset),
                                SD_BUS_RESULT("b", pending), bus_method_configure, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Repair", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", aside), method_repair,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetDefault", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_set_default,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Hold", SD_BUS_ARGS("s", name), SD_BUS_RESULT("h", hold), method_hold,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Terminate", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_terminate,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Shutdown", NULL, NULL, method_shutdown, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Subscribe", NULL, NULL, method_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConnectBus", SD_BUS_ARGS("s", address), SD_BUS_NO_RESULT, method_connect_bus,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenBus", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("h", bus), bus_method_open_bus,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListServers", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sssuuu)", servers),
                                bus_method_list_servers, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListDistributions", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sso)", distributions),
                                method_list_distributions, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListOnline", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sssbbsss)", entries),
                                bus_method_list_online, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListInstances", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssuo)", instances),
                                method_list_instances, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListProcesses", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(suso)", processes),
                                method_list_processes, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListOperations", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sssdo)", operations),
                                method_list_operations, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("DefaultDistribution", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Distributions", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Instances", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Processes", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Operations", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Servers", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Clients", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("Pid", "u", get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LogTarget", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("DataDirectory", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("IdMode", "s", get_text, 0, 0),
        SD_BUS_VTABLE_END,
};

int bus_add_manager(sd_bus *connection, Bus *bus) {
        return sd_bus_add_object_vtable(connection, NULL, BUS_PATH, BUS_INTERFACE, vtable, bus);
}
