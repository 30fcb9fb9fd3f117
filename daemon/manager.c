/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients, instances and processes: who launches what where, and what ends when
 * somebody goes. Operations on distributions stand in manager-operations.c; both
 * share manager-private.h. */

#include "daemon/manager.h"

#include <stdio.h>

#include "daemon/activation.h"
#include "daemon/cgroup.h"
#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "shared/paths.h"
#include "shared/util.h"

/* When it can be freed: the tables forget it first. */
void manager_drop_process(Manager *manager, Process *process) {
        if (g_hash_table_size(manager->first_launches) > 0)
                manager_end_first_launch(manager, process);
        g_hash_table_remove(manager->processes, &process->id);
        manager_check_idle(manager);
}

static void on_instance_changed(Instance *instance, void *userdata) {
        Manager *manager = userdata;
        GHashTableIter i;
        void *hold;

        if (instance_state(instance) == INSTANCE_STOPPING) {
                g_hash_table_iter_init(&i, manager->holds);
                while (g_hash_table_iter_next(&i, &hold, NULL))
                        if (hold_instance(hold) == instance && hold_is_given(hold))
                                hold_instance_ended(hold);
        }
        manager->events.instance_changed(instance, manager->userdata);
}

static void on_instance_warned(Process *process, void *userdata) {
        Manager *manager = userdata;

        manager->events.instance_warned(process, manager->userdata);
}

static void on_process_started(Process *process, void *userdata) {
        Manager *manager = userdata;

        manager->events.process_started(process, manager->userdata);
}

static void on_process_failed(Process *process, const sd_bus_error *error, void *userdata) {
        Manager *manager = userdata;

        manager->events.process_failed(process, error, manager->userdata);
        manager_drop_process(manager, process);
}

static void on_process_stopped(Process *process, int signal, void *userdata) {
        Manager *manager = userdata;

        manager->events.process_stopped(process, signal, manager->userdata);
}

static void on_process_ended(Process *process, int code, int status, void *userdata) {
        Manager *manager = userdata;

        manager->events.process_ended(process, code, status, manager->userdata);
        manager_drop_process(manager, process);
}

typedef struct Inquiry {
        Manager *manager;
        uint64_t process_id;
        Diagnosis *diagnosis;
} Inquiry;

static void inquiry_free(void *p) {
        Inquiry *inquiry = p;

        diagnosis_free(inquiry->diagnosis);
        g_free(inquiry);
}

/* By now the process may be gone, with its client. */
static void on_diagnosed(const sd_bus_error *error, void *userdata) {
        Inquiry *inquiry = userdata;
        Manager *manager = inquiry->manager;
        Process *process = manager_find_process(manager, inquiry->process_id);

        g_hash_table_remove(manager->inquiries, inquiry);
        if (process)
                on_process_failed(process, error, manager);
}

static void on_process_unexecutable(Process *process, int number, int program, void *userdata) {
        Manager *manager = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Inquiry *inquiry = g_new0(Inquiry, 1);
        const char *first = process->arguments ? process->arguments[0] : NULL;
        const char *name = !first ? "the login shell" : *first ? first : "A program without a name";
        int r;

        process->instance = NULL;
        *inquiry = (Inquiry){ .manager = manager, .process_id = process->id };
        r = diagnosis_start(manager->event, name, program, number, on_diagnosed, inquiry, &inquiry->diagnosis);
        if (r >= 0) {
                g_hash_table_add(manager->inquiries, inquiry);
                return;
        }
        inquiry_free(inquiry);
        error_set(&error, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "%s: %s", name, g_strerror(number));
        on_process_failed(process, &error, manager);
}

static void on_instance_gone(Instance *instance, void *userdata) {
        Manager *manager = userdata;
        g_autofree char *name = g_strdup(instance_distribution(instance)->name);

        g_hash_table_remove(manager->instances, name); /* frees it */
        manager->events.instance_removed(name, manager->userdata);
        manager_check_shutdown(manager);
        manager_check_idle(manager);
}

