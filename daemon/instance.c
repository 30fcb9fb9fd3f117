/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of one running root. Whoever wants something of it becomes a client
 * and, unless it runs, waits in a queue; READY flushes the queue, a failed start
 * fails it, and a stop lets it wait for the next start, so that nobody is ever
 * given a dying instance. Every change of state passes set_state(). */

#include "daemon/instance.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/container.h"
#include "daemon/init-channel.h"
#include "daemon/log.h"
#include "shared/util.h"

/* More seconds than a clock in microseconds can count are forever, too. */
#define LINGER_TIMED_MAX (UINT64_MAX / 2 / G_USEC_PER_SEC)

typedef struct Ready {
        instance_ready_t callback;
        void *userdata;
} Ready;

typedef struct GoneWaiter {
        void (*callback)(void *userdata);
        void *userdata;
} GoneWaiter;

struct Instance {
        const InstanceHost *host;
        Distribution *distribution;
        InstanceState state;
        bool unexpected; /* it is ending, and nobody asked for that */
        Container *container;
        InitChannel *channel;
        int init_end;    /* /init's end of the channel, until it is started */
        int cgroup_fd;
        uint64_t start_time;
        GHashTable *clients;   /* set of Client, borrowed */
        GHashTable *processes; /* id → Process handed to /init, borrowed */
        GQueue waiting;        /* Process, borrowed */
        GQueue ready;          /* Ready */
        GQueue gone;           /* GoneWaiter */
        uint64_t linger_seconds;
        sd_event_source *linger_source, *start_source;
};

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
        log_event(LOG_DEBUG, instance->distribution->name, 0, "%s → %s", state_names[instance->state], state_names[state]);
        instance->state = state;
        instance->host->events.changed(instance, instance->host->userdata);
}

static void schedule_start(Instance *instance);

/* One process less, before anybody is told: the teller may free it. */
static void fail_process(Instance *instance, Process *process, const sd_bus_error *error) {
        g_hash_table_remove(instance->processes, &process->id);
        instance->host->events.process_failed(process, error, instance->host->userdata);
}

static void tell_ready(Instance *instance, const sd_bus_error *error) {
        for (Ready *ready; (ready = g_queue_pop_head(&instance->ready));) {
                ready->callback(instance, error, ready->userdata);
                g_free(ready);
        }
}

static void end_processes(Instance *instance) {
        g_autoptr(GList) all = g_hash_table_get_values(instance->processes);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        g_hash_table_remove_all(instance->processes);
        error_set(&error, LXSS_ERROR_INSTANCE_ENDED, "The instance of %s ended before the program had started.",
                  instance->distribution->name);
        for (GList *l = all; l; l = l->next) {
                Process *process = l->data;

                if (process->state == PROCESS_STARTING)
                        instance->host->events.process_failed(process, &error, instance->host->userdata);
                else
                        instance->host->events.process_ended(process, instance->unexpected ? 0 : CLD_KILLED,
                                                             instance->unexpected ? 0 : SIGKILL,
                                                             instance->host->userdata);
        }
}

static void remove_cgroup(Instance *instance) {
        g_autofree char *name = g_strdup_printf("instance-%s", instance->distribution->name);

        if (instance->cgroup_fd < 0)
                return;
        closep(&instance->cgroup_fd);
        if (unlinkat(instance->host->cgroup_fd, name, AT_REMOVEDIR) < 0)
                log_event(LOG_WARNING, instance->distribution->name, 0, "Cannot remove its cgroup: %s",
                          g_strerror(errno));
}

static void raise_linger(Instance *instance, const LaunchRequest *request) {
        if (request->linger_seconds > instance->linger_seconds)
                instance->linger_seconds = request->linger_seconds;
}

/* What those asked for that ended with it is over; what those ask for that wait for the next one is not. */
static void reset_linger(Instance *instance) {
        instance->linger_seconds = instance->distribution->settings.linger_seconds;
        for (GList *l = instance->waiting.head; l; l = l->next)
                raise_linger(instance, ((Process *)l->data)->request);
}

