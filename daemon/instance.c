/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of one running root; the programs in it stand in instance-processes.c. Whoever wants something of it
 * becomes a client and, unless it runs, waits in a queue; READY flushes the queue, a failed start fails it, and a stop
 * lets it wait for the next start, so that nobody is ever given a dying instance. Every change of state passes
 * set_state(). */

#include "daemon/instance.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/instance-private.h"
#include "daemon/log.h"
#include "daemon/registry-layers.h"
#include "daemon/text.h"
#include "shared/boot-options.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* More seconds than a clock in microseconds can count are forever, too. */
#define LINGER_TIMED_MAX (UINT64_MAX / 2 / G_USEC_PER_SEC)

/* Of one start; the others are dropped. */
#define WARNINGS_MAX 32

static const char *const state_names[INSTANCE_STATE_MAX] = {
        [INSTANCE_STARTING] = "starting",
        [INSTANCE_RUNNING] = "running",
        [INSTANCE_STOPPING] = "stopping",
        [INSTANCE_STOPPED] = "stopped",
};

const char *instance_state_to_string(InstanceState state) {
        return state >= 0 && state < INSTANCE_STATE_MAX ? state_names[state] : NULL;
}

static bool transition_is_legal(InstanceState from, InstanceState to) {
        switch (to) {
        case INSTANCE_STARTING:
                return from == INSTANCE_STOPPED;
        case INSTANCE_RUNNING:
                return from == INSTANCE_STARTING;
        case INSTANCE_STOPPING:
                return from == INSTANCE_STARTING || from == INSTANCE_RUNNING;
        case INSTANCE_STOPPED:
                return from == INSTANCE_STARTING || from == INSTANCE_STOPPING;
        default:
                return false;
        }
}

static void set_state(Instance *instance, InstanceState state) {
        g_assert(transition_is_legal(instance->state, state));
        log_event(LOG_DEBUG, instance->distribution->name, 0, "%s → %s", state_names[instance->state],
                  state_names[state]);
        instance->state = state;
        instance->host->events.changed(instance, instance->host->userdata);
}

static void schedule_start(Instance *instance);

static void tell_ready(Instance *instance, const sd_bus_error *error) {
        for (Ready *ready; (ready = g_queue_pop_head(&instance->ready));) {
                ready->callback(instance, error, ready->userdata);
                g_free(ready);
        }
}

void instance_raise_linger(Instance *instance, const LaunchRequest *request) {
        if (request->linger_seconds > instance->linger_seconds)
                instance->linger_seconds = request->linger_seconds;
}

/* What those asked for that ended with it is over; what those ask for that wait for the next one is not. */
static void reset_linger(Instance *instance) {
        instance->linger_seconds = instance->distribution->settings.linger_seconds;
        for (GList *l = instance->waiting.head; l; l = l->next)
                instance_raise_linger(instance, ((Process *)l->data)->request);
}

/* Nothing runs in it any more. May free the instance. */
static void finish(Instance *instance) {
        if (instance->channel)
                init_channel_drain(instance->channel); /* no exit is ever lost */
        instance_end_processes(instance);
        instance->channel = init_channel_free(instance->channel);
        instance->bus = broker_side_free(instance->bus);
        instance->container = container_free(instance->container);
        instance->network = network_free(instance->network);
        closep(&instance->init_end);
        instance_remove_cgroup(instance);
        instance->unexpected = false;
        instance->shutdown = 0;
        reset_linger(instance);
        set_state(instance, INSTANCE_STOPPED);
        for (GoneWaiter *w; (w = g_queue_pop_head(&instance->gone));) {
                w->callback(w->userdata);
                g_free(w);
        }
        if (g_queue_is_empty(&instance->waiting) && g_queue_is_empty(&instance->ready))
                instance->host->events.gone(instance, instance->host->userdata);
        else
                schedule_start(instance);
}