static int open_worker(Manager *manager, sd_bus_error *reterr) {
        _cleanup_free_ char *worker = NULL;

        if (path_libexec("lxss-worker", &worker) < 0)
                return -ENOMEM;
        manager->operation_host.worker_fd = open(worker, O_PATH | O_CLOEXEC);
        if (manager->operation_host.worker_fd < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot open %s: %s", worker, g_strerror(errno));
        return 0;
}

static void fill_hosts(Manager *manager) {
        manager->instance_host = (InstanceHost){
                .event = manager->event,
                .base = manager->base,
                .broker = manager->broker,
                .registry = manager->registry,
                .cgroup_fd = cgroup_open_delegated(),
                .events = {
                        .changed = on_instance_changed,
                        .warned = on_instance_warned,
                        .process_started = on_process_started,
                        .process_failed = on_process_failed,
                        .process_unexecutable = on_process_unexecutable,
                        .process_stopped = on_process_stopped,
                        .process_ended = on_process_ended,
                        .gone = on_instance_gone,
                },
                .userdata = manager,
        };
        manager->operation_host = (OperationHost){
                .event = manager->event,
                .base = manager->base,
                .registry = manager->registry,
                .worker_fd = -EBADF,
                .events = manager_operation_events,
                .userdata = manager,
        };
}

static void free_instance(void *p) {
        instance_free(p);
}

static void free_process(void *p) {
        process_free(p);
}

static void free_hold(void *p) {
        hold_free(p);
}

int manager_new(sd_event *event, Registry *registry, const ManagerEvents *events, void *userdata, Manager **ret,
                sd_bus_error *reterr) {
        g_autoptr(Manager) manager = g_new0(Manager, 1);
        int r;

        manager->event = sd_event_ref(event);
        manager->registry = registry;
        manager->events = *events;
        manager->userdata = userdata;
        manager->base = base_new(event, activation_take_base());
        if (!activation_by_client())
                base_prepare(manager->base);
        manager->clients = g_hash_table_new_full(NULL, NULL, g_free, NULL);
        manager->instances = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_instance);
        manager->processes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_process);
        manager->holds = g_hash_table_new_full(NULL, NULL, free_hold, NULL);
        manager->inquiries = g_hash_table_new_full(NULL, NULL, inquiry_free, NULL);
        manager->first_launches = g_hash_table_new_full(NULL, NULL, manager_free_first_launch, NULL);
        manager->lookups = g_hash_table_new_full(NULL, NULL, manager_free_lookup, NULL);
        g_queue_init(&manager->operations);
        g_queue_init(&manager->held_back);
        g_queue_init(&manager->shutdown_waiters);
        manager->broker = manager_new_broker(manager);
        fill_hosts(manager);
        r = open_worker(manager, reterr);
        if (r < 0)
                return r;
        manager_clean_up_leftovers(manager);
        manager_check_idle(manager);
        *ret = g_steal_pointer(&manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        manager->idle_source = sd_event_source_disable_unref(manager->idle_source);
        g_queue_clear_full(&manager->operations, manager_free_operation);
        g_queue_clear(&manager->held_back);
        g_queue_clear_full(&manager->shutdown_waiters, g_free);
        g_hash_table_unref(manager->inquiries);
        manager_withdraw_lookups(manager, NULL); /* who waits has a message to answer */
        g_hash_table_unref(manager->lookups);
        g_hash_table_unref(manager->holds);
        g_hash_table_unref(manager->instances);
        g_hash_table_unref(manager->processes);
        g_hash_table_unref(manager->first_launches);
        g_hash_table_unref(manager->clients);
        broker_free(manager->broker);
        closep(&manager->instance_host.cgroup_fd);
        closep(&manager->operation_host.worker_fd);
        base_free(manager->base);
        registry_free(manager->registry);
        sd_event_unref(manager->event);
        g_free(manager);
        return NULL;
}

Client *manager_client_new(Manager *manager, uid_t uid, int fd) {
        Client *client = g_new0(Client, 1);

        client->id = ++manager->last_id;
        client->uid = uid;
        client->fd = fd;
        g_hash_table_add(manager->clients, client);
        manager_check_idle(manager);
        return client;
}

/* What it holds open, and what it waits for that is between an end and a start. A set; of hundreds it is mostly one. */
static GHashTable *instances_of(const Client *client) {
        GHashTable *instances = g_hash_table_new(NULL, NULL);

        for (GList *l = client->instances.head; l; l = l->next)
                g_hash_table_add(instances, l->data);
        for (GList *l = client->processes.head; l; l = l->next)
                if (((Process *)l->data)->instance)
                        g_hash_table_add(instances, ((Process *)l->data)->instance);
        return instances;
}

void manager_client_gone(Manager *manager, Client *client) {
        g_autoptr(GHashTable) instances = NULL;
        GHashTableIter i;
        void *instance;

        manager_withdraw_lookups(manager, client);
        manager_withdraw_client(manager, client);
        instances = instances_of(client);
        g_hash_table_iter_init(&i, instances);
        while (g_hash_table_iter_next(&i, &instance, NULL))
                instance_remove_client(instance, client);
        /* What is being diagnosed belongs to no instance. */
        while (!g_queue_is_empty(&client->processes))
                process_forget_client(g_queue_peek_head(&client->processes));
        g_hash_table_remove(manager->clients, client);
        manager_check_idle(manager);
}

