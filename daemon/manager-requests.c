/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is asked to be done to distributions: each request is checked here, becomes
 * an operation, and is handed to the queue. A distribution's name is reserved, or
 * marked as going, from that moment on, so that nothing can slip in before its turn. */

#include <glib.h>
#include <sys/stat.h>

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "shared/distribution-name.h"
#include "shared/util.h"

/* Whether a directory is this one, or one that it lies in. Symbolic links are no way up. */
static bool directory_holds(int directory, const char *path) {
        _cleanup_close_ int at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat wanted, st, above;

        if (at < 0 || fstat(directory, &wanted) < 0 || fstat(at, &st) < 0)
                return false;
        for (;;) {
                int up;

                if (st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
                        return true;
                up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (up < 0)
                        return false;
                close(at);
                at = up;
                if (fstat(at, &above) < 0 || (above.st_dev == st.st_dev && above.st_ino == st.st_ino))
                        return false;
                st = above;
        }
}

/* Whoever reads its own copy would not come to an end. */
static int check_directory(Manager *manager, int directory, const InstallRequest *request, sd_bus_error *reterr) {
        if (request->sha256)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "A directory has no SHA-256. Only an archive has one.");
        if (request->keyring >= 0)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "A directory has no signature. Only an archive has one.");
        if (directory_holds(directory, registry_directory(manager->registry)))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "That directory holds the distributions themselves (%s). Install from one that does "
                                 "not.",
                                 registry_directory(manager->registry));
        return 0;
}

/* The last words of an order that moves an archive: where its signature is, and for how long to wait. */
static int take_signature(Manager *manager, FetchOrder *order, const InstallRequest *request, sd_bus_error *reterr) {
        const char *signature = "";

        if (request->keyring >= 0) {
                signature = request->signature_url ?: request->signature >= 0 ? "given" : "beside";
                order->keyring = fcntl(request->keyring, F_DUPFD_CLOEXEC, 3);
                if (request->signature >= 0)
                        order->signature = fcntl(request->signature, F_DUPFD_CLOEXEC, 3);
                if (order->keyring < 0 || (request->signature >= 0 && order->signature < 0))
                        return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the keyring over: %s",
                                         g_strerror(errno));
        }
        fetch_order_add(order, g_strdup(signature));
        fetch_order_add(order, g_strdup_printf("%" PRIu64, registry_settings(manager->registry)->transfer_timeout));
        order->environment = g_strdupv((char **)request->environment);
        return 0;
}

/* One that is signed goes past gpgv, which has no place in a worker. */
static int take_archive(Manager *manager, Operation *operation, const InstallRequest *request, int fd,
                        sd_bus_error *reterr) {
        if (request->keyring < 0) {
                operation->archive = fd;
                return 0;
        }
        operation->fetch = fetch_order_new("archive");
        operation->fetch->source = fd;
        if (request->signature < 0 && !request->signature_url)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "Where is the signature of the archive? Name it with --signature.");
        return take_signature(manager, operation->fetch, request, reterr);
}

/* skopeo opens it again, by its number: a pipe would be empty then. */
static int check_image_source(const char *transport, const struct stat *st, sd_bus_error *reterr) {
        if (streq(transport, "oci") && !S_ISDIR(st->st_mode))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "An OCI image layout is a directory, and this is none.");
        if (streq(transport, "docker-archive") && !S_ISREG(st->st_mode))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "A docker archive is a file, and this is none.");
        if (streq(transport, "oci-archive") && !S_ISREG(st->st_mode))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "An OCI archive is a file, and this is none.");
        return 0;
}