/* Nothing runs in it any more. May free the instance. */
static void finish(Instance *instance) {
        end_processes(instance);
        instance->channel = init_channel_free(instance->channel);
        instance->container = container_free(instance->container);
        closep(&instance->init_end);
        remove_cgroup(instance);
        instance->unexpected = false;
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

static void fail_start(Instance *instance, const sd_bus_error *error) {
        GQueue waiting = instance->waiting;

        log_event(LOG_ERR, instance->distribution->name, 0, "%s", error->message);
        g_queue_init(&instance->waiting);
        for (Process *process; (process = g_queue_pop_head(&waiting));)
                fail_process(instance, process, error);
        tell_ready(instance, error);
        g_hash_table_remove_all(instance->clients);
        finish(instance);
}

static void fail_start_step(Instance *instance, const char *step, int error) {
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;

        error_set(&e, LXSS_ERROR_INSTANCE_FAILED, "%s could not be started: %s failed: %s. What to do about it: lxctl doctor",
                  instance->distribution->name, step, g_strerror(error));
        fail_start(instance, &e);
}

/* From here on the instance counts as ending, whether it knows or not. */
static void begin_stop(Instance *instance, bool unexpected) {
        instance->unexpected = unexpected;
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
        g_hash_table_remove_all(instance->clients);
        set_state(instance, INSTANCE_STOPPING);
        if (instance->container)
                container_kill(instance->container);
}

void instance_stop(Instance *instance) {
        if (instance->state != INSTANCE_STARTING && instance->state != INSTANCE_RUNNING)
                return;
        if (instance->state == INSTANCE_STARTING) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                GQueue waiting = instance->waiting;

                error_set(&error, LXSS_ERROR_INSTANCE_ENDED, "%s was ended while it started.",
                          instance->distribution->name);
                g_queue_init(&instance->waiting);
                for (Process *process; (process = g_queue_pop_head(&waiting));)
                        fail_process(instance, process, &error);
                tell_ready(instance, &error);
        }
        log_event(LOG_INFO, instance->distribution->name, 0, "Ending the instance.");
        begin_stop(instance, false);
        if (instance->container)
                return;
        /* It still waited for the user namespace. */
        userns_cancel(instance->host->userns, instance);
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
static void check_clients(Instance *instance) {
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

static void add_client(Instance *instance, Client *client) {
        g_hash_table_add(instance->clients, client);
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
}

/* Hands one over to /init. */
static void submit(Instance *instance, Process *process) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        process->state = PROCESS_STARTING;
        g_hash_table_insert(instance->processes, &process->id, process);
        r = init_channel_launch(instance->channel, process->id, g_steal_pointer(&process->request));
        if (r >= 0)
                return;
        if (r == -E2BIG)
                error_set(&error, LXSS_ERROR_ARGUMENTS_TOO_LONG,
                          "The program has too many arguments, variables or descriptors to be launched.");
        else
                error_set(&error, LXSS_ERROR_FAILED, "The launch could not be sent to the instance: %s", g_strerror(-r));
        fail_process(instance, process, &error);
}

static void on_ready(void *userdata) {
        Instance *instance = userdata;

        if (instance->state != INSTANCE_STARTING)
                return;
        instance->start_time = g_get_real_time();
        set_state(instance, INSTANCE_RUNNING);
        log_event(LOG_INFO, instance->distribution->name, 0, "The instance runs; its /init is process %d.",
                  (int)instance_leader(instance));
        for (Process *process; (process = g_queue_pop_head(&instance->waiting));)
                submit(instance, process);
        tell_ready(instance, NULL);
        check_clients(instance);
}

static Process *find_process(Instance *instance, uint64_t id, ProcessState state) {
        Process *process = g_hash_table_lookup(instance->processes, &id);

        return process && process->state == state ? process : NULL;
}

static void on_started(uint64_t id, int pidfd, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_STARTING);

        if (!process) {
                closep(&pidfd);
                return;
        }
        process_set_running(process, pidfd);
        instance->host->events.process_started(process, instance->host->userdata);
        if (!process->client && !process->lingers)
                (void)init_channel_send(instance->channel, INIT_HANGUP, id, 0, 0);
}

static void fail_by_step(Instance *instance, Process *process, InitStep step, int number) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        const char *name = instance->distribution->name, *why = g_strerror(number);

        switch (step) {
        case INIT_STEP_USER:
                if (number == ENOENT)
                        error_set(&error, LXSS_ERROR_NO_SUCH_USER, "%s has no user \"%s\".", name, process->user ?: "root");
                else
                        error_set(&error, LXSS_ERROR_NO_SUCH_USER, "The users of %s cannot be read: %s", name, why);
                break;
        case INIT_STEP_DIRECTORY:
                error_set(&error, LXSS_ERROR_NO_SUCH_DIRECTORY,
                          "The directory %s cannot be entered in %s: %s. Choose another one with -C.", process->directory,
                          name, why);
                break;
        case INIT_STEP_CREDENTIALS:
                error_set(&error, LXSS_ERROR_NO_SUCH_USER,
                          "%s cannot become \"%s\": %s. Is the user's id one that is mapped? lxctl doctor tells.", name,
                          process->user ?: "root", why);
                break;
        case INIT_STEP_TERMINAL:
                error_set(&error, LXSS_ERROR_FAILED, "%s has no terminal to give: %s", name, why);
                break;
        default:
                error_set(&error, LXSS_ERROR_FAILED, "The program could not be started in %s: %s", name, why);
        }
        fail_process(instance, process, &error);
}

