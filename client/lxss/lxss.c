/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients: calls, and the news that lxssd sends in between. */

#include "client/lxss/lxss-private.h"

#include <errno.h>

#include "client/lxss/activate.h"

_Static_assert(sizeof(LxssFailure) == sizeof(Failure) && offsetof(LxssFailure, name) == offsetof(Failure, name) &&
                       offsetof(LxssFailure, message) == offsetof(Failure, message),
               "one is the other");

void lxss_failure_clear(LxssFailure *failure) {
        failure_clear((Failure *)failure);
}

int lxss_result(int r) {
        return r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN ? -ECONNRESET : r < 0 ? r : 0;
}

int lxss_connect(int flags, LxssClient **ret, LxssFailure *failure) {
        Connection *connection = NULL;
        LxssClient *client;
        int r;

        if (flags & ~LXSS_NO_START)
                return -EINVAL;
        r = remote_connect(flags & LXSS_NO_START ? ACTIVATE_NEVER : ACTIVATE, &connection, (Failure *)failure);
        if (r == 0)
                return failure_set((Failure *)failure, LXSS_ERROR_SERVICE_UNAVAILABLE, -ECONNREFUSED,
                                   "lxssd does not run.");
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

int lxss_fd(const LxssClient *client) {
        return connection_fd(client->connection);
}

int lxss_dispatch(LxssClient *client) {
        for (;;) {
                _cleanup_incoming_ Incoming *incoming = NULL;
                int r = connection_next(client->connection, &incoming);

                if (r <= 0)
                        return lxss_result(r);
                process_take_news(client, incoming);
        }
}

/* ---- distributions ---- */

static int count_distributions(DbusReader reader, size_t *ret_n, size_t *ret_size) {
        DbusReader entries = dbus_enter_array(&reader, '(');
        size_t n = 0, size = 0;

        while (dbus_more(&entries, &reader)) {
                const char *name, *state;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "sso", &name, &state, NULL);
                n++;
                size += strlen(name) + strlen(state) + 2;
        }
        *ret_n = n;
        *ret_size = size;
        return reader.error;
}

/* Entries and their strings in one piece of memory. */
static LxssDistribution *copy_distributions(DbusReader reader, size_t n, size_t size, const char *default_name) {
        LxssDistribution *distributions = malloc(n * sizeof(*distributions) + size + 1), *d = distributions;
        DbusReader entries = dbus_enter_array(&reader, '(');
        char *p = (char *)(distributions + n);

        while (distributions && dbus_more(&entries, &reader)) {
                const char *name, *state;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "sso", &name, &state, NULL);
                d->name = p;
                p = stpcpy(p, name) + 1;
                d->state = p;
                p = stpcpy(p, state) + 1;
                d->is_default = streq(name, default_name);
                d++;
        }
        return distributions;
}

int lxss_list(LxssClient *client, LxssDistribution **ret, size_t *ret_n, LxssFailure *failure) {
        _cleanup_incoming_ Incoming *answer = NULL;
        _cleanup_free_ char *default_name = NULL;
        LxssDistribution *distributions;
        size_t n = 0, size = 0;
        int r;

        r = remote_call(client->connection, "ListDistributions", &answer, (Failure *)failure, "");
        if (r == 0)
                r = remote_get_string(client->connection, MANAGER_PATH, MANAGER_INTERFACE, "DefaultDistribution",
                                      &default_name);
        if (r == 0)
                r = count_distributions(incoming_read(answer), &n, &size);
        if (r < 0)
                return lxss_result(r);
        distributions = copy_distributions(incoming_read(answer), n, size, default_name);
        if (!distributions)
                return -ENOMEM;
        *ret = distributions;
        *ret_n = n;
        return 0;
}

int lxss_hold(LxssClient *client, const char *distribution, int *ret_fd, LxssFailure *failure) {
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        r = remote_call(client->connection, "Hold", &answer, (Failure *)failure, "s",
                        distribution ? distribution : "");
        return lxss_result(r < 0 ? r : remote_take_fd(answer, ret_fd));
}

int lxss_terminate(LxssClient *client, const char *distribution, LxssFailure *failure) {
        return lxss_result(remote_call(client->connection, "Terminate", NULL, (Failure *)failure, "s",
                                       distribution ? distribution : ""));
}