static void forget_clients(Instance *instance) {
        GHashTableIter i;
        void *client;

        g_hash_table_iter_init(&i, instance->clients);
        while (g_hash_table_iter_next(&i, &client, NULL)) {
                (void)g_queue_remove(&((Client *)client)->instances, instance);
                g_hash_table_iter_remove(&i);
        }
}

void instance_fail_start(Instance *instance, const sd_bus_error *error) {
        log_event(LOG_ERR, instance->distribution->name, 0, "%s", error->message);
        instance_fail_waiting(instance, error);
        tell_ready(instance, error);
        forget_clients(instance);
        finish(instance);
}

static void fail_start_step(Instance *instance, const char *step, int error) {
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;

        error_set(&e, LXSS_ERROR_INSTANCE_FAILED,
                  "%s could not be started: %s failed: %s. What to do about it: lxctl doctor",
                  instance->distribution->name, step, g_strerror(error));
        instance_fail_start(instance, &e);
}

/* From here on the instance counts as ending, whether it knows or not. */
static void begin_stop(Instance *instance, bool unexpected) {
        instance->unexpected = unexpected;
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
        forget_clients(instance);
        set_state(instance, INSTANCE_STOPPING);
        if (instance->container)
                container_kill(instance->container);
}

void instance_stop(Instance *instance) {
        if (instance->state != INSTANCE_STARTING && instance->state != INSTANCE_RUNNING)
                return;
        if (instance->state == INSTANCE_STARTING) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                error_set(&error, LXSS_ERROR_INSTANCE_ENDED, "%s was ended while it started.",
                          instance->distribution->name);
                instance_fail_waiting(instance, &error);
                tell_ready(instance, &error);
        }
        log_event(LOG_INFO, instance->distribution->name, 0, "Ending the instance.");
        begin_stop(instance, false);
        if (instance->container)
                return;
        /* It still waited for the base namespaces, or its network. */
        base_cancel(instance->host->base, instance);
        instance->start_source = sd_event_source_disable_unref(instance->start_source);
        finish(instance);
}

static int on_linger_over(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Instance *instance = userdata;

        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
        instance_stop(instance);
        return 0;
}

/* Nobody is left: end now, after the time it may linger, or not at all. May free the instance. */
void instance_check_clients(Instance *instance) {
        uint64_t seconds = instance->linger_seconds;

        if (g_hash_table_size(instance->clients) > 0 || instance->linger_source)
                return;
        if (instance->state != INSTANCE_STARTING && instance->state != INSTANCE_RUNNING)
                return;
        if (seconds == LINGER_NONE)
                instance_stop(instance);
        else if (seconds <= LINGER_TIMED_MAX &&
                 sd_event_add_time_relative(instance->host->event, &instance->linger_source, CLOCK_MONOTONIC,
                                            seconds * G_USEC_PER_SEC, 0, on_linger_over, instance) < 0)
                instance_stop(instance);
}

static bool has_hung_up(const Client *client) {
        struct pollfd p = { .fd = client->fd, .events = POLLRDHUP };

        return client->fd >= 0 && poll(&p, 1, 0) > 0;
}

bool instance_is_left(const Instance *instance) {
        GHashTableIter i;
        void *client;

        if (instance->state == INSTANCE_STOPPING || instance->state == INSTANCE_STOPPED)
                return true;
        if (instance->linger_seconds != LINGER_NONE)
                return false;
        g_hash_table_iter_init(&i, instance->clients);
        while (g_hash_table_iter_next(&i, &client, NULL))
                if (!has_hung_up(client))
                        return false;
        return true;
}

void instance_add_client(Instance *instance, Client *client) {
        if (g_hash_table_add(instance->clients, client))
                g_queue_push_tail(&client->instances, instance);
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
}