static void on_failed(uint64_t id, InitStep step, int error, int program, void *userdata) {
        _cleanup_close_ int owned = program;
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_STARTING);

        if (!process)
                return;
        if (step != INIT_STEP_EXEC) {
                fail_by_step(instance, process, step, error);
                return;
        }
        g_hash_table_remove(instance->processes, &id);
        instance->host->events.process_unexecutable(process, error, owned, instance->host->userdata);
}

static void on_stopped(uint64_t id, int signal, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_RUNNING);

        if (process)
                instance->host->events.process_stopped(process, signal, instance->host->userdata);
}

static void on_exited(uint64_t id, int code, int status, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_RUNNING);

        if (!process)
                return;
        g_hash_table_remove(instance->processes, &id);
        instance->host->events.process_ended(process, code, status, instance->host->userdata);
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

static void on_container_exited(Container *container _unused_, const siginfo_t *info, void *userdata) {
        Instance *instance = userdata;

        if (instance->state == INSTANCE_STARTING) {
                fail_start_step(instance, "its /init", ECHILD);
                return;
        }
        if (instance->state == INSTANCE_RUNNING) {
                log_event(LOG_ERR, instance->distribution->name, 0, "The instance ended unexpectedly (%s %d).",
                          info->si_code == CLD_EXITED ? "exit status" : "signal", info->si_status);
                begin_stop(instance, true);
        }
        finish(instance);
}

