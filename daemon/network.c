/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd's end of lxss-network, which is a container as a worker is one: when that has exited, pasta has, too. Here is
 * known what to say when there is no network. */

#include "daemon/network.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/container.h"
#include "daemon/error.h"
#include "daemon/network-report.h"
#include "daemon/network-resolver.h"
#include "daemon/text.h"
#include "shared/fd-socket.h"
#include "shared/paths.h"
#include "shared/util.h"

#define RESOLV_CONF_MAX 65536

struct Network {
        NetworkEvents events;
        void *userdata;
        char *name; /* of the distribution */
        char *resolver;
        Container *container;
        int report;
        bool up, told; /* told: the last event has been */
        sd_event_source *source;
};

static void tell_failure(Network *network, LxssError name, const char *why) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        network->told = true;
        error_set(&error, name,
                  "%s was not started: it has network=private, and %s. Or it does without: lxctl config "
                  "%s network host (or none)",
                  network->name, why, network->name);
        network->events.failed(&error, network->userdata);
}

/* "exit status 1", and what it said. */
static char *describe_end(const NetworkReport *report) {
        bool exited = WIFEXITED(report->status);
        g_autofree char *said = text_printable(report->text, sizeof(report->text));

        return g_strdup_printf("%s %d%s%s", exited ? "exit status" : "signal",
                               exited ? WEXITSTATUS(report->status) : WTERMSIG(report->status), *said ? ": " : "",
                               said);
}

static void tell_pasta_failure(Network *network, const NetworkReport *report) {
        g_autofree char *text = NULL, *why = NULL;

        if (report->error != 0) {
                text = text_printable(report->text, sizeof(report->text));
                why = g_strdup_printf("%s failed: %s", text, g_strerror(report->error));
        } else {
                text = describe_end(report);
                why = g_strdup_printf("pasta, which makes that, failed (%s)", text);
        }
        tell_failure(network, LXSS_ERROR_TOOL_FAILED, why);
}

static void tell_end(Network *network, const char *reason) {
        network->told = true;
        network->events.ended(reason, network->userdata);
}

/* All but NETWORK_REPORT_UP. The network may be gone afterwards. */
static void take_end(Network *network, const NetworkReport *report) {
        g_autofree char *end = NULL, *reason = NULL;

        if (report->kind == NETWORK_REPORT_MISSING && !network->up) {
                tell_failure(network, LXSS_ERROR_TOOL_MISSING,
                             "pasta, which makes that, is not installed. Install it: apt-get install passt");
        } else if (report->kind == NETWORK_REPORT_CLOSED && !network->up) {
                reason = g_strdup_printf(
                                "pasta, which makes that, cannot open %s: %s. As root: modprobe tun; chmod 0666 %s",
                                NETWORK_DEVICE, g_strerror(report->error), NETWORK_DEVICE);
                tell_failure(network, LXSS_ERROR_HOST_UNSUITABLE, reason);
        } else if (!network->up) {
                tell_pasta_failure(network, report);
        } else {
                end = describe_end(report);
                reason = g_strdup_printf("pasta ended (%s)", end);
                tell_end(network, reason);
        }
}

static bool receive(Network *network, NetworkReport *ret, int *ret_namespace) {
        size_t n_fds = 0;

        if (fd_socket_receive(network->report, ret, sizeof(*ret), ret_namespace, 1, &n_fds) != sizeof(*ret))
                return false;
        ret->text[sizeof(ret->text) - 1] = '\0';
        return true;
}

static int on_report(sd_event_source *source, int fd _unused_, uint32_t events _unused_, void *userdata) {
        Network *network = userdata;
        int namespace = -EBADF;
        NetworkReport report;

        if (!receive(network, &report, &namespace)) {
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* the container's end says the rest */
        } else if (report.kind == NETWORK_REPORT_UP && namespace >= 0 && !network->up) {
                network->up = true;
                network->events.up(namespace, network->userdata);
        } else {
                closep(&namespace);
                take_end(network, &report);
        }
        return 0;
}

