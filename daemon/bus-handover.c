/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/bus-handover.h. */

#include "daemon/bus-handover.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/bus.h"
#include "shared/paths.h"
#include "shared/util.h"

static int find_bus_address(char **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        const char *address;
        int r;

        r = geteuid() == 0 ? sd_bus_open_system(&bus) : sd_bus_open_user(&bus);
        if (r < 0)
                return r;
        r = sd_bus_get_address(bus, &address);
        if (r < 0)
                return r;
        *ret = g_strdup(address);
        return 0;
}

static int connect_private(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = NULL;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = path_manager_socket(&path);
        if (r < 0)
                return r;
        g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        if ((r = sd_bus_new(&connection)) < 0 || (r = sd_bus_set_fd(connection, fd, fd)) < 0)
                return r;
        (void)steal_fd(&fd);
        r = sd_bus_start(connection);
        if (r < 0)
                return r;
        *ret = steal_pointer(&connection);
        return 0;
}

int handover_bus(void) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *connection = NULL;
        g_autofree char *address = NULL;
        int r;

        if ((r = find_bus_address(&address)) < 0 || (r = connect_private(&connection)) < 0)
                return r;
        return sd_bus_call_method(connection, NULL, BUS_PATH, BUS_INTERFACE, "ConnectBus", NULL, NULL, "s", address);
}
