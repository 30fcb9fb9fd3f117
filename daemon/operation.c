/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The course of one operation: staging directory → worker → commit; or, on
 * failure and cancellation, staging directory → another worker that removes it.
 * finished is only told when nothing is left of either. What the worker says
 * about the archive has been decoded as hostile and is text for people. */

#include "daemon/operation.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "daemon/log.h"
#include "daemon/operation-private.h"
#include "daemon/registry-layers.h"
#include "daemon/worker-report.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

static const char *const kind_names[OPERATION_KIND_MAX] = {
        [OPERATION_INSTALL] = "install",
        [OPERATION_UNINSTALL] = "uninstall",
        [OPERATION_EXPORT] = "export",
        [OPERATION_CLONE] = "clone",
        [OPERATION_MOVE] = "move",
        [OPERATION_SNAPSHOT] = "snapshot",
        [OPERATION_ROLLBACK] = "rollback",
        [OPERATION_CLEANUP] = "cleanup",
};

/* The worker's stages, and ours. What it says beyond these is not repeated. */
static const char *const stages[] = { "queued",    "preparing",  "bootstrapping", "downloading",
                                      "pulling",   "extracting", "configuring",   "committing",
                                      "exporting", "cloning",    "moving",        "removing" };

const char *operation_kind_to_string(OperationKind kind) {
        return kind >= 0 && kind < OPERATION_KIND_MAX ? kind_names[kind] : NULL;
}

void operation_set_stage(Operation *operation, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(stages); i++)
                if (streq(stages[i], name))
                        operation->stage = stages[i];
        operation->host->events.changed(operation, operation->host->userdata);
}

Operation *operation_new(const OperationHost *host, uint64_t id, OperationKind kind, const char *name) {
        Operation *operation = g_new0(Operation, 1);

        operation->host = host;
        operation->id = id;
        operation->kind = kind;
        operation->name = g_strdup(name);
        operation->stage = stages[0];
        operation->progress = -1;
        operation->archive = operation->directory = -EBADF;
        operation->work = g_new0(OperationWork, 1);
        operation->work->report = -EBADF;
        operation->work->claims = g_ptr_array_new_with_free_func(g_free);
        return operation;
}

static void stop_worker(OperationWork *work) {
        work->fetcher = fetcher_free(work->fetcher);
        work->report_source = sd_event_source_disable_unref(work->report_source);
        work->container = container_free(work->container);
        closep(&work->report);
}

Operation *operation_free(Operation *operation) {
        if (!operation)
                return NULL;
        base_cancel(operation->host->base, operation);
        stop_worker(operation->work);
        sd_event_source_disable_unref(operation->work->start_source);
        sd_bus_error_free(&operation->work->error);
        image_target_free(operation->work->image);
        g_free(operation->work->staging);
        g_strfreev(operation->work->stack);
        g_free(operation->work->claim);
        g_ptr_array_unref(operation->work->claims);
        move_free(operation->work->move);
        g_free(operation->work);
        closep(&operation->archive);
        closep(&operation->directory);
        fetch_order_free(operation->fetch);
        g_free(operation->name);
        g_free(operation->suite);
        g_free(operation->tag);
        g_free(operation->place.name);
        g_free(operation->place.temporary);
        g_free(operation->user);
        g_free(operation->sha256);
        g_free(operation->snapshot);
        g_free(operation);
        return NULL;
}

void operation_finish(Operation *operation) {
        OperationWork *work = operation->work;

        operation->host->events.finished(operation, sd_bus_error_is_set(&work->error) ? &work->error : NULL,
                                         operation->host->userdata);
}

void operation_keep_error(Operation *operation, const sd_bus_error *error) {
        if (!operation->canceled && !sd_bus_error_is_set(&operation->work->error))
                (void)sd_bus_error_copy(&operation->work->error, error);
}

static int commit_made(Operation *operation, sd_bus_error *reterr) {
        operation_set_stage(operation, "committing");
        if (operation_makes(operation))
                operation->distribution->id_mode = base_mode(operation->host->base);
        if (operation->work->layered)
                return operation_commit_layered(operation, reterr);
        return registry_commit(operation->host->registry, operation->distribution, operation->held,
                               operation->work->staging, reterr);
}

static void commit(Operation *operation) {
        OperationWork *work = operation->work;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = 0;

        if (operation_commits(operation))
                r = commit_made(operation, &error);
        else if (work->image)
                r = image_target_commit(work->image, &error);
        if (r < 0)
                operation_keep_error(operation, &error);
}

