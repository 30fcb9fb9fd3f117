/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Launch: the message → LaunchRequest, and on to the manager. */

#include "daemon/bus-launch.h"

#include "daemon/bus.h"
#include "daemon/bus-options.h"
#include "daemon/error.h"

static const Option launch_options[] = {
        { "user", "s", option_string, offsetof(LaunchRequest, user) },
        { "directory", "ay", option_bytes, offsetof(LaunchRequest, directory) },
        { "shell", "b", option_bool, offsetof(LaunchRequest, shell) },
        { "closed-fds", "au", option_fd_mask, offsetof(LaunchRequest, closed_mask) },
        { "terminal", "h", option_fd, offsetof(LaunchRequest, terminal_socket) },
        { "terminal-fds", "au", option_fd_mask, offsetof(LaunchRequest, terminal_mask) },
        { "terminal-size", "(uu)", option_size, offsetof(LaunchRequest, rows) },
        { "terminal-pixels", "(uu)", option_size, offsetof(LaunchRequest, x_pixels) },
        { "background", "b", option_bool, offsetof(LaunchRequest, background) },
        { "wait", "b", option_not_bool, offsetof(LaunchRequest, no_wait) },
        { "linger", "t", option_u64, offsetof(LaunchRequest, linger_seconds) },
};

_Static_assert(offsetof(LaunchRequest, columns) == offsetof(LaunchRequest, rows) + sizeof(uint16_t) &&
                       offsetof(LaunchRequest, y_pixels) == offsetof(LaunchRequest, x_pixels) + sizeof(uint16_t),
               "option_size() writes two numbers together");

/* Duplicates: the message closes its own when it goes. */
static int read_fds(sd_bus_message *m, LaunchRequest *request, sd_bus_error *reterr) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{uh}");
        if (r < 0)
                return r;
        for (;;) {
                uint32_t number;
                int fd;

                r = sd_bus_message_read(m, "{uh}", &number, &fd);
                if (r < 0)
                        return r;
                if (r == 0)
                        return sd_bus_message_exit_container(m);
                if (number > INT32_MAX)
                        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%u is no descriptor.", number);
                fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                        return error_set(reterr, LXSS_ERROR_FAILED, "lxssd has no descriptor left: %s", strerror(errno));
                r = launch_request_add_fd(request, (int)number, fd);
                if (r < 0)
                        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "Descriptor %u is passed twice.", number);
        }
}

static int read_arguments(sd_bus_message *m, LaunchRequest *request, sd_bus_error *reterr) {
        const char *distribution;
        int r;

        if ((r = sd_bus_message_read(m, "s", &distribution)) < 0 || (r = read_bytes(m, &request->cwd)) < 0 ||
            (r = read_bytes_array(m, &request->argv)) < 0 || (r = read_fds(m, request, reterr)) < 0 ||
            (r = read_bytes_array(m, &request->env)) < 0)
                return r;
        request->distribution = strdup(distribution);
        if (!request->distribution)
                return -ENOMEM;
        if (str_empty(request->cwd)) {
                free(request->cwd);
                request->cwd = NULL;
        }
        return options_read(m, launch_options, ELEMENTSOF(launch_options), request, reterr);
}

static int receive_launch(sd_bus_message *m, LaunchRequest **ret, sd_bus_error *reterr) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        int r;

        if (!request)
                return -ENOMEM;
        r = read_arguments(m, request, reterr);
        if (r == -EINVAL && !sd_bus_error_is_set(reterr))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "An argument holds a NUL byte.");
        if (r < 0)
                return r;
        *ret = steal_pointer(&request);
        return 0;
}

bool bus_is_launch(sd_bus_message *m) {
        return sd_bus_message_is_method_call(m, BUS_INTERFACE, "Launch") > 0 &&
                        sd_bus_message_has_signature(m, "sayaaya{uh}aaya{sv}") > 0 &&
                        streq(sd_bus_message_get_path(m), BUS_PATH);
}

int bus_method_launch(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        LaunchRequest *request = NULL;
        Peer *peer;
        int r;

        r = bus_find_peer(userdata, m, &peer, reterr);
        if (r < 0)
                return r;
        r = receive_launch(m, &request, reterr);
        if (r < 0)
                return r;
        r = manager_launch(bus_manager(userdata), peer->client, request, m, reterr);
        return r < 0 ? r : 1; /* answered once /init reports that the program runs */
}
