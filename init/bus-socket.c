/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See init/bus-socket.h. */

#include "init/bus-socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shared/lxbus-protocol.h"
#include "shared/util.h"

int bus_socket_listen(void) {
        static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LXBUS_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (mkdir(LXBUS_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return -errno;
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(LXBUS_SOCKET, 0666) < 0 ||
            listen(fd, SOMAXCONN) < 0)
                return -errno;
        return steal_fd(&fd);
}
