/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/activation.h. */

#include "daemon/activation.h"

#include <glib.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "daemon/error.h"
#include "shared/util.h"

/* Each descriptor is taken once; a second look finds it closed, or is another program's. */
static bool taken[2];

/* The index of what was passed under this name, or negative. */
static int find(const char *name, int *ret_n) {
        g_auto(GStrv) names = NULL;
        int n = sd_listen_fds_with_names(false, &names);

        *ret_n = n;
        for (int i = 0; i < n; i++)
                if (streq(names[i], name))
                        return i;
        return -ENOENT;
}

bool activation_by_client(void) {
        int n;

        return find(ACTIVATION_LISTENER, &n) >= 0;
}

void activation_finish(void) {
        (void)sd_listen_fds(true);
}

int activation_take_base(void) {
        int n, index = find(ACTIVATION_BASE, &n);

        if (index < 0 || taken[1])
                return -EBADF;
        taken[1] = true;
        return SD_LISTEN_FDS_START + index;
}

int activation_take_listener(bool *ret_of_systemd, sd_bus_error *reterr) {
        const char *pid = getenv("SYSTEMD_EXEC_PID");
        int n, index = find(ACTIVATION_LISTENER, &n);
        bool by_client = index >= 0;

        if (n <= 0 || taken[0])
                return n < 0 ? n : -ENOENT;
        if (!by_client)
                index = 0;
        if ((!by_client && n > 1) || sd_is_socket_unix(SD_LISTEN_FDS_START + index, SOCK_STREAM, 1, NULL, 0) <= 0)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "lxssd was passed something else than one listening "
                                                                       "Unix socket.");
        taken[0] = true;
        *ret_of_systemd = pid && atoi(pid) == getpid();
        return SD_LISTEN_FDS_START + index;
}