/* The work is over, well or not. */
static void conclude(Operation *operation) {
        OperationWork *work = operation->work;

        if (operation->canceled && !sd_bus_error_is_set(&work->error))
                error_set(&work->error, LXSS_ERROR_CANCELED, "The %s of %s was canceled.",
                          operation_kind_to_string(operation->kind), operation->name);
        if (operation->kind == OPERATION_MOVE) {
                operation_conclude_move(operation);
                return;
        }
        if (operation->naming == OPERATION_PROVISIONAL && !sd_bus_error_is_set(&work->error))
                error_set(&work->error, LXSS_ERROR_INVALID_NAME,
                          "The distribution does not say what it is called (defaultName in its "
                          "/etc/wsl-distribution.conf). "
                          "Give it a name: --name NAME");
        if (!sd_bus_error_is_set(&work->error))
                commit(operation);
        work->image = image_target_free(work->image);
        if (operation_commits(operation) && sd_bus_error_is_set(&work->error) && work->staging)
                operation_start_removal(operation);
        else
                operation_finish(operation);
}

/* What the remover could not remove is tried again at the next start. */
static void conclude_removal(Operation *operation) {
        OperationWork *work = operation->work;

        if (!work->worker_done || rmdir(work->staging) < 0)
                log_warning("%s could not be removed; the next start of lxssd tries again.", work->staging);
        else if (operation_remove_next(operation))
                return;
        operation_finish(operation);
}

static void replace(char **string, const char *text) {
        g_free(*string);
        *string = g_strdup(text);
}

/* One that has become known only now, and may be taken: then the rest of the work is in vain. */
static void take_name(Operation *operation, const char *name) {
        OperationWork *work = operation->work;
        g_autofree char *before = g_strdup(operation->name);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (operation->kind != OPERATION_INSTALL || operation->naming == OPERATION_NAMED || work->removing)
                return;
        if (registry_rename_reserved(operation->host->registry, operation->distribution, name, &error) < 0) {
                operation_keep_error(operation, &error);
                container_kill(work->container);
                return;
        }
        operation->naming = OPERATION_NAMED;
        if (streq(before, name))
                return;
        replace(&operation->name, name);
        operation->host->events.renamed(operation, before, operation->host->userdata);
}

static void take_error(Operation *operation, const WorkerReport *report) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, report->error, "%s", report->text);
        if (operation->work->removing)
                log_warning("%s: %s", operation->work->staging, report->text);
        else
                operation_keep_error(operation, &error);
}

static void take_shortcut(Operation *operation, const char *icon) {
        Distribution *d = operation->distribution;

        if (operation->kind != OPERATION_INSTALL || operation->without_shortcut)
                return;
        d->shortcut = true;
        g_free(d->icon);
        d->icon = streq(icon, "none") ? NULL : g_strdup_printf("icon.%s", icon);
}

static void take_report(Operation *operation, const WorkerReport *report) {
        OperationWork *work = operation->work;
        Distribution *d = operation->distribution;

        switch (report->kind) {
        case WORKER_REPORT_STAGE:
                /* What comes as slowly as it is downloaded is not held up by being extracted. */
                if (streq(operation->stage, "downloading") && streq(report->text, "extracting"))
                        break;
                /* A move that has to copy does it like a clone. */
                operation_set_stage(operation, operation->kind == OPERATION_MOVE && streq(report->text, "cloning")
                                                               ? "moving"
                                                               : report->text);
                break;
        case WORKER_REPORT_PROGRESS:
                operation->progress = report->permille / 1000.0;
                operation->host->events.changed(operation, operation->host->userdata);
                break;
        case WORKER_REPORT_USER:
                if (d && !work->removing)
                        replace(&d->default_user, report->text);
                break;
        case WORKER_REPORT_RELEASE:
                if (d && !work->removing)
                        replace(&d->release, report->text);
                break;
        case WORKER_REPORT_LAYER:
                if (work->image)
                        (void)image_target_take_layer(work->image, report->text);
                break;
        case WORKER_REPORT_NAME:
                take_name(operation, report->text);
                break;
        case WORKER_REPORT_OOBE:
                if (operation->kind == OPERATION_INSTALL && !operation->without_oobe)
                        d->oobe = OOBE_PENDING;
                break;
        case WORKER_REPORT_SHORTCUT:
                take_shortcut(operation, report->text);
                break;
        case WORKER_REPORT_WARNING:
                log_warning("%s: %s", operation->name, report->text);
                operation->host->events.warned(operation, report->text, operation->host->userdata);
                break;
        case WORKER_REPORT_ERROR:
                take_error(operation, report);
                break;
        case WORKER_REPORT_DONE:
                work->worker_done = true;
                break;
        default:
                break;
        }
}

