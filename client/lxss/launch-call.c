/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See client/lxss/launch-call.h. */

#include "client/lxss/launch-call.h"

#include "client/lxss/remote.h"

static void put_bytes_array(DbusWriter *w, char *const *strings) {
        DbusArray array = dbus_open_array(w, 'a');

        for (char *const *s = strings; s && *s; s++)
                dbus_put_bytes(w, *s, strlen(*s));
        dbus_close_array(w, array);
}

static void put_fds(DbusWriter *w, const LaunchRequest *request) {
        DbusArray array = dbus_open_array(w, '{');

        for (size_t i = 0; i < request->n_fds; i++) {
                dbus_put_struct(w);
                dbus_put(w, "uh", (uint32_t)request->fds[i].number, request->fds[i].fd);
        }
        dbus_close_array(w, array);
}

/* The beginning of an option whose value is no basic one. */
static void put_option_name(DbusWriter *w, const char *name, const char *signature) {
        dbus_put_struct(w);
        dbus_put(w, "s", name);
        dbus_put_variant(w, signature);
}

static void put_descriptor_numbers(DbusWriter *w, const char *name, uint32_t mask) {
        DbusArray array;

        put_option_name(w, name, "au");
        array = dbus_open_array(w, 'u');
        for (uint32_t fd = 0; fd < 3; fd++)
                if (mask & 1u << fd)
                        dbus_put(w, "u", fd);
        dbus_close_array(w, array);
}

static void put_terminal(DbusWriter *w, const LaunchRequest *request) {
        remote_put_option(w, "terminal", "h", request->terminal_socket);
        put_descriptor_numbers(w, "terminal-fds", request->terminal_mask);
        if (request->rows == 0)
                return;
        put_option_name(w, "terminal-size", "(uu)");
        dbus_put_struct(w);
        dbus_put(w, "uu", (uint32_t)request->rows, (uint32_t)request->columns);
        put_option_name(w, "terminal-pixels", "(uu)");
        dbus_put_struct(w);
        dbus_put(w, "uu", (uint32_t)request->x_pixels, (uint32_t)request->y_pixels);
}

static void put_options(DbusWriter *w, const LaunchRequest *request) {
        DbusArray array = dbus_open_array(w, '{');

        if (request->user)
                remote_put_option(w, "user", "s", request->user);
        if (request->directory) {
                put_option_name(w, "directory", "ay");
                dbus_put_bytes(w, request->directory, strlen(request->directory));
        }
        if (request->shell)
                remote_put_option(w, "shell", "b", true);
        if (request->closed_mask)
                put_descriptor_numbers(w, "closed-fds", request->closed_mask);
        if (request->terminal_mask)
                put_terminal(w, request);
        if (request->background)
                remote_put_option(w, "background", "b", true);
        if (request->no_wait)
                remote_put_option(w, "wait", "b", false);
        if (request->linger_seconds != LINGER_NONE)
                remote_put_option(w, "linger", "t", request->linger_seconds);
        dbus_close_array(w, array);
}

void launch_call_write(DbusWriter *w, const LaunchRequest *request) {
        const char *cwd = request->cwd ? request->cwd : "";

        dbus_begin_call(w, MANAGER_PATH, MANAGER_INTERFACE, "Launch", "sayaaya{uh}aaya{sv}");
        dbus_put(w, "s", request->distribution ? request->distribution : "");
        dbus_put_bytes(w, cwd, strlen(cwd));
        put_bytes_array(w, request->argv);
        put_fds(w, request);
        put_bytes_array(w, request->env);
        put_options(w, request);
}
