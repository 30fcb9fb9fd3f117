/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.freedesktop.DBus on the private socket, as much as makes gdbus(1), busctl(1) and the bindings
 * of many languages work on it: they take whatever they connect to for a bus and say Hello
 * before all else. Each connection is then a bus of two, on which lxssd has its name. */

#include "daemon/bus-objects.h"
#include "shared/util.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define OUR_UNIQUE_NAME ":1.0"
#define THEIR_UNIQUE_NAME ":1.1"
#define ALREADY_RUNNING 2u /* StartServiceByName's DBUS_START_REPLY_ALREADY_RUNNING */

/* NULL: nobody. */
static const char *owner_of(const char *name) {
        if (streq(name, BUS_NAME) || streq(name, OUR_UNIQUE_NAME))
                return OUR_UNIQUE_NAME;
        if (streq(name, DBUS_NAME) || streq(name, THEIR_UNIQUE_NAME))
                return streq(name, DBUS_NAME) ? DBUS_NAME : THEIR_UNIQUE_NAME;
        return NULL;
}

/* Who thinks to be on a bus looks at who sent a signal. */
static int hello(sd_bus_message *m, Peer *peer, const char *name _unused_) {
        int r = sd_bus_set_sender(peer->connection, OUR_UNIQUE_NAME);

        return r < 0 ? r : sd_bus_reply_method_return(m, "s", THEIR_UNIQUE_NAME);
}

/* There are no rules here: whoever wants to hear something hears all. */
static int add_match(sd_bus_message *m, Peer *peer, const char *name _unused_) {
        peer->subscribed = true;
        return sd_bus_reply_method_return(m, NULL);
}

static int remove_match(sd_bus_message *m, Peer *peer _unused_, const char *name _unused_) {
        return sd_bus_reply_method_return(m, NULL);
}

static int get_name_owner(sd_bus_message *m, Peer *peer _unused_, const char *name) {
        const char *owner = owner_of(name);

        if (!owner)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "Only lxssd is here, as %s.",
                                                  BUS_NAME);
        return sd_bus_reply_method_return(m, "s", owner);
}

static int name_has_owner(sd_bus_message *m, Peer *peer _unused_, const char *name) {
        return sd_bus_reply_method_return(m, "b", owner_of(name) != NULL);
}

static int start_service_by_name(sd_bus_message *m, Peer *peer _unused_, const char *name) {
        if (!owner_of(name))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_SERVICE_UNKNOWN, "Only lxssd is here, as %s.",
                                                  BUS_NAME);
        return sd_bus_reply_method_return(m, "u", ALREADY_RUNNING);
}

int bus_stand_in(sd_bus_message *m, Peer *peer) {
        static const struct {
                const char *member;
                const char *types;
                int (*answer)(sd_bus_message *m, Peer *peer, const char *name);
        } methods[] = {
                { "Hello", "", hello },
                { "AddMatch", "s", add_match },
                { "RemoveMatch", "s", remove_match },
                { "GetNameOwner", "s", get_name_owner },
                { "NameHasOwner", "s", name_has_owner },
                { "StartServiceByName", "su", start_service_by_name },
        };
        const char *name = "";
        int r;

        if (!sd_bus_message_is_method_call(m, DBUS_NAME, NULL))
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                if (!streq(methods[i].member, sd_bus_message_get_member(m)))
                        continue;
                if (!sd_bus_message_has_signature(m, methods[i].types))
                        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "%s takes \"%s\".",
                                                          methods[i].member, methods[i].types);
                r = *methods[i].types ? sd_bus_message_read(m, "s", &name) : 0;
                return r < 0 ? r : methods[i].answer(m, peer, name);
        }
        return 0;
}
