/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way into LxBus, which is another one on each side. */

#include <sys/socket.h>
#include <sys/un.h>

#include "client/lxss/lxbus-private.h"
#include "client/lxss/remote.h"
#include "shared/util.h"

int lxbus_connect_inside(int *ret) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LXBUS_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret = steal_fd(&fd);
        return 0;
}

static int call_open_bus(Connection *connection, LxssFailure *failure, int *ret) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "OpenBus", "a{sv}");
        dbus_close_array(&w, dbus_open_array(&w, '{'));
        r = remote_finish_call(connection, &w, &answer, failure);
        if (r == 0)
                r = remote_take_fd(answer, ret);
        return r == -EBADMSG ? -EPROTO : r;
}

/* The descriptor needs no connection beside it: it is what keeps lxssd there. */
static int open_on_host(int *ret) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_connection_ Connection *connection = NULL;
        int r;

        r = remote_connect(ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = call_open_bus(connection, &failure, ret);
        if (r < 0 && failure.name && lxss_error_from_name(failure.name) >= 0)
                return -lxss_error_to_errno(lxss_error_from_name(failure.name));
        return r < 0 ? r : 0;
}

int lxbus_open(LxBus **ret) {
        _cleanup_close_ int fd = -EBADF;
        bool inside;
        int r;

        r = lxbus_connect_inside(&fd);
        inside = r == 0;
        if (r == -ENOENT ||
            r == -EACCES) /* no instance: there it is for everybody; of the host's root it is the directory */
                r = open_on_host(&fd);
        if (r < 0)
                return r;
        r = lxbus_open_fd(fd, ret);
        if (r < 0)
                return r;
        fd = -EBADF;
        (*ret)->inside = inside;
        return 0;
}