static int open_channel(Instance *instance) {
        static const InitChannelEvents events = {
                .ready = on_ready,
                .started = on_started,
                .failed = on_failed,
                .stopped = on_stopped,
                .exited = on_exited,
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

static void open_cgroup(Instance *instance) {
        g_autofree char *name = g_strdup_printf("instance-%s", instance->distribution->name);

        if (instance->host->cgroup_fd < 0)
                return;
        if (mkdirat(instance->host->cgroup_fd, name, 0755) < 0 && errno != EEXIST)
                return;
        instance->cgroup_fd = openat(instance->host->cgroup_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int start_container(Instance *instance) {
        static const char *const argv[] = { "/init", NULL };
        static const ContainerEvents events = {
                .started = on_container_started,
                .failed = on_container_failed,
                .exited = on_container_exited,
        };
        const Distribution *d = instance->distribution;
        ContainerSpec spec = {
                .kind = CONTAINER_INSTANCE,
                .mode = userns_mode(instance->host->userns),
                .userns_fd = userns_fd(instance->host->userns),
                .uids = *userns_uid_map(instance->host->userns),
                .gids = *userns_gid_map(instance->host->userns),
                .slot_base = ID_SLOT_BASE + d->slot * ID_COUNT,
                .root = d->rootfs,
                .host = distribution_mounts_host(d),
                .program_fd = instance->host->init_fd,
                .argv = argv,
        };
        int r;

        r = open_channel(instance);
        if (r < 0)
                return r;
        open_cgroup(instance);
        spec.cgroup_fd = instance->cgroup_fd;
        spec.fds[0] = instance->init_end;
        spec.fds[1] = -EBADF;
        return container_start(instance->host->event, &spec, &events, instance, &instance->container);
}

static void on_userns(Userns *userns, const sd_bus_error *error, void *userdata) {
        Instance *instance = userdata;
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;
        int r;

        if (error) {
                fail_start(instance, error);
                return;
        }
        if (userns_mode(userns) != instance->distribution->id_mode) {
                error_set(&e, LXSS_ERROR_HOST_UNSUITABLE,
                          "%s was installed with \"%s\" user ids, and this lxssd has \"%s\" ones: its files' owners "
                          "would be wrong. What to do about it: lxctl doctor",
                          instance->distribution->name, id_mode_to_string(instance->distribution->id_mode),
                          id_mode_to_string(userns_mode(userns)));
                fail_start(instance, &e);
                return;
        }
        r = start_container(instance);
        if (r < 0)
                fail_start_step(instance, "making a process", -r);
}

static int on_start(sd_event_source *source _unused_, void *userdata) {
        Instance *instance = userdata;

        instance->start_source = sd_event_source_disable_unref(instance->start_source);
        userns_get(instance->host->userns, on_userns, instance);
        return 0;
}

/* From the loop, so that nothing fails under the feet of who asked. */
static void schedule_start(Instance *instance) {
        set_state(instance, INSTANCE_STARTING);
        if (sd_event_add_defer(instance->host->event, &instance->start_source, on_start, instance) < 0)
                fail_start_step(instance, "scheduling it", ENOMEM);
}

/* The caller's directory as the instance sees it. Without the host's tree there
 * is only what lies in the instance anyway; NULL: the user's home. */
static char *map_directory(const Distribution *d, const char *cwd) {
        size_t n = strlen(d->rootfs);
        char *mapped;

        if (!cwd || cwd[0] != '/')
                return NULL;
        if (strncmp(cwd, d->rootfs, n) == 0 && (cwd[n] == '/' || !cwd[n]))
                return strdup(cwd[n] ? cwd + n : "/");
        if (!distribution_mounts_host(d))
                return NULL;
        return asprintf(&mapped, "/mnt/host%s", cwd) < 0 ? NULL : mapped;
}

/* Turns what the client asked for into what /init can do without knowing the host. */
static void localise(LaunchRequest *request, const Distribution *d, const char *user) {
        char *cwd = map_directory(d, request->cwd);

        free(request->cwd);
        request->cwd = cwd;
        free(request->user);
        request->user = strdup(user);
}

void instance_launch(Instance *instance, Process *process) {
        const Distribution *d = instance->distribution;

        process->instance = instance;
        g_free(process->distribution);
        process->distribution = g_strdup(d->name);
        if (!process->user)
                process->user = g_strdup(d->default_user ?: "root");
        localise(process->request, d, process->user);
        raise_linger(instance, process->request);
        add_client(instance, process->client);
        if (instance->state == INSTANCE_RUNNING) {
                submit(instance, process);
                return;
        }
        process->state = PROCESS_WAITING;
        g_queue_push_tail(&instance->waiting, process);
        if (instance->state == INSTANCE_STOPPED)
                schedule_start(instance);
}

void instance_hold(Instance *instance, Client *client, instance_ready_t ready, void *userdata) {
        Ready *waiter = g_new(Ready, 1);

        *waiter = (Ready){ ready, userdata };
        g_queue_push_tail(&instance->ready, waiter);
        add_client(instance, client);
        if (instance->state == INSTANCE_RUNNING)
                tell_ready(instance, NULL);
        else if (instance->state == INSTANCE_STOPPED)
                schedule_start(instance);
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

static void drop_waiting(Instance *instance, const Client *client) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, LXSS_ERROR_CANCELED, "The client went away.");
        for (GList *l = instance->waiting.head, *next; l; l = next) {
                Process *process = l->data;

                next = l->next;
                if (process->client == client) {
                        g_queue_delete_link(&instance->waiting, l);
                        fail_process(instance, process, &error);
                }
        }
}

void instance_remove_client(Instance *instance, Client *client) {
        GHashTableIter i;
        void *p;

        drop_waiting(instance, client);
        g_hash_table_iter_init(&i, instance->processes);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                Process *process = p;

                if (process->client != client)
                        continue;
                process->client = NULL;
                if (!process->lingers && instance->channel)
                        (void)init_channel_send(instance->channel, INIT_HANGUP, process->id, 0, 0);
        }
        if (g_hash_table_remove(instance->clients, client))
                check_clients(instance);
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

int instance_signal(Instance *instance, Process *process, int signal, bool group) {
        if (process->state != PROCESS_RUNNING || !instance->channel)
                return -ESRCH;
        return init_channel_send(instance->channel, INIT_SIGNAL, process->id, signal, group);
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
        userns_cancel(instance->host->userns, instance);
        instance->linger_source = sd_event_source_disable_unref(instance->linger_source);
        instance->start_source = sd_event_source_disable_unref(instance->start_source);
        container_free(instance->container);
        init_channel_free(instance->channel);
        closep(&instance->init_end);
        remove_cgroup(instance);
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

guint instance_n_clients(const Instance *instance) {
        return g_hash_table_size(instance->clients);
}

guint instance_n_processes(const Instance *instance) {
        return g_hash_table_size(instance->processes);
}
