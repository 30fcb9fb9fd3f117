/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sd-bus as a server, with one thing that it leaves undone: a client may send its
 * first messages right behind the last line of the authentication. Both are
 * then read together, the messages stay in sd-bus's buffer, and nothing wakes
 * the loop for them, since the socket has no more to give. So when a connection
 * is up, it is processed until it has nothing left. */

#include "daemon/bus-private.h"

#include "shared/util.h"

static int on_up(sd_event_source *source, void *userdata) {
        sd_bus *connection = userdata;

        sd_event_source_unref(source);
        while (sd_bus_process(connection, NULL) > 0)
                ;
        sd_bus_unref(connection);
        return 0;
}

static int on_connected(sd_bus_message *m, void *userdata _unused_, sd_bus_error *reterr _unused_) {
        sd_bus *connection = sd_bus_message_get_bus(m);
        sd_event_source *source;

        if (sd_event_add_defer(sd_bus_get_event(connection), &source, on_up, connection) >= 0)
                (void)sd_bus_ref(connection);
        return 0;
}

int private_connection_new(sd_event *event, int fd, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = NULL;
        _cleanup_close_ int owned = fd;
        sd_id128_t id;
        int r;

        if ((r = sd_id128_randomize(&id)) < 0 || (r = sd_bus_new(&connection)) < 0 ||
            (r = sd_bus_set_fd(connection, owned, owned)) < 0)
                return r;
        (void)steal_fd(&owned);
        if ((r = sd_bus_set_server(connection, true, id)) < 0 ||
            (r = sd_bus_negotiate_fds(connection, true)) < 0 ||
            (r = sd_bus_set_connected_signal(connection, true)) < 0 ||
            (r = sd_bus_match_signal(connection, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                     "Connected", on_connected, NULL)) < 0 ||
            (r = sd_bus_start(connection)) < 0 ||
            (r = sd_bus_attach_event(connection, event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        *ret = steal_pointer(&connection);
        return 0;
}