static Instance *get_instance(Manager *manager, Distribution *distribution) {
        Instance *instance = g_hash_table_lookup(manager->instances, distribution->name);

        if (instance)
                return instance;
        instance = instance_new(&manager->instance_host, distribution);
        g_hash_table_insert(manager->instances, distribution->name, instance);
        manager->events.instance_added(instance, manager->userdata);
        return instance;
}

int manager_refuse_while_ending(const Manager *manager, sd_bus_error *reterr) {
        if (!manager->shutting_down)
                return 0;
        return error_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, "lxssd is being shut down. Try again in a moment.");
}

/* To its instance, to the queue of those that wait for an operation, or nowhere. */
int manager_submit(Manager *manager, Process *process, sd_bus_error *reterr) {
        Distribution *d;
        int r;

        r = registry_resolve(manager->registry, process->distribution, &d, reterr);
        if (r >= 0) {
                r = d->oobe == OOBE_NONE ? 0 : manager_launch_unready(manager, d, process, reterr);
                if (r == 0)
                        instance_launch(get_instance(manager, d), process);
                return r < 0 ? r : 0;
        }
        if (process->request->no_wait || !manager_operation_concerns(manager, process->distribution))
                return r;
        sd_bus_error_free(reterr);
        g_queue_push_tail(&manager->held_back, process);
        return 0;
}

int manager_launch(Manager *manager, Client *client, LaunchRequest *request, sd_bus_message *message,
                   sd_bus_error *reterr) {
        _cleanup_launch_request_ LaunchRequest *owned = request;
        const char *objection;
        Process *process;
        int r;

        r = manager_refuse_while_ending(manager, reterr);
        if (r < 0)
                return r;
        objection = launch_request_validate(request);
        if (objection)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%s", objection);

        broker_heed_others(manager->broker);
        process = process_new(++manager->last_id, client, steal_pointer(&owned));
        process->launch_message = sd_bus_message_ref(message);
        g_hash_table_insert(manager->processes, &process->id, process);
        r = manager_submit(manager, process, reterr);
        if (r < 0) {
                manager_drop_process(manager, process);
                return r;
        }
        return 0;
}

static void on_hold_over(Hold *hold, void *userdata) {
        Manager *manager = userdata;

        g_hash_table_remove(manager->holds, hold);
        manager_check_idle(manager);
}

int manager_hold(Manager *manager, uid_t uid, const char *name, manager_held_t callback, void *userdata,
                 sd_bus_error *reterr) {
        static const HoldEvents events = { .over = on_hold_over };
        Distribution *d;
        Hold *hold;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, name, &d, reterr)) < 0)
                return r;
        r = hold_new(manager->event, get_instance(manager, d), uid, callback, userdata, &events, manager, &hold);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "The instance cannot be held: %s", g_strerror(-r));
        g_hash_table_add(manager->holds, hold);
        manager_check_idle(manager);
        return 0;
}

int manager_terminate(Manager *manager, const char *name, manager_done_t callback, void *userdata,
                      sd_bus_error *reterr) {
        Instance *instance = g_hash_table_lookup(manager->instances, name);
        Distribution *d;
        int r;

        if (!instance) {
                r = registry_resolve(manager->registry, name, &d, reterr);
                if (r < 0)
                        return r;
                instance = g_hash_table_lookup(manager->instances, d->name);
        }
        if (!instance) {
                callback(userdata); /* as wanted: nothing of it runs */
                return 0;
        }
        instance_when_gone(instance, callback, userdata);
        instance_stop(instance);
        return 0;
}

typedef struct ShutdownWaiter {
        manager_done_t callback;
        void *userdata;
} ShutdownWaiter;

void manager_check_shutdown(Manager *manager) {
        if (!manager->shutting_down || g_hash_table_size(manager->instances) > 0 ||
            !g_queue_is_empty(&manager->operations))
                return;
        /* In this order: whoever learns of the end and comes again finds no socket of ours. */
        manager->events.idle(manager->userdata);
        for (ShutdownWaiter *w; (w = g_queue_pop_head(&manager->shutdown_waiters));) {
                w->callback(w->userdata);
                g_free(w);
        }
}

