/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations in their order, mostly one at a time, and the launches that they hold
 * back. A distribution's name is reserved, or marked as going, from the moment
 * an operation is asked for, so that nothing can slip in before its turn. */

#include <glib.h>

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "shared/util.h"

static void start_next(Manager *manager);

void manager_free_operation(void *operation) {
        operation_free(operation);
}

/* "" waits for whatever is being installed, since that may become the default, and for what holds the default. */
bool manager_operation_concerns(Manager *manager, const char *name) {
        const Distribution *standard = str_empty(name) ? registry_default(manager->registry) : NULL;

        for (GList *l = manager->operations.head; l; l = l->next) {
                const Operation *operation = l->data;

                if (operation->kind == OPERATION_CLEANUP)
                        continue;
                if (str_empty(name) ? operation->kind == OPERATION_INSTALL || (standard && operation->held == standard) :
                                      streq(operation->name, name) || (operation->held && streq(operation->held->name, name)))
                        return true;
        }
        return false;
}

/* Lets those that waited try again; those for whom the wait goes on line up anew. */
static void retry_held_back(Manager *manager) {
        GQueue held = manager->held_back;

        g_queue_init(&manager->held_back);
        for (Process *process; (process = g_queue_pop_head(&held));) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                if (manager_submit(manager, process, &error) >= 0)
                        continue;
                manager->events.process_failed(process, &error, manager->userdata);
                manager_drop_process(manager, process);
        }
}

static void on_changed(Operation *operation, void *userdata) {
        Manager *manager = userdata;

        if (operation->kind != OPERATION_CLEANUP)
                manager->events.operation_changed(operation, manager->userdata);
}

static void forget_distribution(Manager *manager, Operation *operation) {
        registry_forget(manager->registry, operation->distribution);
        if (operation->held == operation->distribution)
                operation->held = NULL;
        operation->distribution = NULL;
        manager->events.distribution_removed(operation->name, manager->userdata);
}

static void conclude_making(Manager *manager, Operation *operation, bool succeeded) {
        if (!succeeded) {
                forget_distribution(manager, operation);
                return;
        }
        if (operation->make_default) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                if (registry_set_default(manager->registry, operation->distribution, &error) < 0)
                        log_warning("%s", error.message);
        }
        manager->events.distribution_changed(operation->distribution, manager->userdata);
}

static void release_held(Manager *manager, Operation *operation) {
        if (!operation->held)
                return;
        operation->held->state = operation->before;
        manager->events.distribution_changed(operation->held, manager->userdata);
        operation->held = NULL;
}

static void on_finished(Operation *operation, const sd_bus_error *error, void *userdata) {
        Manager *manager = userdata;

        (void)g_queue_remove(&manager->operations, operation);
        if (operation->kind != OPERATION_CLEANUP)
                log_info("%s %s: %s", operation_kind_to_string(operation->kind), operation->name,
                         error ? error->message : "done");
        if (operation_makes(operation))
                conclude_making(manager, operation, !error);
        else if (operation->kind == OPERATION_UNINSTALL && !error)
                forget_distribution(manager, operation);
        release_held(manager, operation);
        if (operation->kind != OPERATION_CLEANUP)
                manager->events.operation_finished(operation, error, manager->userdata);
        operation_free(operation);
        retry_held_back(manager);
        start_next(manager);
        manager_check_shutdown(manager);
        manager_check_idle(manager);
}

const OperationEvents manager_operation_events = {
        .changed = on_changed,
        .finished = on_finished,
};

static void on_instance_gone(void *userdata) {
        operation_start(userdata, NULL);
}

/* What must end before. */
static Instance *instance_in_the_way(Manager *manager, const Operation *operation) {
        return operation->held ? manager_find_instance(manager, operation->held->name) : NULL;
}

static void start(Manager *manager, Operation *operation) {
        Instance *instance = instance_in_the_way(manager, operation);

        if (!instance) {
                operation_start(operation, operation->kind == OPERATION_CLEANUP ? operation->name : NULL);
                return;
        }
        operation->started = true;
        instance_when_gone(instance, on_instance_gone, operation);
        instance_stop(instance);
}

/* One by one, but for exports: whoever reads what is exported may be slow, or be the next install. */
static void start_next(Manager *manager) {
        bool busy = false;

        for (GList *l = manager->operations.head; l; l = l->next) {
                Operation *operation = l->data;
                bool exclusive = operation->kind != OPERATION_EXPORT;

                if (!operation->started && !(exclusive && busy))
                        start(manager, operation);
                busy = busy || exclusive;
        }
}

static void enqueue(Manager *manager, Operation *operation) {
        g_queue_push_tail(&manager->operations, operation);
        if (operation->kind != OPERATION_CLEANUP)
                manager->events.operation_added(operation, manager->userdata);
        start_next(manager);
        manager_check_idle(manager);
}

