/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients: calls, and the news that lxssd sends in between. */

#include "client/lxss/lxss-private.h"

#include <poll.h>

#include "client/lxss/activate.h"

int lxss_result(int r) {
        return r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN ? -ECONNRESET : r < 0 ? r : 0;
}

static Activation activation_of(int flags) {
        if (flags & LXSS_NO_START)
                return ACTIVATE_NEVER;
        return flags & LXSS_FOR_INSTANCE ? ACTIVATE_FOR_INSTANCE : ACTIVATE;
}

int lxss_connect(int flags, LxssClient **ret, LxssFailure *failure) {
        Connection *connection = NULL;
        LxssClient *client;
        int r;

        if (flags & ~(LXSS_NO_START | LXSS_FOR_INSTANCE))
                return -EINVAL;
        r = remote_connect(activation_of(flags), &connection, failure);
        if (r == 0)
                return failure_set(failure, LXSS_ERROR_SERVICE_UNAVAILABLE, -ECONNREFUSED, "lxssd does not run.");
        if (r < 0)
                return lxss_result(r);
        client = calloc(1, sizeof(*client));
        if (!client) {
                connection_free(connection);
                return -ENOMEM;
        }
        client->connection = connection;
        *ret = client;
        return 0;
}

LxssClient *lxss_disconnect(LxssClient *client) {
        if (client)
                connection_free(client->connection);
        free(client);
        return NULL;
}

/* ---- news ---- */

int lxss_fd(const LxssClient *client) {
        return connection_fd(client->connection);
}

void lxss_watch_warnings(LxssClient *client, LxssWarningHandler handler, void *userdata) {
        client->warned = handler;
        client->warned_userdata = userdata;
}

static void tell_warnings(LxssClient *client, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming), warnings = dbus_enter_array(&reader, 's');

        while (client->warned && dbus_more(&warnings, &reader)) {
                const char *warning;

                if (dbus_get(&warnings, "s", &warning) == 0)
                        client->warned(client, warning, client->warned_userdata);
        }
}

int lxss_dispatch(LxssClient *client) {
        for (;;) {
                _cleanup_incoming_ Incoming *incoming = NULL;
                int r = connection_next(client->connection, &incoming);

                if (r <= 0)
                        return lxss_result(r);
                if (incoming_is_signal(incoming, INSTANCE_INTERFACE, "Warned"))
                        tell_warnings(client, incoming);
                processes_take_news(client, incoming);
                operations_take_news(client, incoming);
        }
}

int client_wait(LxssClient *client, const bool *done, int64_t deadline) {
        int r = lxss_dispatch(client);

        while (!*done && r == 0) {
                r = wait_until(lxss_fd(client), POLLIN, deadline);
                if (r == 0)
                        r = lxss_dispatch(client);
        }
        return *done ? 0 : r;
}

/* ---- calls ---- */

int client_call(LxssClient *client, const char *member, const char *first, const char *second,
                LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, member, second ? "ss" : "s");
        dbus_put(&w, "s", first ? first : "");
        if (second)
                dbus_put(&w, "s", second);
        return lxss_result(remote_finish_call(client->connection, &w, NULL, failure));
}

int lxss_set_default(LxssClient *client, const char *distribution, LxssFailure *failure) {
        return client_call(client, "SetDefault", distribution, NULL, failure);
}

int lxss_rename(LxssClient *client, const char *distribution, const char *new_name, LxssFailure *failure) {
        return client_call(client, "Rename", distribution, new_name, failure);
}

int lxss_remove_snapshot(LxssClient *client, const char *distribution, const char *snapshot, LxssFailure *failure) {
        return client_call(client, "RemoveSnapshot", distribution, snapshot, failure);
}

int lxss_terminate(LxssClient *client, const char *distribution, LxssFailure *failure) {
        return client_call(client, "Terminate", distribution, NULL, failure);
}

int lxss_shutdown(LxssClient *client, LxssFailure *failure) {
        return lxss_result(remote_call(client->connection, "Shutdown", NULL, failure, ""));
}

int lxss_hold(LxssClient *client, const char *distribution, int *ret_fd, LxssFailure *failure) {
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        r = remote_call(client->connection, "Hold", &answer, failure, "s", distribution ? distribution : "");
        if (r == 0)
                r = remote_take_fd(answer, ret_fd);
        return r == -EBADMSG ? remote_bad_answer(r, failure) : lxss_result(r);
}

int lxss_repair(LxssClient *client, const char *distribution, char **ret_kept, LxssFailure *failure) {
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        const char *kept;
        int r;

        r = remote_call(client->connection, "Repair", &answer, failure, "s", distribution ? distribution : "");
        if (r < 0)
                return lxss_result(r);
        reader = incoming_read(answer);
        if (dbus_get(&reader, "s", &kept) < 0)
                return remote_bad_answer(-EBADMSG, failure);
        if (ret_kept && !(*ret_kept = strdup(kept)))
                return -ENOMEM;
        return 0;
}

static void put_changes(DbusWriter *w, const LxssChange *changes, size_t n) {
        DbusArray array = dbus_open_array(w, '{');

        for (size_t i = 0; i < n; i++)
                if (changes[i].value) {
                        dbus_put_struct(w);
                        dbus_put(w, "ss", changes[i].key, changes[i].value);
                }
        dbus_close_array(w, array);
        array = dbus_open_array(w, 's');
        for (size_t i = 0; i < n; i++)
                if (!changes[i].value)
                        dbus_put(w, "s", changes[i].key);
        dbus_close_array(w, array);
}

int lxss_configure(LxssClient *client, const char *distribution, const LxssChange *changes, size_t n,
                   bool *ret_pending, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        bool pending;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Configure", "sa{ss}as");
        dbus_put(&w, "s", distribution ? distribution : "");
        put_changes(&w, changes, n);
        r = remote_finish_call(client->connection, &w, &answer, failure);
        if (r < 0)
                return lxss_result(r);
        reader = incoming_read(answer);
        if (dbus_get(&reader, "b", &pending) < 0)
                return remote_bad_answer(-EBADMSG, failure);
        if (ret_pending)
                *ret_pending = pending;
        return 0;
}
