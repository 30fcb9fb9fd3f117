/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/parent-death.h. An ending process signals its children and becomes
 * visible as ended within one critical section of the kernel's list of
 * tasks. setsid(2) passes through the same lock, so after it the parent has either
 * seen that we want the signal, or is to be seen as ended. */

#include "daemon/parent-death.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "shared/syscalls.h"
#include "shared/util.h"

int parent_death_open(void) {
        int fd = sys_pidfd_open(getpid(), 0);

        return fd < 0 ? -errno : fd;
}

void parent_death_arm(int parent) {
        struct pollfd p = { .fd = parent, .events = POLLIN };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                _exit(EXIT_FAILURE);
        (void)setsid();
        if (poll(&p, 1, 0) != 0)
                _exit(EXIT_FAILURE);
}
