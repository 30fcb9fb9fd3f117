/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd: flags, the order in which things are made, the loop, and the end. */

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "daemon/activation.h"
#include "daemon/bus.h"
#include "daemon/bus-handover.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/bus-refusal.h"
#include "daemon/rlimit.h"
#include "shared/paths.h"
#include "shared/util.h"

/* How often we look again for an lxssd that listens and does not answer. */
#define HANDOVER_ATTEMPTS 20

typedef struct Daemon {
        sd_event *event;
        Listener *listener;
        Bus *bus;
        Manager *manager;
        Refusal *refusal; /* instead of all that, where it could not start */
} Daemon;

static void on_accepted(int fd, void *userdata) {
        Daemon *daemon = userdata;
        int r;

        if (daemon->refusal) {
                refusal_add_connection(daemon->refusal, fd);
                return;
        }
        r = bus_add_connection(daemon->bus, fd);
        if (r < 0)
                log_warning("A connection was refused: %s", g_strerror(-r));
}

/* Nobody needs us: leave, unless somebody turned up while the doors were being
 * closed. After Shutdown whoever turns up is for the next lxssd. */
static void on_idle(void *userdata) {
        Daemon *daemon = userdata;
        bool last = manager_is_shutting_down(daemon->manager);

        if (bus_retire(daemon->bus) && !last) {
                manager_check_idle(daemon->manager);
                return;
        }
        while (!listener_retire(daemon->listener))
                if (!last) {
                        bus_return(daemon->bus);
                        manager_check_idle(daemon->manager);
                        return;
                }
        log_debug("Nobody needs lxssd any more.");
        (void)sd_notify(false, "STOPPING=1");
        (void)sd_event_exit(daemon->event, EXIT_SUCCESS);
}

static void on_shut_down(void *userdata _unused_) {
}

static int on_signal(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_, void *userdata) {
        Daemon *daemon = userdata;

        manager_shutdown(daemon->manager, on_shut_down, NULL);
        return 0;
}

static int set_up_signals(Daemon *daemon) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t set;
        int r;

        (void)signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_event_add_signal(daemon->event, NULL, signals[i], on_signal, daemon);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The private socket first, since clients wait there already; then what needs
 * the lock of the data directory; then the bus, where being seen means being ready. */
static int set_up(Daemon *daemon, sd_bus_error *reterr) {
        _cleanup_free_ char *data = NULL, *settings = NULL;
        Registry *registry;
        int r;

        if ((r = sd_event_default(&daemon->event)) < 0 || (r = set_up_signals(daemon)) < 0 ||
            (r = path_data_directory(&data)) < 0 || (r = path_settings_file(&settings)) < 0)
                return r;
        daemon->bus = bus_new(daemon->event, on_idle, daemon);
        r = listener_new(daemon->event, on_accepted, daemon, &daemon->listener, reterr);
        if (r < 0)
                return r;
        r = registry_open(data, settings, &registry, reterr);
        if (r < 0)
                return r;
        r = manager_new(daemon->event, registry, bus_manager_events(), daemon->bus, &daemon->manager, reterr);
        if (r < 0)
                return r;
        bus_set_manager(daemon->bus, daemon->manager);
        return bus_connect(daemon->bus);
}

static void tear_down(Daemon *daemon) {
        refusal_free(daemon->refusal);
        listener_free(daemon->listener);
        manager_free(daemon->manager);
        bus_free(daemon->bus);
        sd_event_unref(daemon->event);
}

/* Where another one listens, it gets our bus; if it was about to end, we start after all. */
static int set_up_or_hand_over(Daemon *daemon, sd_bus_error *reterr) {
        for (unsigned attempt = 0;; attempt++) {
                int r;

                r = set_up(daemon, reterr);
                if (r != -EADDRINUSE)
                        return r;
                r = handover_bus();
                if (r >= 0)
                        return -EALREADY;
                if (attempt == HANDOVER_ATTEMPTS)
                        return error_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE,
                                         "Another lxssd runs, and did not take over: %s", g_strerror(-r));
                sd_bus_error_free(reterr);
                tear_down(daemon);
                *daemon = (Daemon){ 0 };
        }
}

/* Says why to whoever waits, and takes the socket away. */
static void refuse(Daemon *daemon, const sd_bus_error *error) {
        log_error("lxssd cannot start: %s", error->message);
        fprintf(stderr, "lxssd: %s\n", error->message);
        if (!daemon->listener || !listener_is_open(daemon->listener))
                return;
        daemon->refusal = refusal_new(daemon->event, error);
        while (!listener_retire(daemon->listener))
                refusal_run(daemon->refusal);
}

static int run(void) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Daemon daemon = { 0 };
        int r;

        r = set_up_or_hand_over(&daemon, &error);
        activation_finish();
        if (r < 0) {
                if (r != -EALREADY && !sd_bus_error_is_set(&error))
                        error_set(&error, LXSS_ERROR_SERVICE_UNAVAILABLE, "%s", g_strerror(-r));
                if (r != -EALREADY)
                        refuse(&daemon, &error);
                tear_down(&daemon);
                return r == -EALREADY ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        memory_forget_linking();
        (void)sd_notify(false, "READY=1");
        log_debug("lxssd " PACKAGE_VERSION " serves %s.", registry_directory(manager_registry(daemon.manager)));
        r = sd_event_loop(daemon.event);
        tear_down(&daemon);
        return r < 0 ? EXIT_FAILURE : r;
}

static void print_help(void) {
        puts("lxssd [OPTION…]\n\n"
             "The service manager of shared Linux instances. lxctl, systemd or the bus start\n"
             "it when it is needed, and it ends when it no longer is.\n\n"
             "  -v --verbose   log everything, on standard error too\n"
             "  -h --help      show this and exit\n"
             "     --version   show the version and exit\n\n"
             "See lxssd(8).");
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "verbose", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                { 0 },
        };
        bool verbose = false;
        int option, r;

        while ((option = getopt_long(argc, argv, "vh", options, NULL)) >= 0) {
                switch (option) {
                case 'v':
                        verbose = true;
                        break;
                case 'h':
                        print_help();
                        return EXIT_SUCCESS;
                case 'V':
                        puts("lxssd " PACKAGE_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return 2;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "lxssd: it takes no arguments; \"%s\" is one\n", argv[optind]);
                return 2;
        }
        umask(0077);
#ifndef LXSS_SANITIZERS /* LeakSanitizer looks at its own process from outside */
        /* Nobody else of the same user, inside or outside, is to read this process's memory or descriptors. */
        (void)prctl(PR_SET_DUMPABLE, 0);
#endif
        rlimit_raise_nofile();
        log_open(verbose);
        r = run();
        log_close();
        return r;
}