static int take_image(Operation *operation, const InstallRequest *request, sd_bus_error *reterr) {
        struct stat st;

        operation->image = true;
        operation->fetch = fetch_order_new("image");
        fetch_order_add(operation->fetch, g_strdup(request->transport));
        fetch_order_add(operation->fetch, g_strdup(request->image));
        fetch_order_add(operation->fetch, g_strdup_printf("%" PRIu64, request->max_size));
        operation->fetch->environment = g_strdupv((char **)request->environment);
        if (request->keyring >= 0)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "An image has no such signature: it is the host's policy that says whose it must "
                                 "have.");
        if (request->source < 0)
                return 0;
        operation->fetch->source = fcntl(request->source, F_DUPFD_CLOEXEC, 3);
        if (operation->fetch->source < 0 || fstat(operation->fetch->source, &st) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the image over: %s", g_strerror(errno));
        return check_image_source(request->transport, &st, reterr);
}

static int take_descriptor(Manager *manager, Operation *operation, const InstallRequest *request,
                           sd_bus_error *reterr) {
        _cleanup_close_ int fd = fcntl(request->source, F_DUPFD_CLOEXEC, 3);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the archive over: %s", g_strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return take_archive(manager, operation, request, steal_fd(&fd), reterr);
        r = check_directory(manager, fd, request, reterr);
        if (r < 0)
                return r;
        operation->fetch = fetch_order_new("directory");
        operation->fetch->source = steal_fd(&fd);
        return 0;
}

static int take_source(Manager *manager, Operation *operation, const InstallRequest *request, sd_bus_error *reterr) {
        if (request->transport)
                return take_image(operation, request, reterr);
        if (request->source >= 0)
                return take_descriptor(manager, operation, request, reterr);
        if (!request->url)
                return 0;
        operation->fetch = fetch_order_new("transfer");
        fetch_order_add(operation->fetch, g_strdup(request->url));
        return take_signature(manager, operation->fetch, request, reterr);
}

/* The name under which an installation is known until it turns out what the distribution calls itself. */
static int reserve(Manager *manager, const InstallRequest *request, OperationNaming *ret_naming, Distribution **ret,
                   sd_bus_error *reterr) {
        g_autofree char *provisional = NULL;

        if (!str_empty(request->name)) {
                *ret_naming = OPERATION_NAMED;
                return registry_reserve(manager->registry, request->name, ret, reterr);
        }
        /* A file may be called anything; what is bootstrapped would take long only to fail. */
        if (request->fallback_name && (request->suite || distribution_name_is_valid(request->fallback_name))) {
                *ret_naming = OPERATION_SUGGESTED;
                return registry_reserve(manager->registry, request->fallback_name, ret, reterr);
        }
        *ret_naming = OPERATION_PROVISIONAL;
        do {
                g_free(provisional);
                provisional = g_strdup_printf("unnamed-%" G_GUINT64_FORMAT, ++manager->last_id);
        } while (registry_find(manager->registry, provisional));
        return registry_reserve(manager->registry, provisional, ret, reterr);
}

int manager_install(Manager *manager, Client *client, const InstallRequest *request, Operation **ret,
                    sd_bus_error *reterr) {
        g_autoptr(Operation) operation = NULL;
        OperationNaming naming;
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = reserve(manager, request, &naming, &d, reterr)) < 0)
                return r;
        g_free(d->source);
        d->source = g_strdup(request->label ?: "");
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_INSTALL, d->name);
        operation->naming = naming;
        operation->client = client;
        operation->detached = request->detached;
        operation->distribution = d;
        operation->suite = g_strdup(request->suite);
        operation->user = g_strdup(request->user);
        operation->user_given = request->user_given;
        operation->without_oobe = request->without_oobe;
        operation->without_shortcut = request->without_shortcut;
        operation->sha256 = g_strdup(request->sha256);
        operation->max_size = request->max_size;
        operation->make_default = request->make_default;
        r = take_source(manager, operation, request, reterr);
        if (r < 0) {
                registry_forget(manager->registry, d);
                return r;
        }
        manager->events.distribution_added(d, manager->userdata);
        *ret = operation;
        manager_enqueue(manager, g_steal_pointer(&operation));
        return 0;
}