/* One datagram. False: there is no more (yet). */
static bool read_report(Operation *operation) {
        char bytes[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport report;
        size_t n_fds;
        ssize_t n;

        n = fd_socket_receive(operation->work->report, bytes, sizeof(bytes), NULL, 0, &n_fds);
        if (n <= 0 && n != -EMSGSIZE)
                return false;
        if (n > 0 && worker_report_decode(bytes, n, &report) >= 0)
                take_report(operation, &report);
        return true;
}

static int on_report(sd_event_source *source, int fd _unused_, uint32_t revents, void *userdata) {
        if (!read_report(userdata) && revents & (EPOLLHUP | EPOLLERR))
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

/* Whose end it was, and nobody has said why. */
static void keep_unexpected_end(Operation *operation) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, LXSS_ERROR_FAILED, "The worker that was to %s %s ended unexpectedly; see %s.",
                  operation_kind_to_string(operation->kind), operation->name, log_target());
        operation_keep_error(operation, &error);
}

/* It may be why the archive ended too early, which then is more to the point. */
static void judge_fetcher(Operation *operation) {
        OperationWork *work = operation->work;

        if (!work->fetcher || !fetcher_drain(work->fetcher))
                return;
        sd_bus_error_free(&work->error);
        keep_unexpected_end(operation);
}

static void on_worker_over(Operation *operation) {
        OperationWork *work = operation->work;
        bool failed;

        while (read_report(operation))
                ;
        judge_fetcher(operation);
        failed = !work->worker_done || operation->canceled || sd_bus_error_is_set(&work->error);
        if (!failed && work->fetcher && !work->fetch_done) {
                work->report_source = sd_event_source_disable_unref(work->report_source);
                work->container = container_free(work->container);
                return; /* on_fetch_over() goes on */
        }
        stop_worker(work);
        if (work->removing) {
                conclude_removal(operation);
                return;
        }
        if (!work->worker_done || (work->fetch_wanted && !work->fetch_done))
                keep_unexpected_end(operation);
        if (!operation_copies_instead(operation))
                conclude(operation);
}

static void on_fetch_reported(const WorkerReport *report, void *userdata) {
        Operation *operation = userdata;

        switch (report->kind) {
        case WORKER_REPORT_DONE:
                operation->work->fetch_done = true;
                break;
        case WORKER_REPORT_STAGE:
                operation_set_stage(operation, report->text);
                break;
        case WORKER_REPORT_ERROR:
                /* More to the point than what the worker thinks of half an archive. */
                sd_bus_error_free(&operation->work->error);
                error_set(&operation->work->error, report->error, "%s", report->text);
                break;
        default:
                take_report(operation, report);
        }
}

static int unpack(Operation *operation);

static void on_fetch_over(void *userdata) {
        Operation *operation = userdata;
        OperationWork *work = operation->work;

        judge_fetcher(operation);
        work->fetcher = fetcher_free(work->fetcher);
        if (operation->image && work->fetch_done && !operation->canceled && !sd_bus_error_is_set(&work->error) &&
            unpack(operation) >= 0)
                return;
        if (work->container && !work->fetch_done)
                container_kill(work->container);
        if (work->container)
                return; /* on_worker_over() goes on */
        stop_worker(work);
        if (!work->fetch_done)
                keep_unexpected_end(operation);
        conclude(operation);
}

static void on_worker_failed(Container *container _unused_, const char *step, int number, void *userdata) {
        Operation *operation = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, LXSS_ERROR_HOST_UNSUITABLE,
                  "The worker could not be started: %s failed: %s. What to do about it: "
                  "lxctl doctor",
                  step, g_strerror(number));
        if (operation->work->removing)
                log_warning("%s", error.message);
        else
                operation_keep_error(operation, &error);
        on_worker_over(operation);
}

static void on_worker_exited(Container *container _unused_, const siginfo_t *info, void *userdata) {
        if (info->si_code != CLD_EXITED)
                log_info("A worker ended by signal %d.", info->si_status);
        on_worker_over(userdata);
}

static void on_worker_started(Container *container _unused_, void *userdata _unused_) {
}

/* Root's: the ids that files are stored with. What people put there from the host is theirs, and what cannot
 * be named cannot be removed; so for a worker that removes, which executes nothing and opens nothing but
 * directories, the host's ids follow behind. */
static IdMap store_ids(bool removing) {
        IdMap map = id_map_single(0, ID_STORE_BASE, ID_COUNT);

        if (removing)
                map.ranges[map.n_ranges++] = (IdRange){ .inside = ID_COUNT, .outside = 0, .count = ID_STORE_BASE };
        return map;
}