void instance_warn(Instance *instance, const char *text) {
        g_autofree char *safe = NULL;

        if (instance->state != INSTANCE_STARTING || strv_length(instance->warnings) >= WARNINGS_MAX)
                return;
        safe = text_printable(text, INIT_TEXT_MAX);
        log_event(LOG_WARNING, instance->distribution->name, 0, "%s", safe);
        (void)strv_consume(&instance->warnings, g_steal_pointer(&safe));
}

static void on_warning(const char *text, void *userdata) {
        instance_warn(userdata, text);
}

/* Without it programs run all the same; whoever wants the bus finds nobody there. */
static void join_bus(Instance *instance, int listener) {
        const char *name = instance->distribution->name;
        int r;

        if (listener < 0)
                return;
        r = broker_add_instance(instance->host->broker, name, instance_leader(instance), listener,
                                settings_bus_reach(&instance->settings), &instance->bus);
        if (r < 0)
                log_event(LOG_WARNING, name, 0, "LxBus cannot be used in it: %s", g_strerror(-r));
}

static void on_ready(bool without_host, const char *user, int bus, void *userdata) {
        _cleanup_discard_ int listener = bus;
        Instance *instance = userdata;

        if (instance->state != INSTANCE_STARTING)
                return;
        instance->without_host = without_host;
        instance->user = g_strdup(user);
        instance->start_time = g_get_real_time();
        set_state(instance, INSTANCE_RUNNING);
        log_event(LOG_INFO, instance->distribution->name, 0, "The instance runs; its /init is process %d.",
                  (int)instance_leader(instance));
        instance_submit_waiting(instance);
        if (instance->state == INSTANCE_RUNNING) /* while /init is at work: who comes first waits in the socket */
                join_bus(instance, steal_fd(&listener));
        tell_ready(instance, NULL);
        instance_check_clients(instance);
}

static void on_closed(void *userdata) {
        Instance *instance = userdata;

        if (instance->state == INSTANCE_RUNNING)
                begin_stop(instance, true);
        else if (instance->container)
                container_kill(instance->container);
}

static void on_container_started(Container *container _unused_, void *userdata) {
        Instance *instance = userdata;

        closep(&instance->init_end);
}

static void on_container_failed(Container *container _unused_, const char *step, int error, void *userdata) {
        Instance *instance = userdata;

        if (instance->state == INSTANCE_STARTING)
                fail_start_step(instance, step, error);
        else
                finish(instance);
}

const char *instance_how_shut_down(const Instance *instance) {
        switch (instance->shutdown) {
        case SIGINT:
                return "was powered off from inside";
        case SIGHUP:
                return "was rebooted from inside";
        default:
                return NULL;
        }
}

/* Why it ended although nobody outside wanted it to. */
static void note_end(Instance *instance, const siginfo_t *info) {
        bool shut_down = info->si_code == CLD_KILLED && (info->si_status == SIGINT || info->si_status == SIGHUP);
        const char *name = instance->distribution->name;

        instance->shutdown = shut_down ? info->si_status : 0;
        if (shut_down)
                log_event(LOG_INFO, name, 0, "The instance %s.", instance_how_shut_down(instance));
        else
                log_event(LOG_ERR, name, 0, "The instance ended unexpectedly (%s %d).",
                          info->si_code == CLD_EXITED ? "exit status" : "signal", info->si_status);
}

static void on_container_exited(Container *container _unused_, const siginfo_t *info, void *userdata) {
        Instance *instance = userdata;

        if (instance->state == INSTANCE_STARTING) {
                fail_start_step(instance, "its /init", ECHILD);
                return;
        }
        if (instance->state == INSTANCE_RUNNING)
                begin_stop(instance, true);
        if (instance->unexpected)
                note_end(instance, info);
        finish(instance);
}