static void on_container_started(Container *container _unused_, void *userdata _unused_) {
}

static void on_container_failed(Container *container _unused_, const char *step, int error, void *userdata) {
        Network *network = userdata;
        g_autofree char *why = g_strdup_printf("%s for it failed: %s", step, g_strerror(error));

        tell_failure(network, LXSS_ERROR_HOST_UNSUITABLE, why);
}

static void on_container_exited(Container *container _unused_, const siginfo_t *info, void *userdata) {
        Network *network = userdata;
        g_autofree char *reason = NULL;
        int namespace = -EBADF;
        NetworkReport report;

        network->source = sd_event_source_disable_unref(network->source);
        while (!network->told && receive(network, &report, &namespace)) {
                closep(&namespace);
                if (report.kind != NETWORK_REPORT_UP) {
                        take_end(network, &report);
                        return;
                }
        }
        if (network->told)
                return;
        reason = g_strdup_printf("lxss-network ended unexpectedly (%s %d)",
                                 info->si_code == CLD_EXITED ? "exit status" : "signal", info->si_status);
        if (network->up)
                tell_end(network, reason);
        else
                tell_failure(network, LXSS_ERROR_TOOL_FAILED, reason);
}

static int start_container(Network *network, sd_event *event, const Base *base, uint32_t slot, int report_end) {
        static const ContainerEvents events = {
                .started = on_container_started,
                .failed = on_container_failed,
                .exited = on_container_exited,
        };
        const char *argv[] = { "lxss-network", network->resolver ? NETWORK_RESOLVER : NULL, NULL };
        const IdMap slot_ids = id_map_single(0, ID_SLOT_BASE + slot * ID_COUNT, ID_COUNT);
        bool root = base_mode(base) == ID_MODE_ROOT;
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int program = -EBADF;
        ContainerSpec spec = {
                .kind = CONTAINER_WORKER,
                .mode = base_mode(base),
                .user_fd = base_user_fd(base),
                .mount_fd = base_mount_fd(base),
                .uids = root ? slot_ids : *base_uid_map(base),
                .gids = root ? slot_ids : *base_gid_map(base),
                .cgroup_fd = -EBADF,
                .network_fd = -EBADF,
                .argv = argv,
                .fds = { report_end, -EBADF },
        };
        int r = path_libexec("lxss-network", &path);

        if (r < 0)
                return r;
        program = open(path, O_PATH | O_CLOEXEC);
        if (program < 0)
                return -errno;
        spec.program_fd = program;
        return container_start(event, &spec, &events, network, &network->container);
}

static char *compose_resolver(void) {
        _cleanup_free_ char *host = NULL;

        if (read_linked_file("/etc/resolv.conf", RESOLV_CONF_MAX, &host, NULL) < 0)
                return NULL;
        return network_resolver_compose(host, NETWORK_RESOLVER);
}

int network_start(sd_event *event, const Base *base, const char *name, uint32_t slot, const NetworkEvents *events,
                  void *userdata, Network **ret) {
        g_autoptr(Network) network = g_new0(Network, 1);
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;

        network->report = -EBADF;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        network->report = pair[0];
        theirs = pair[1];
        network->events = *events;
        network->userdata = userdata;
        network->name = g_strdup(name);
        network->resolver = compose_resolver();
        if (fcntl(network->report, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(event, &network->source, network->report, EPOLLIN, on_report, network);
        if (r >= 0)
                r = start_container(network, event, base, slot, theirs);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&network);
        return 0;
}

Network *network_free(Network *network) {
        if (!network)
                return NULL;
        network->source = sd_event_source_disable_unref(network->source);
        container_free(network->container);
        closep(&network->report);
        g_free(network->resolver);
        g_free(network->name);
        g_free(network);
        return NULL;
}

const char *network_resolver(const Network *network) {
        return network->resolver;
}