static ContainerSpec worker_spec(const Operation *operation, const char *const *argv, int report_end) {
        const Base *base = operation->host->base;
        const OperationWork *work = operation->work;
        const IdMap store = store_ids(work->removing);
        const char *const *stack = work->removing ? NULL : (const char *const *)work->stack;
        bool root = base_mode(base) == ID_MODE_ROOT;

        return (ContainerSpec){
                .kind = CONTAINER_WORKER,
                .mode = base_mode(base),
                .user_fd = base_user_fd(base),
                .mount_fd = base_mount_fd(base),
                .uids = root ? store : *base_uid_map(base),
                .gids = root ? store : *base_gid_map(base),
                .root = work->staging || stack ? work->staging : operation->distribution->rootfs,
                .stack = stack,
                .shift_root = work->layered && !work->removing, /* it is to see whether layers are possible */
                .slot_base = ID_STORE_BASE,
                .cgroup_fd = -EBADF,
                .network_fd = -EBADF,
                .program_fd = operation->host->worker_fd,
                .argv = argv,
                .fds = { report_end, work->removing ? -EBADF : operation->archive },
        };
}

/* Negative errno: it could not even be forked. */
static int start_worker(Operation *operation, const char *const *argv) {
        static const ContainerEvents events = {
                .started = on_worker_started,
                .failed = on_worker_failed,
                .exited = on_worker_exited,
        };
        OperationWork *work = operation->work;
        _cleanup_close_ int theirs = -EBADF;
        ContainerSpec spec;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        work->report = pair[0];
        theirs = pair[1];
        work->worker_done = false;
        if (fcntl(work->report, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(operation->host->event, &work->report_source, work->report, EPOLLIN, on_report, operation);
        if (r < 0)
                return r;
        spec = worker_spec(operation, argv, theirs);
        return container_start(operation->host->event, &spec, &events, operation, &work->container);
}

void operation_start_removal(Operation *operation) {
        static const char *const argv[] = { "lxss-worker", "remove", NULL };
        OperationWork *work = operation->work;
        int r;

        work->removing = true;
        operation_set_stage(operation, "removing");
        r = start_worker(operation, argv);
        if (r >= 0)
                return;
        log_warning("A worker could not be started: %s", g_strerror(-r));
        stop_worker(work);
        conclude_removal(operation);
}

/* Of which the worker will get the archive, or after which it unpacks the image. */
int operation_start_fetcher(Operation *operation) {
        static const FetcherEvents events = { .reported = on_fetch_reported, .over = on_fetch_over };

        if (streq(operation->fetch->verb, "directory")) {
                fetch_order_add(operation->fetch, id_map_to_text(base_host_uid_map(operation->host->base)));
                fetch_order_add(operation->fetch, id_map_to_text(base_host_gid_map(operation->host->base)));
        }
        /* From now on, whichever of the two programs gets to say something first. */
        if (streq(operation->fetch->verb, "transfer"))
                operation_set_stage(operation, "downloading");
        if (operation->image) {
                operation->fetch->staging = open(operation->work->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (operation->fetch->staging < 0)
                        return -errno;
        }
        operation->work->fetch_wanted = true;
        return fetcher_start(operation->host->event, operation->fetch, &events, operation, &operation->archive,
                             &operation->work->fetcher);
}

/* The image is there. Negative errno: it goes no further, and the reason is kept. */
static int unpack(Operation *operation) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = operation_start_unpacking(operation, &error);

        if (r < 0)
                operation_keep_error(operation, &error);
        return r;
}

int operation_start_worker(Operation *operation, const char *const *argv, sd_bus_error *reterr) {
        int r = start_worker(operation, argv);

        return r < 0 ? error_set(reterr, LXSS_ERROR_FAILED, "A worker could not be started: %s", g_strerror(-r)) : 0;
}

static void on_base(Base *base _unused_, const sd_bus_error *error, void *userdata) {
        Operation *operation = userdata;
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;
        int r = 0;

        if (error)
                r = sd_bus_error_copy(&e, error);
        else if (operation->canceled)
                r = -ECANCELED;
        else
                r = operation_begin(operation, &e);
        if (r == 0)
                return;
        if (sd_bus_error_is_set(&e))
                operation_keep_error(operation, &e);
        stop_worker(operation->work);
        conclude(operation);
}

static int on_start(sd_event_source *source _unused_, void *userdata) {
        Operation *operation = userdata;

        operation->work->start_source = sd_event_source_disable_unref(operation->work->start_source);
        base_get(operation->host->base, on_base, operation);
        return 0;
}

void operation_start(Operation *operation, const char *staging) {
        operation->started = true;
        operation->work->staging = g_strdup(staging);
        operation_set_stage(operation, "preparing");
        /* Without memory for a timer there is none for anything else. */
        if (sd_event_add_defer(operation->host->event, &operation->work->start_source, on_start, operation) < 0)
                abort();
}

bool operation_cancel(Operation *operation) {
        OperationWork *work = operation->work;

        if (work->withdrawn || work->removing || operation->kind == OPERATION_CLEANUP)
                return false;
        operation->canceled = true;
        if (work->container)
                container_kill(work->container);
        else if (work->fetcher)
                fetcher_kill(work->fetcher);
        return true;
}