static int open_channel(Instance *instance) {
        static const InitChannelEvents events = {
                .ready = on_ready,
                .warning = on_warning,
                .started = instance_on_started,
                .failed = instance_on_failed,
                .stopped = instance_on_stopped,
                .exited = instance_on_exited,
                .closed = on_closed,
        };
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        instance->init_end = pair[1];
        if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
                closep(&pair[0]);
                return -errno;
        }
        r = init_channel_new(instance->host->event, pair[0], &events, instance, &instance->channel);
        if (r < 0)
                closep(&pair[0]);
        return r;
}

/* The host's home directory for the default user's. Root's own files are nobody's in its instances. */
static const char *shared_home(Instance *instance) {
        if (!settings_share_home(&instance->settings))
                return NULL;
        if (instance->distribution->id_mode != ID_MODE_ROOT)
                return g_get_home_dir();
        instance_warn(instance,
                      "home=host has no effect: the files of the host's root belong to nobody in an instance.");
        return NULL;
}

static int start_container(Instance *instance, int network_fd) {
        const Distribution *d = instance->distribution;
        const char *argv[] = { "/init", NULL, d->default_user ?: "root", NULL };
        static const ContainerEvents events = {
                .started = on_container_started,
                .failed = on_container_failed,
                .exited = on_container_exited,
        };
        g_auto(GStrv) stack = d->layers ? registry_stack(instance->host->registry, d, true) : NULL;
        ContainerSpec spec = {
                .kind = CONTAINER_INSTANCE,
                .mode = base_mode(instance->host->base),
                .user_fd = base_user_fd(instance->host->base),
                .mount_fd = base_mount_fd(instance->host->base),
                .uids = *base_uid_map(instance->host->base),
                .gids = *base_gid_map(instance->host->base),
                .slot_base = ID_SLOT_BASE + d->slot * ID_COUNT,
                .root = d->rootfs,
                .stack = (const char *const *)stack,
                .host = settings_mount_host(&instance->settings),
                .own_network = instance->settings.network == NETWORK_NONE,
                .network_fd = network_fd,
                .resolver = instance->network ? network_resolver(instance->network) : NULL,
                .program_fd = -EBADF,
                .argv = argv,
        };
        int r;

        r = open_channel(instance);
        if (r < 0)
                return r;
        spec.home = shared_home(instance);
        if (spec.home)
                argv[1] = BOOT_OPTION_HOME_OF;
        instance_open_cgroup(instance);
        spec.cgroup_fd = instance->cgroup_fd;
        spec.fds[0] = instance->init_end;
        spec.fds[1] = -EBADF;
        return container_start(instance->host->event, &spec, &events, instance, &instance->container);
}

void instance_start_container(Instance *instance, int network_fd) {
        int r = start_container(instance, network_fd);

        if (r < 0)
                fail_start_step(instance, "making a process", -r);
}

static void on_base(Base *base, const sd_bus_error *error, void *userdata) {
        Instance *instance = userdata;
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;
        int r;

        if (error) {
                instance_fail_start(instance, error);
                return;
        }
        if (base_mode(base) != instance->distribution->id_mode) {
                error_set(&e, LXSS_ERROR_HOST_UNSUITABLE,
                          "%s was installed with \"%s\" user ids, and this lxssd has \"%s\" ones: its files' owners "
                          "would be wrong. What to do about it: lxctl doctor",
                          instance->distribution->name, id_mode_to_string(instance->distribution->id_mode),
                          id_mode_to_string(base_mode(base)));
                instance_fail_start(instance, &e);
                return;
        }
        instance->settings = instance->distribution->settings;
        if (instance->settings.network != NETWORK_PRIVATE)
                instance_start_container(instance, -EBADF);
        else if ((r = instance_start_network(instance)) < 0)
                fail_start_step(instance, "starting lxss-network", -r);
}

static int on_start(sd_event_source *source _unused_, void *userdata) {
        Instance *instance = userdata;

        instance->start_source = sd_event_source_disable_unref(instance->start_source);
        base_get(instance->host->base, on_base, instance);
        return 0;
}

