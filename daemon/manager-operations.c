/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations in their order, mostly one at a time, and the launches that they hold
 * back. How they are asked for is in manager-requests.c. */

#include <glib.h>

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "daemon/registry-layers.h"
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
                if (str_empty(name) ? operation->kind == OPERATION_INSTALL || (standard && operation->held == standard)
                                    : streq(operation->name, name) ||
                                                      (operation->held && streq(operation->held->name, name)))
                        return true;
        }
        return false;
}

void manager_retry_held_back(Manager *manager) {
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

/* The object of a distribution is where its name says. */
static void on_renamed(Operation *operation, const char *before, void *userdata) {
        Manager *manager = userdata;

        manager->events.distribution_removed(before, manager->userdata);
        manager->events.distribution_added(operation->distribution, manager->userdata);
        manager->events.operation_changed(operation, manager->userdata);
}

static void on_warned(Operation *operation, const char *warning, void *userdata) {
        Manager *manager = userdata;

        manager->events.operation_warned(operation, warning, manager->userdata);
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
        if (operation->kind != OPERATION_CLEANUP)
                manager_clean_up_layers(manager);
        operation_free(operation);
        manager_retry_held_back(manager);
        start_next(manager);
        manager_check_shutdown(manager);
        manager_check_idle(manager);
}

const OperationEvents manager_operation_events = {
        .changed = on_changed,
        .renamed = on_renamed,
        .warned = on_warned,
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

/* One by one, but for exports: whoever reads what is exported may be slow, or be the next install. What is removed
 * on the quiet keeps nobody waiting, but is one by one, too. */
static void start_next(Manager *manager) {
        bool busy = false, cleaning = false;

        for (GList *l = manager->operations.head; l; l = l->next) {
                Operation *operation = l->data;
                bool export = operation->kind == OPERATION_EXPORT;
                bool *taken = operation->kind == OPERATION_CLEANUP ? &cleaning : &busy;

                if (!operation->started && (export || !*taken))
                        start(manager, operation);
                if (!export)
                        *taken = true;
        }
}

void manager_enqueue(Manager *manager, Operation *operation) {
        g_queue_push_tail(&manager->operations, operation);
        if (operation->kind != OPERATION_CLEANUP)
                manager->events.operation_added(operation, manager->userdata);
        start_next(manager);
        manager_check_idle(manager);
}

static void clean_up(Manager *manager, const char *path) {
        manager_enqueue(manager, operation_new(&manager->operation_host, ++manager->last_id, OPERATION_CLEANUP, path));
}

void manager_clean_up_leftovers(Manager *manager) {
        g_auto(GStrv) paths = registry_leftovers(manager->registry);

        for (char **path = paths; *path; path++) {
                log_info("Removing what is left of an interrupted operation: %s", *path);
                clean_up(manager, *path);
        }
        manager_clean_up_layers(manager);
}

/* One that is being shut down leaves them to the next. */
void manager_clean_up_layers(Manager *manager) {
        g_auto(GStrv) paths = manager->shutting_down ? NULL : registry_withdraw_layers(manager->registry);

        for (char **path = paths; path && *path; path++)
                clean_up(manager, *path);
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
