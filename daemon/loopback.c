/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/loopback.h. libc only: lxss-network has it, too. */

#include "daemon/loopback.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "shared/util.h"

int loopback_raise(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

        if (fd < 0)
                return -errno;
        return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}