void manager_clean_up_leftovers(Manager *manager) {
        g_auto(GStrv) paths = registry_leftovers(manager->registry);

        for (char **path = paths; *path; path++) {
                log_info("Removing what is left of an interrupted operation: %s", *path);
                enqueue(manager, operation_new(&manager->operation_host, ++manager->last_id, OPERATION_CLEANUP, *path));
        }
}

int manager_install(Manager *manager, Client *client, const InstallRequest *request, Operation **ret,
                    sd_bus_error *reterr) {
        g_autoptr(Operation) operation = NULL;
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 || (r = registry_reserve(manager->registry, request->name, &d, reterr)) < 0)
                return r;
        g_free(d->source);
        d->source = g_strdup(request->label ?: "");
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_INSTALL, request->name);
        operation->client = client;
        operation->detached = request->detached;
        operation->distribution = d;
        operation->suite = g_strdup(request->suite);
        operation->user = g_strdup(request->user);
        operation->sha256 = g_strdup(request->sha256);
        operation->make_default = request->make_default;
        if (request->source >= 0) {
                operation->archive = fcntl(request->source, F_DUPFD_CLOEXEC, 3);
                if (operation->archive < 0) {
                        r = errno;
                        registry_forget(manager->registry, d);
                        return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the archive over: %s", g_strerror(r));
                }
        }
        manager->events.distribution_added(d, manager->userdata);
        *ret = operation;
        enqueue(manager, g_steal_pointer(&operation));
        return 0;
}

/* Where the distribution runs, only if its instance is to be ended. The clients of one that is left may not have
 * been reaped yet, and whoever comes straight after the last of them cannot know. */
static int refuse_running(Manager *manager, const Distribution *d, bool terminate, const char *verb, sd_bus_error *reterr) {
        const Instance *instance = manager_find_instance(manager, d->name);

        if (terminate || !instance || instance_is_left(instance))
                return 0;
        return error_set(reterr, LXSS_ERROR_DISTRIBUTION_RUNNING,
                         "%s is running. End it first (lxctl terminate %s), or %s it with --terminate.", d->name, d->name, verb);
}

/* Marks it, until release_held(). */
static void hold_distribution(Manager *manager, Operation *operation, Distribution *d, DistributionState state) {
        operation->held = d;
        operation->before = d->state;
        d->state = state;
        manager->events.distribution_changed(d, manager->userdata);
}

static int check_uninstall(Manager *manager, const char *name, bool terminate, Distribution **ret,
                           sd_bus_error *reterr) {
        Distribution *d = registry_find(manager->registry, name);
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0)
                return r;
        if (!d || d->state != DISTRIBUTION_BROKEN) {
                if (str_empty(name))
                        return error_set(reterr, LXSS_ERROR_INVALID_NAME, "Which distribution is to be uninstalled?");
                r = registry_resolve(manager->registry, name, &d, reterr);
                if (r < 0)
                        return r;
        }
        *ret = d;
        return refuse_running(manager, d, terminate, "uninstall", reterr);
}

int manager_uninstall(Manager *manager, Client *client, const char *name, bool terminate, bool detached,
                      Operation **ret, sd_bus_error *reterr) {
        Distribution *d = NULL;
        Operation *operation;
        int r;

        r = check_uninstall(manager, name, terminate, &d, reterr);
        if (r < 0)
                return r;
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_UNINSTALL, d->name);
        operation->client = client;
        operation->detached = detached;
        operation->terminate = terminate;
        operation->distribution = d;
        hold_distribution(manager, operation, d, DISTRIBUTION_UNINSTALLING);
        *ret = operation;
        enqueue(manager, operation);
        return 0;
}

int manager_export(Manager *manager, Client *client, const ExportRequest *request, Operation **ret,
                   sd_bus_error *reterr) {
        _cleanup_close_ int target = -EBADF;
        Operation *operation;
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &d, reterr)) < 0 ||
            (r = refuse_running(manager, d, request->terminate, "export", reterr)) < 0)
                return r;
        target = fcntl(request->target, F_DUPFD_CLOEXEC, 3);
        if (target < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the archive over: %s", g_strerror(errno));
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_EXPORT, d->name);
        operation->client = client;
        operation->archive = steal_fd(&target);
        operation->detached = request->detached;
        operation->format = request->format;
        operation->terminate = request->terminate;
        operation->distribution = d;
        hold_distribution(manager, operation, d, DISTRIBUTION_EXPORTING);
        *ret = operation;
        enqueue(manager, operation);
        return 0;
}

int manager_clone(Manager *manager, Client *client, const CloneRequest *request, Operation **ret, sd_bus_error *reterr) {
        Distribution *original, *d;
        Operation *operation;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &original, reterr)) < 0 ||
            (r = refuse_running(manager, original, request->terminate, "clone", reterr)) < 0 ||
            (r = registry_reserve(manager->registry, request->new_name, &d, reterr)) < 0)
                return r;
        d->default_user = g_strdup(original->default_user);
        g_free(d->release);
        d->release = g_strdup(original->release);
        g_free(d->source);
        d->source = g_strdup_printf("clone of %s", original->name);
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_CLONE, request->new_name);
        operation->client = client;
        operation->detached = request->detached;
        operation->terminate = request->terminate;
        operation->distribution = d;
        manager->events.distribution_added(d, manager->userdata);
        hold_distribution(manager, operation, original, DISTRIBUTION_CLONING);
        *ret = operation;
        enqueue(manager, operation);
        return 0;
}