void manager_shutdown(Manager *manager, manager_done_t callback, void *userdata) {
        g_autoptr(GPtrArray) instances = manager_instances(manager);
        ShutdownWaiter *waiter = g_new(ShutdownWaiter, 1);

        log_info("Shutting down.");
        *waiter = (ShutdownWaiter){ callback, userdata };
        g_queue_push_tail(&manager->shutdown_waiters, waiter);
        manager->shutting_down = true;
        manager_cancel_all(manager);
        manager_withdraw_lookups(manager, NULL);
        broker_shut_down(manager->broker);
        for (guint i = 0; i < instances->len; i++)
                instance_stop(instances->pdata[i]);
        manager_check_shutdown(manager);
}

bool manager_is_shutting_down(const Manager *manager) {
        return manager->shutting_down;
}

int manager_repair(Manager *manager, const char *name, char **ret_aside, sd_bus_error *reterr) {
        Distribution *d = registry_find(manager->registry, name);
        int r;

        r = manager_refuse_while_ending(manager, reterr);
        if (r < 0)
                return r;
        if (str_empty(name))
                return error_set(reterr, LXSS_ERROR_INVALID_NAME, "Which distribution is to be repaired?");
        if (!d || d->state != DISTRIBUTION_BROKEN) {
                r = registry_resolve(manager->registry, name, &d, reterr);
                if (r < 0)
                        return r;
                *ret_aside = g_strdup("");
                return 0;
        }
        r = registry_repair(manager->registry, d, ret_aside, reterr);
        if (r < 0)
                return r;
        log_info("repair %s: done", d->name);
        manager->events.distribution_changed(d, manager->userdata);
        return 0;
}

int manager_set_default(Manager *manager, const char *name, sd_bus_error *reterr) {
        Distribution *before = registry_default(manager->registry), *d;
        int r;

        r = registry_resolve(manager->registry, str_empty(name) ? "" : name, &d, reterr);
        if (r < 0)
                return r;
        r = registry_set_default(manager->registry, d, reterr);
        if (r < 0)
                return r;
        if (before && before != d)
                manager->events.distribution_changed(before, manager->userdata);
        manager->events.distribution_changed(d, manager->userdata);
        return 0;
}

static int on_idle(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Manager *manager = userdata;

        manager->idle_source = sd_event_source_disable_unref(manager->idle_source);
        manager->events.idle(manager->userdata);
        return 0;
}

void manager_check_idle(Manager *manager) {
        bool idle = g_hash_table_size(manager->clients) == 0 && g_hash_table_size(manager->instances) == 0 &&
                        g_hash_table_size(manager->holds) == 0 && g_queue_is_empty(&manager->operations) &&
                        g_hash_table_size(manager->processes) == 0 && !broker_is_needed(manager->broker);
        uint64_t patience = registry_settings(manager->registry)->exit_idle_usec;

        if (!idle || patience == G_MAXUINT64)
                manager->idle_source = sd_event_source_disable_unref(manager->idle_source);
        else if (!manager->idle_source)
                /* 0 would mean a quarter of a second, however short the patience is. */
                (void)sd_event_add_time_relative(manager->event, &manager->idle_source, CLOCK_MONOTONIC, patience,
                                                 1 + patience / 8, on_idle, manager);
}

Registry *manager_registry(Manager *manager) {
        return manager->registry;
}

IdMode manager_id_mode(const Manager *manager) {
        return base_mode(manager->base);
}

Instance *manager_find_instance(Manager *manager, const char *name) {
        return g_hash_table_lookup(manager->instances, name);
}

Process *manager_find_process(Manager *manager, uint64_t id) {
        return g_hash_table_lookup(manager->processes, &id);
}

guint manager_n_clients(const Manager *manager) {
        return g_hash_table_size(manager->clients) + g_hash_table_size(manager->holds);
}

static int compare_instances(const void *a, const void *b) {
        return strcmp(instance_distribution(*(Instance *const *)a)->name,
                      instance_distribution(*(Instance *const *)b)->name);
}

static int compare_processes(const void *a, const void *b) {
        uint64_t x = (*(Process *const *)a)->id, y = (*(Process *const *)b)->id;

        return x < y ? -1 : x > y;
}

static GPtrArray *sorted_values(GHashTable *table, GCompareFunc compare) {
        GPtrArray *values = g_ptr_array_new();
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, table);
        while (g_hash_table_iter_next(&i, NULL, &value))
                g_ptr_array_add(values, value);
        g_ptr_array_sort(values, compare);
        return values;
}

GPtrArray *manager_instances(Manager *manager) {
        return sorted_values(manager->instances, compare_instances);
}

GPtrArray *manager_processes(Manager *manager) {
        return sorted_values(manager->processes, compare_processes);
}