/* The clients of one that is left may not have been reaped yet, and whoever comes straight after the last of them
 * cannot know. */
int manager_refuse_running(Manager *manager, const Distribution *d, bool terminate, const char *verb,
                           sd_bus_error *reterr) {
        const Instance *instance = manager_find_instance(manager, d->name);

        if (terminate || !instance || instance_is_left(instance))
                return 0;
        return error_set(reterr, LXSS_ERROR_DISTRIBUTION_RUNNING,
                         "%s is running. End it first (lxctl terminate %s), or %s it with --terminate.", d->name,
                         d->name, verb);
}

void manager_hold_distribution(Manager *manager, Operation *operation, Distribution *d, DistributionState state) {
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
        if (!d || (d->state != DISTRIBUTION_BROKEN && d->state != DISTRIBUTION_UNAVAILABLE)) {
                if (str_empty(name))
                        return error_set(reterr, LXSS_ERROR_INVALID_NAME, "Which distribution is to be uninstalled?");
                r = registry_resolve(manager->registry, name, &d, reterr);
                if (r < 0 && r != -ENODEV)
                        return r;
                sd_bus_error_free(reterr); /* what is not there needs not be removed */
        }
        *ret = d;
        return manager_refuse_running(manager, d, terminate, "uninstall", reterr);
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
        manager_hold_distribution(manager, operation, d, DISTRIBUTION_UNINSTALLING);
        *ret = operation;
        manager_enqueue(manager, operation);
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
            (r = manager_refuse_running(manager, d, request->terminate, "export", reterr)) < 0)
                return r;
        target = fcntl(request->target, F_DUPFD_CLOEXEC, 3);
        if (target < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take the archive over: %s", g_strerror(errno));
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_EXPORT, d->name);
        operation->client = client;
        if (request->tag)
                operation->directory = steal_fd(&target);
        else
                operation->archive = steal_fd(&target);
        operation->tag = g_strdup(request->tag);
        operation->place = (ImagePlace){ g_strdup(request->place.name), g_strdup(request->place.temporary),
                                         request->place.mode };
        operation->detached = request->detached;
        operation->format = request->format;
        operation->terminate = request->terminate;
        operation->distribution = d;
        manager_hold_distribution(manager, operation, d, DISTRIBUTION_EXPORTING);
        *ret = operation;
        manager_enqueue(manager, operation);
        return 0;
}

int manager_clone(Manager *manager, Client *client, const CloneRequest *request, Operation **ret,
                  sd_bus_error *reterr) {
        Distribution *original, *d;
        Operation *operation;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &original, reterr)) < 0 ||
            (r = manager_refuse_running(manager, original, request->terminate, "clone", reterr)) < 0 ||
            (r = registry_reserve(manager->registry, request->new_name, &d, reterr)) < 0)
                return r;
        d->default_user = g_strdup(original->default_user);
        g_free(d->release);
        d->release = g_strdup(original->release);
        g_free(d->source);
        d->source = g_strdup_printf("clone of %s", original->name);
        d->oobe = original->oobe == OOBE_NONE ? OOBE_NONE : OOBE_PENDING;
        d->shortcut = original->shortcut;
        d->icon = g_strdup(original->icon);
        operation = operation_new(&manager->operation_host, ++manager->last_id, OPERATION_CLONE, request->new_name);
        operation->client = client;
        operation->detached = request->detached;
        operation->terminate = request->terminate;
        operation->copy = request->copy;
        operation->distribution = d;
        manager->events.distribution_added(d, manager->userdata);
        manager_hold_distribution(manager, operation, original, DISTRIBUTION_CLONING);
        *ret = operation;
        manager_enqueue(manager, operation);
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

        if (manager_rename(renaming->manager, renaming->name, renaming->new_name, renaming->callback,
                           renaming->userdata, &error) < 0)
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
            (r = manager_refuse_running(manager, d, false, "rename", reterr)) < 0)
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