static int rename_at_rest(Manager *manager, Distribution *d, const char *new_name, sd_bus_error *reterr) {
        g_autofree char *before = g_strdup(d->name);
        int r = registry_rename(manager->registry, d, new_name, reterr);

        if (streq(before, d->name))
                return r;
        log_info("rename %s to %s: done", before, d->name);
        manager->events.distribution_removed(before, manager->userdata);
        manager->events.distribution_added(d, manager->userdata);
        return r;
}

/* One that waits for the end of an instance that is left. */
typedef struct Renaming {
        Manager *manager;
        char *name, *new_name;
        manager_renamed_t callback;
        void *userdata;
} Renaming;

static void renaming_free(void *p) {
        Renaming *renaming = p;

        g_free(renaming->name);
        g_free(renaming->new_name);
        g_free(renaming);
}

static int on_renaming(sd_event_source *source _unused_, void *userdata) {
        Renaming *renaming = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (manager_rename(renaming->manager, renaming->name, renaming->new_name, renaming->callback, renaming->userdata,
                           &error) < 0)
                renaming->callback(&error, renaming->userdata);
        return 0;
}

/* From the loop, when the instance is no longer among ours. */
static void on_gone_before_renaming(void *userdata) {
        Renaming *renaming = userdata;
        sd_event_source *source;

        /* Without memory for a timer there is none for anything else. */
        if (sd_event_add_defer(renaming->manager->event, &source, on_renaming, renaming) < 0)
                abort();
        (void)sd_event_source_set_destroy_callback(source, renaming_free);
        (void)sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
}

int manager_rename(Manager *manager, const char *name, const char *new_name, manager_renamed_t callback, void *userdata,
                   sd_bus_error *reterr) {
        Instance *instance;
        Renaming *renaming;
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, name, &d, reterr)) < 0 ||
            (r = refuse_running(manager, d, false, "rename", reterr)) < 0)
                return r;
        instance = manager_find_instance(manager, d->name);
        if (!instance) {
                r = rename_at_rest(manager, d, new_name, reterr);
                if (r >= 0)
                        callback(NULL, userdata);
                return r;
        }
        renaming = g_new(Renaming, 1);
        *renaming = (Renaming){ manager, g_strdup(d->name), g_strdup(new_name), callback, userdata };
        instance_when_gone(instance, on_gone_before_renaming, renaming);
        instance_stop(instance);
        return 0;
}

int manager_cancel(Manager *manager, Operation *operation, sd_bus_error *reterr) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (operation->started)
                return operation_cancel(operation) ? 0 :
                                                     error_set(reterr, LXSS_ERROR_OPERATION_PENDING,
                                                               "The %s of %s can no longer be undone.",
                                                               operation_kind_to_string(operation->kind),
                                                               operation->name);
        error_set(&error, LXSS_ERROR_CANCELED, "The %s of %s was canceled.", operation_kind_to_string(operation->kind),
                  operation->name);
        on_finished(operation, &error, manager);
        return 0;
}

void manager_withdraw_client(Manager *manager, Client *client) {
        g_autoptr(GList) operations = g_list_copy(manager->operations.head);

        for (GList *l = manager->held_back.head, *next; l; l = next) {
                Process *process = l->data;

                next = l->next;
                if (process->client == client) {
                        g_queue_delete_link(&manager->held_back, l);
                        manager_drop_process(manager, process);
                }
        }
        for (GList *l = operations; l; l = l->next) {
                Operation *operation = l->data;

                /* One that is canceled may end others' wait, but frees only itself. */
                if (!g_queue_find(&manager->operations, operation) || operation->client != client)
                        continue;
                operation->client = NULL;
                if (!operation->detached && operation->kind != OPERATION_UNINSTALL)
                        (void)manager_cancel(manager, operation, NULL);
        }
}

void manager_cancel_all(Manager *manager) {
        g_autoptr(GList) operations = g_list_copy(manager->operations.head);

        for (GList *l = g_list_last(operations); l; l = l->prev)
                if (g_queue_find(&manager->operations, l->data))
                        (void)manager_cancel(manager, l->data, NULL);
}

Operation *manager_find_operation(Manager *manager, uint64_t id) {
        for (GList *l = manager->operations.head; l; l = l->next) {
                Operation *operation = l->data;

                if (operation->id == id && operation->kind != OPERATION_CLEANUP)
                        return operation;
        }
        return NULL;
}

GPtrArray *manager_operations(Manager *manager) {
        GPtrArray *operations = g_ptr_array_new();

        for (GList *l = manager->operations.head; l; l = l->next)
                if (((Operation *)l->data)->kind != OPERATION_CLEANUP)
                        g_ptr_array_add(operations, l->data);
        return operations;
}
