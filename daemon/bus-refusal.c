/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/bus-refusal.h. It tells strangers nothing: what is refused is the
 * user's own clients, and sd-bus authenticates them like any other. */

#include "daemon/bus-refusal.h"

#include "daemon/error.h"
#include "daemon/bus-private.h"
#include "shared/util.h"

#define PATIENCE_USEC (2 * G_USEC_PER_SEC)

struct Refusal {
        sd_event *event;
        sd_bus_error error;
        GPtrArray *connections; /* sd_bus, owned */
};

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        const Refusal *refusal = userdata;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        return sd_bus_reply_method_error(m, &refusal->error);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        Refusal *refusal = userdata;

        (void)g_ptr_array_remove(refusal->connections, sd_bus_message_get_bus(m));
        if (refusal->connections->len == 0)
                (void)sd_event_exit(refusal->event, 0);
        return 0;
}

static void free_connection(void *connection) {
        sd_bus_flush_close_unref(connection);
}

Refusal *refusal_new(sd_event *event, const sd_bus_error *error) {
        Refusal *refusal = g_new0(Refusal, 1);

        refusal->event = sd_event_ref(event);
        (void)sd_bus_error_copy(&refusal->error, error);
        refusal->connections = g_ptr_array_new_with_free_func(free_connection);
        return refusal;
}

Refusal *refusal_free(Refusal *refusal) {
        if (!refusal)
                return NULL;
        g_ptr_array_unref(refusal->connections);
        sd_bus_error_free(&refusal->error);
        sd_event_unref(refusal->event);
        g_free(refusal);
        return NULL;
}

void refusal_add_connection(Refusal *refusal, int fd) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = NULL;

        if (private_connection_new(refusal->event, fd, &connection) < 0 ||
            sd_bus_add_filter(connection, NULL, on_call, refusal) < 0 ||
            sd_bus_match_signal(connection, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                "Disconnected", on_disconnected, refusal) < 0)
                return;
        g_ptr_array_add(refusal->connections, steal_pointer(&connection));
}

static int on_timeout(sd_event_source *source, uint64_t usec _unused_, void *userdata _unused_) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

void refusal_run(Refusal *refusal) {
        if (sd_event_add_time_relative(refusal->event, NULL, CLOCK_MONOTONIC, PATIENCE_USEC, 0, on_timeout, NULL) >= 0)
                (void)sd_event_loop(refusal->event);
}
