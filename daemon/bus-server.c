/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.lxss.Manager1.Server: who serves on LxBus.
 *
 * Of all objects these alone are made and dropped by programs in instances, as fast as those like. So that
 * this neither keeps lxssd from the others nor fills its memory with signals that nobody reads, there is a
 * turn for a few of them, none while the bus is behind, and nothing is told of a server that has
 * gone by then: no more can wait than there are servers, and were. */

#include "daemon/bus-lxbus.h"
#include "daemon/bus-objects.h"
#include "shared/util.h"

#define INTERFACE BUS_INTERFACE ".Server"

#define NEWS_PER_TURN 8
/* How long the bus has time to catch up. */
#define PATIENCE_USEC (50 * 1000)

struct ServerNews {
        sd_event *event;
        Bus *bus;
        sd_event_source *turn;
        GHashTable *added;   /* set of ids */
        GHashTable *removed; /* set of ids that somebody may have been told of */
};

static int find(sd_bus *connection _unused_, const char *path, const char *interface _unused_, void *userdata,
                void **ret, sd_bus_error *reterr _unused_) {
        uint64_t id;
        Server *server = bus_path_to_id(path, "server", &id) ? manager_find_server(bus_manager(userdata), id) : NULL;

        if (!server)
                return 0;
        *ret = server;
        return 1;
}

static int enumerate(sd_bus *connection _unused_, const char *prefix _unused_, void *userdata, char ***ret,
                     sd_bus_error *reterr _unused_) {
        g_autoptr(GArray) ids = manager_list_server_ids(bus_manager(userdata));
        char **paths = g_new0(char *, ids->len + 1);

        for (guint i = 0; i < ids->len; i++)
                paths[i] = bus_server_path(g_array_index(ids, uint64_t, i));
        *ret = paths;
        return 0;
}

static int get_property(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *reterr _unused_) {
        const LxbusEntry entry = broker_describe(userdata);

        if (streq(property, "Name"))
                return sd_bus_message_append(reply, "s", entry.name);
        if (streq(property, "Unnamed"))
                return sd_bus_message_append(reply, "b", *entry.name == 0);
        if (streq(property, "Instance"))
                return sd_bus_message_append(reply, "s", entry.identity.instance);
        if (streq(property, "Visible"))
                return sd_bus_message_append(reply, "s", bus_scope_to_string(entry.scope));
        if (streq(property, "Uid"))
                return sd_bus_message_append(reply, "u", entry.identity.uid);
        if (streq(property, "HostUid"))
                return sd_bus_message_append(reply, "u", entry.identity.host_uid);
        if (streq(property, "Pid"))
                return sd_bus_message_append(reply, "u", (uint32_t)entry.identity.pid);
        return sd_bus_message_append(reply, "u", broker_count_ports(userdata));
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Name", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Unnamed", "b", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Instance", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Visible", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Uid", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("HostUid", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Pid", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Ports", "u", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

int bus_add_servers(sd_bus *connection, Bus *bus) {
        int r;

        r = sd_bus_add_fallback_vtable(connection, NULL, BUS_PATH "/server", INTERFACE, vtable, find, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(connection, NULL, BUS_PATH "/server", enumerate, bus);
}

/* ---- news ---- */

/* Takes one out of the set. */
static bool take_id(GHashTable *ids, uint64_t *ret) {
        GHashTableIter i;
        void *id;

        g_hash_table_iter_init(&i, ids);
        if (!g_hash_table_iter_next(&i, &id, NULL))
                return false;
        *ret = *(const uint64_t *)id;
        g_hash_table_iter_remove(&i);
        return true;
}

/* What is gone is told first: a name that changed hands would be there twice. */
static bool tell_one(ServerNews *news) {
        g_autofree char *path = NULL;
        uint64_t id;

        if (take_id(news->removed, &id)) {
                path = bus_server_path(id);
                bus_emit_removed(news->bus, path, INTERFACE);
                return true;
        }
        if (!take_id(news->added, &id))
                return false;
        path = bus_server_path(id);
        bus_emit_added(news->bus, path);
        return true;
}

static int on_turn(sd_event_source *source, uint64_t usec _unused_, void *userdata);

static void wait_for_turn(ServerNews *news, uint64_t usec) {
        if (!news->turn) {
                (void)sd_event_add_time_relative(news->event, &news->turn, CLOCK_MONOTONIC, usec, 1, on_turn, news);
                return;
        }
        (void)sd_event_source_set_time_relative(news->turn, usec);
        (void)sd_event_source_set_enabled(news->turn, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        ServerNews *news = userdata;
        bool behind = bus_is_behind(news->bus);

        for (size_t i = 0; !behind && i < NEWS_PER_TURN; i++)
                if (!tell_one(news))
                        return 0;
        wait_for_turn(news, behind ? PATIENCE_USEC : 0);
        return 0;
}

/* Who begins to listen later asks what is there. */
static void note(ServerNews *news, GHashTable *set, uint64_t id) {
        bool idle = g_hash_table_size(news->added) + g_hash_table_size(news->removed) == 0;

        if (!bus_has_listeners(news->bus))
                return;
        g_hash_table_add(set, g_memdup2(&id, sizeof(id)));
        if (idle)
                wait_for_turn(news, 0);
}

void bus_server_added(uint64_t id, void *userdata) {
        ServerNews *news = bus_server_news(userdata);

        note(news, news->added, id);
}

void bus_server_removed(uint64_t id, void *userdata) {
        ServerNews *news = bus_server_news(userdata);

        if (!g_hash_table_remove(news->added, &id))
                note(news, news->removed, id);
}

ServerNews *bus_server_news_new(sd_event *event, Bus *bus) {
        ServerNews *news = g_new0(ServerNews, 1);

        *news = (ServerNews){
                .event = event,
                .bus = bus,
                .added = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
                .removed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
        };
        return news;
}

ServerNews *bus_server_news_free(ServerNews *news) {
        if (!news)
                return NULL;
        sd_event_source_disable_unref(news->turn);
        g_hash_table_unref(news->added);
        g_hash_table_unref(news->removed);
        g_free(news);
        return NULL;
}
