/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of org.lxss.Manager1 about LxBus: the host's way into it, and who is
 * there. LxBus itself does not speak D-Bus. */

#include "daemon/bus-lxbus.h"

#include <sys/socket.h>

#include "daemon/broker.h"
#include "daemon/bus-objects.h"
#include "daemon/bus-options.h"
#include "shared/util.h"

/* 0 where that is not known. */
static pid_t caller_pid(sd_bus_message *m, const Peer *peer) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        struct ucred credentials;
        socklen_t size = sizeof(credentials);
        pid_t pid = 0;

        if (peer->client->fd >= 0)
                return getsockopt(peer->client->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0
                                       ? 0
                                       : credentials.pid;
        if (sd_bus_query_sender_creds(m, SD_BUS_CREDS_PID, &creds) < 0 || sd_bus_creds_get_pid(creds, &pid) < 0)
                return 0;
        return pid;
}

int bus_method_open_bus(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_close_ int fd = -EBADF;
        Peer *peer;
        int r;

        if ((r = options_read(m, NULL, 0, NULL, reterr)) < 0 || (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        fd = manager_open_bus(bus_manager(userdata), peer->client->uid, caller_pid(m, peer), reterr);
        return fd < 0 ? fd : bus_reply_with_fd(m, fd, reterr);
}

const char *bus_scope_to_string(uint32_t scope) {
        static const char *const names[LXBUS_SCOPE_MAX] = {
                [LXBUS_SCOPE_OWN] = "here",
                [LXBUS_SCOPE_HOST] = "host",
                [LXBUS_SCOPE_ALL] = "all",
        };

        return scope < LXBUS_SCOPE_MAX ? names[scope] : "";
}

int bus_method_list_servers(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        g_autoptr(GArray) entries = manager_list_servers(bus_manager(userdata));
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(m, &reply)) < 0 ||
            (r = sd_bus_message_open_container(reply, 'a', "(sssuuu)")) < 0)
                return r;
        for (guint i = 0; i < entries->len; i++) {
                const LxbusEntry *e = &g_array_index(entries, LxbusEntry, i);

                r = sd_bus_message_append(reply, "(sssuuu)", e->name, e->identity.instance, bus_scope_to_string(e->scope),
                                          e->identity.uid, (uint32_t)e->identity.pid, e->n_ports);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
