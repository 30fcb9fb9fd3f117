/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1.Process, and the late answers to Launch. */

#include "daemon/bus-objects.h"
#include "daemon/log.h"
#include "shared/util.h"

#define INTERFACE BUS_INTERFACE ".Process"

static int find(sd_bus *connection _unused_, const char *path, const char *interface _unused_, void *userdata,
                void **ret, sd_bus_error *reterr _unused_) {
        uint64_t id;
        Process *process = bus_path_to_id(path, "process", &id) ? manager_find_process(bus_manager(userdata), id) : NULL;

        if (!process)
                return 0;
        *ret = process;
        return 1;
}

static int enumerate(sd_bus *connection _unused_, const char *prefix _unused_, void *userdata, char ***ret,
                     sd_bus_error *reterr _unused_) {
        g_autoptr(GPtrArray) list = manager_processes(bus_manager(userdata));
        char **paths = g_new0(char *, list->len + 1);

        for (guint i = 0; i < list->len; i++)
                paths[i] = bus_process_path(((Process *)list->pdata[i])->id);
        *ret = paths;
        return 0;
}

static int get_pid(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                   const char *property _unused_, sd_bus_message *reply, void *userdata,
                   sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "u", (uint32_t)((Process *)userdata)->pid);
}

static int get_arguments(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                         const char *property _unused_, sd_bus_message *reply, void *userdata,
                         sd_bus_error *reterr _unused_) {
        const Process *process = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "ay");
        for (char **a = process->arguments; r >= 0 && a && *a; a++)
                r = sd_bus_message_append_array(reply, 'y', *a, strlen(*a));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_user(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                    const char *property _unused_, sd_bus_message *reply, void *userdata,
                    sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "s", ((Process *)userdata)->user ?: "");
}

static int get_terminal(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                        const char *property _unused_, sd_bus_message *reply, void *userdata,
                        sd_bus_error *reterr _unused_) {
        return sd_bus_message_append(reply, "b", ((Process *)userdata)->terminal);
}

static int method_get_pidfd(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const Process *process = userdata;

        if (process->pidfd < 0)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_PROCESS, "The program has not started yet.");
        return bus_reply_with_fd(m, process->pidfd, reterr);
}

static int method_signal(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Process *process = userdata;
        int number, group, r;

        r = sd_bus_message_read(m, "ib", &number, &group);
        if (r < 0)
                return r;
        if (number < 0 || number >= NSIG)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "There is no signal %d.", number);
        r = process->instance ? instance_signal(process->instance, process, number, group) : -ESRCH;
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_PROCESS, "The program is not running.");
        return sd_bus_reply_method_return(m, NULL);
}

static int method_set_foreground(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Process *process = userdata;
        int foreground, r;

        r = sd_bus_message_read(m, "b", &foreground);
        if (r < 0)
                return r;
        r = process->instance ? instance_set_foreground(process->instance, process, foreground) : -ESRCH;
        if (r == -ENOTTY)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "The program has no terminal of its own.");
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_PROCESS, "The program is not running.");
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetPidFd", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", pidfd), method_get_pidfd,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Signal", SD_BUS_ARGS("i", signal, "b", group), SD_BUS_NO_RESULT, method_signal,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetForeground", SD_BUS_ARGS("b", foreground), SD_BUS_NO_RESULT, method_set_foreground,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Exited", SD_BUS_ARGS("i", code, "i", status), 0),
        SD_BUS_SIGNAL_WITH_ARGS("Stopped", SD_BUS_ARGS("i", signal), 0),
        SD_BUS_PROPERTY("Distribution", "s", NULL, offsetof(Process, distribution), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Pid", "u", get_pid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Arguments", "aay", get_arguments, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("CommandLine", "s", NULL, offsetof(Process, command_line), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("User", "s", get_user, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Terminal", "b", get_terminal, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StartTime", "t", NULL, offsetof(Process, start_time), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int bus_add_processes(sd_bus *connection, Bus *bus) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, BUS_PATH "/process", INTERFACE, vtable, find, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(connection, NULL, BUS_PATH "/process", enumerate, bus);
}

void bus_process_started(Process *process, void *userdata) {
        g_autoptr(sd_bus_message) call = g_steal_pointer(&process->launch_message);
        g_autofree char *path = bus_process_path(process->id);

        if (call && process->client)
                (void)sd_bus_reply_method_return(call, "ou", path, (uint32_t)process->pid);
        bus_emit_added(userdata, path);
}

void bus_process_failed(Process *process, const sd_bus_error *error, void *userdata _unused_) {
        g_autoptr(sd_bus_message) call = g_steal_pointer(&process->launch_message);

        if (call && process->client)
                (void)sd_bus_reply_method_error(call, error);
}

/* To the client that launched it, wherever it sits. */
static void tell_client(Bus *bus, const Process *process, const char *member, const char *types, int first, int second) {
        const Peer *peer = bus_peer_of_client(bus, process->client);
        g_autofree char *path = bus_process_path(process->id);
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        if (!peer)
                return;
        r = bus_new_signal(peer, path, INTERFACE, member, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, types, first, second);
        if (r >= 0)
                r = bus_send(peer, m);
        if (r < 0)
                log_event(LOG_WARNING, process->distribution, process->id, "Its client could not be told: %s",
                          g_strerror(-r));
}

void bus_process_stopped(Process *process, int signal, void *userdata) {
        tell_client(userdata, process, "Stopped", "i", signal, 0);
}

void bus_process_ended(Process *process, int code, int status, void *userdata) {
        g_autofree char *path = bus_process_path(process->id);

        tell_client(userdata, process, "Exited", "ii", code, status);
        bus_emit_removed(userdata, path, INTERFACE);
}
