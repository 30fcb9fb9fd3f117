/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the D-Bus connection over the private socket. lxssd may exit for being
 * idle just while a client connects: a connection that ends before it is
 * authenticated is made again, since nothing was asked on it yet. What happens
 * later is the caller's to judge. */

#include "client/remote.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "client/activate.h"
#include "shared/error.h"
#include "shared/paths.h"

#define CONNECT_ATTEMPTS 8

static bool is_disconnect(int r) {
        return r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN || r == -EIO;
}

static int wait_until_ready(sd_bus *bus) {
        for (;;) {
                int r = sd_bus_is_ready(bus);

                if (r != 0)
                        return r < 0 ? r : 0;
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return r;
        }
}

static int open_bus(int *fd, sd_bus **ret) {
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, *fd, *fd);
        if (r < 0)
                return r;
        steal_fd(fd);
        r = sd_bus_set_bus_client(bus, false);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, UINT64_MAX);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = wait_until_ready(bus);
        if (r < 0)
                return r;
        *ret = steal_pointer(&bus);
        return 0;
}

int remote_connect(bool start, sd_bus **ret, sd_bus_error *reterr) {
        _cleanup_free_ char *log = NULL;
        int r = 0;

        for (unsigned attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
                _cleanup_close_ int fd = -EBADF;
                struct timespec pause = { .tv_nsec = attempt * 20 * 1000 * 1000L };

                (void)nanosleep(&pause, NULL);
                r = activate_connect(start, &fd, reterr);
                if (r == -ECONNREFUSED) { /* it was started, and has ended again already */
                        sd_bus_error_free(reterr);
                        continue;
                }
                if (r <= 0)
                        return r;
                r = open_bus(&fd, ret);
                if (r >= 0)
                        return 1;
                if (!is_disconnect(r))
                        return sd_bus_error_set_errnof(reterr, r, "Cannot talk to lxssd: %s", strerror(-r));
        }
        log = remote_describe_log();
        sd_bus_error_setf(reterr, lxss_error_to_name(LXSS_ERROR_SERVICE_UNAVAILABLE),
                          "lxssd ends or closes the connection before it answers. Its log: %s", log ? log : "unknown");
        return r;
}

int remote_call(sd_bus *bus, const char *member, sd_bus_message **ret, sd_bus_error *reterr, const char *types, ...) {
        va_list arguments;
        int r;

        va_start(arguments, types);
        r = sd_bus_call_methodv(bus, NULL, MANAGER_PATH, MANAGER_INTERFACE, member, reterr, ret, types, arguments);
        va_end(arguments);
        return r;
}

bool remote_connection_lost(int r, const sd_bus_error *error) {
        if (error && error->name)
                return sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED,
                                              "System.Error.ECONNRESET", "System.Error.EPIPE",
                                              "System.Error.ENOTCONN");
        return is_disconnect(r);
}

char *remote_describe_log(void) {
        _cleanup_free_ char *path = NULL;

        /* sd_booted(3): without systemd there is no journal either. */
        if (path_log_file(&path) >= 0 && (access(path, F_OK) == 0 || access("/run/systemd/system", F_OK) < 0))
                return steal_pointer(&path);
        return strdup(geteuid() == 0 ? "journalctl -u lxssd" : "journalctl --user -u lxssd");
}