/* What the last /init said of itself. */
static void forget_wishes(Instance *instance) {
        g_clear_pointer(&instance->user, g_free);
        instance->without_host = false;
        instance->warnings = strv_free(instance->warnings);
        instance->warnings_told = false;
}

/* From the loop, so that nothing fails under the feet of who asked. */
static void schedule_start(Instance *instance) {
        forget_wishes(instance);
        set_state(instance, INSTANCE_STARTING);
        if (sd_event_add_defer(instance->host->event, &instance->start_source, on_start, instance) < 0)
                fail_start_step(instance, "scheduling it", ENOMEM);
}

void instance_ensure_started(Instance *instance) {
        if (instance->state == INSTANCE_STOPPED)
                schedule_start(instance);
}

void instance_hold(Instance *instance, Client *client, instance_ready_t ready, void *userdata) {
        Ready *waiter = g_new(Ready, 1);

        *waiter = (Ready){ ready, userdata };
        g_queue_push_tail(&instance->ready, waiter);
        instance_add_client(instance, client);
        if (instance->state == INSTANCE_RUNNING)
                tell_ready(instance, NULL);
        else
                instance_ensure_started(instance);
}

void instance_cancel_ready(Instance *instance, void *userdata) {
        for (GList *l = instance->ready.head, *next; l; l = next) {
                Ready *ready = l->data;

                next = l->next;
                if (ready->userdata == userdata) {
                        g_queue_delete_link(&instance->ready, l);
                        g_free(ready);
                }
        }
}

void instance_when_gone(Instance *instance, void (*callback)(void *userdata), void *userdata) {
        GoneWaiter *waiter;

        if (instance->state == INSTANCE_STOPPED) {
                callback(userdata);
                return;
        }
        waiter = g_new(GoneWaiter, 1);
        *waiter = (GoneWaiter){ callback, userdata };
        g_queue_push_tail(&instance->gone, waiter);
}

Instance *instance_new(const InstanceHost *host, Distribution *distribution) {
        Instance *instance = g_new0(Instance, 1);

        instance->host = host;
        instance->distribution = distribution;
        instance->state = INSTANCE_STOPPED;
        instance->init_end = instance->cgroup_fd = -EBADF;
        instance->linger_seconds = distribution->settings.linger_seconds;
        instance->clients = g_hash_table_new(NULL, NULL);
        instance->processes = g_hash_table_new(g_int64_hash, g_int64_equal);
        g_queue_init(&instance->waiting);
        g_queue_init(&instance->ready);
        g_queue_init(&instance->gone);
        return instance;
}

Instance *instance_free(Instance *instance) {
        if (!instance)
                return NULL;
        base_cancel(instance->host->base, instance);
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
        instance->start_source = sd_event_source_disable_unref(instance->start_source);
        broker_side_free(instance->bus);
        container_free(instance->container);
        network_free(instance->network);
        init_channel_free(instance->channel);
        closep(&instance->init_end);
        instance_remove_cgroup(instance);
        forget_wishes(instance);
        forget_clients(instance);
        g_hash_table_unref(instance->clients);
        g_hash_table_unref(instance->processes);
        g_queue_clear(&instance->waiting);
        g_queue_clear_full(&instance->ready, g_free);
        g_queue_clear_full(&instance->gone, g_free);
        g_free(instance);
        return NULL;
}

Distribution *instance_distribution(const Instance *instance) {
        return instance->distribution;
}

InstanceState instance_state(const Instance *instance) {
        return instance->state;
}

pid_t instance_leader(const Instance *instance) {
        return instance->container ? container_leader(instance->container) : 0;
}

uint64_t instance_start_time(const Instance *instance) {
        return instance->start_time;
}

char **instance_warnings(const Instance *instance) {
        return instance->warnings;
}

guint instance_n_clients(const Instance *instance) {
        return g_hash_table_size(instance->clients);
}

guint instance_n_processes(const Instance *instance) {
        return g_hash_table_size(instance->processes);
}
