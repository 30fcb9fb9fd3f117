/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss-worker: what lxssd runs inside the distributions' user namespace for an
 * operation. Owns the command line and the order of the steps; each step is a
 * module of its own. It must not know lxssd's objects, paths or settings: the
 * staging directory is always /mnt (for an export, the distribution's root), news
 * goes to descriptor 3, an archive (or the directory of an original) comes from descriptor 4, or goes there. It may be
 * killed at any moment: what it leaves in /mnt is worth nothing until lxssd, having read "done", gives it a name. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "daemon/worker-archive.h"
#include "daemon/worker-bootstrap.h"
#include "daemon/worker-configure.h"
#include "daemon/worker-copy.h"
#include "daemon/worker-extract.h"
#include "daemon/worker-filesystem.h"
#include "daemon/worker-ids.h"
#include "daemon/worker-json.h"
#include "daemon/worker-layout.h"
#include "daemon/worker-remove.h"
#include "daemon/worker-report.h"
#include "daemon/worker-root.h"
#include "daemon/worker-upper.h"

#define REPORT_FD 3
#define SOURCE_FD 4
#define TARGET_FD 4

#define STAGING "/mnt"
#define ROOT STAGING "/rootfs"
#define TEMPORARY STAGING "/tmp"
#define FILESYSTEM STAGING "/filesystem"
#define IMAGE STAGING "/" IMAGE_DIRECTORY "/" IMAGE_LAYOUT /* where fetch-image.c put it */

typedef struct Worker {
        const char *suite;    /* bootstrap */
        WorkerConfigure configure;
        ExtractOrder order;   /* extract, image */
        ArchiveFormat format; /* export */
        IdMap uids, gids;
        WorkerProgress progress;
        WorkerReport *reterr;
} Worker;

static void announce(const char *stage) {
        (void)worker_report_text(REPORT_FD, WORKER_REPORT_STAGE, stage);
}

static int make_directory(Worker *worker, const char *path, mode_t mode) {
        if (mkdir(path, 0700) == 0 && chmod(path, mode) == 0)
                return 0;
        return worker_report_fail(worker->reterr,
                                  errno == ENOSPC || errno == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The staging directory's %s cannot be made: %s.", path, strerror(errno));
}

static int read_ids(Worker *worker) {
        int r = id_map_read("/proc/self/uid_map", &worker->uids);

        if (r == 0)
                r = id_map_read("/proc/self/gid_map", &worker->gids);
        if (r == 0)
                return 0;
        return worker_report_fail(worker->reterr, LXSS_ERROR_FAILED, "The id map in /proc cannot be read: %s.",
                                  strerror(-r));
}

/* Before the root is entered, which this lies outside of. */
static int open_staging(Worker *worker) {
        worker->configure.directory = open(STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (worker->configure.directory >= 0)
                return 0;
        return worker_report_fail(worker->reterr, LXSS_ERROR_FAILED, "The staging directory cannot be opened: %s.",
                                  strerror(errno));
}

static int configure(Worker *worker) {
        worker->configure.report = REPORT_FD;
        worker->configure.single_id = id_map_is_single(&worker->uids) || id_map_is_single(&worker->gids);
        return worker_configure(&worker->configure, worker->reterr);
}

/* What follows the files, whatever made them. The process is locked into the new root. */
static int finish(Worker *worker) {
        char release[WORKER_RELEASE_MAX + 1];
        int r;

        r = worker_verify_root(worker->reterr);
        if (r < 0)
                return r;
        announce("configuring");
        r = configure(worker);
        if (r < 0)
                return r;
        worker_read_release(release);
        if (release[0])
                (void)worker_report_text(REPORT_FD, WORKER_REPORT_RELEASE, release);
        announce("committing");
        return worker_sync_root(worker->reterr);
}

static int enter_new_root(Worker *worker) {
        int r = make_directory(worker, ROOT, 0755);

        return r < 0 ? r : worker_enter_root(ROOT, worker->reterr);
}

static int extract_from(Worker *worker, int tar, const FilesystemAmount *amount) {
        WorkerStream *stream;
        int r = worker_stream_open(tar, false, &stream);

        if (r < 0)
                return worker_report_fail(worker->reterr, LXSS_ERROR_FAILED, "The image cannot be read: %s.",
                                          strerror(-r));
        return worker_extract_filesystem(stream, amount, &worker->order, worker->reterr);
}

/* A file system in a file, which is kept beside the root as long as it is read. */
static int extract_filesystem(Worker *worker, WorkerStream *stream) {
        StreamImage kind = worker_stream_image(stream);
        FilesystemReader reader = FILESYSTEM_READER_NONE;
        FilesystemAmount amount;
        int r;

        worker->progress.end = PROGRESS_KEPT;
        r = filesystem_check(kind, worker->reterr);
        if (r == 0)
                r = filesystem_keep(stream, FILESYSTEM, &worker->progress, worker->reterr);
        if (r == 0)
                r = worker_verify_sha256(stream, worker->order.sha256, worker->reterr);
        if (r == 0)
                r = filesystem_reader_start(kind, FILESYSTEM, &reader, worker->reterr);
        amount = filesystem_measure(kind, FILESYSTEM);
        worker->progress.begin = PROGRESS_KEPT;
        worker->progress.end = 0;
        if (r == 0)
                r = enter_new_root(worker);
        if (r == 0)
                r = extract_from(worker, reader.tar, &amount);
        r = filesystem_reader_finish(&reader, r, worker->reterr);
        if (r == 0)
                (void)unlinkat(worker->configure.directory, "filesystem", 0);
        return r;
}

static int run_extract(Worker *worker) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        int r;

        announce("extracting");
        r = read_ids(worker);
        if (r == 0)
                r = open_staging(worker);
        if (r < 0)
                return r;
        r = worker_stream_open(SOURCE_FD, worker->order.sha256, &stream);
        if (r < 0)
                return worker_report_fail(worker->reterr, LXSS_ERROR_FAILED, "The archive cannot be read: %s.",
                                          strerror(-r));
        if (worker_stream_image(stream))
                r = extract_filesystem(worker, stream);
        else {
                r = enter_new_root(worker);
                if (r == 0)
                        r = worker_extract(steal_pointer(&stream), &worker->order, worker->reterr);
        }
        return r < 0 ? r : finish(worker);
}

static void image_layers_donep(ImageLayers *layers) {
        if (layers->digests)
                image_layers_done(layers);
}

static int run_image(Worker *worker) {
        _cleanup_(image_layers_donep) ImageLayers layers = { .blobs = -EBADF };
        int r;

        worker->progress.begin = PROGRESS_PULLED;
        announce("extracting");
        r = read_ids(worker);
        if (r == 0)
                r = open_staging(worker);
        if (r == 0)
                r = worker_json_load(worker->reterr);
        if (r == 0)
                r = worker_layout_open(IMAGE, &layers, worker->reterr);
        if (r == 0)
                r = make_directory(worker, ROOT, 0755);
        if (r == 0)
                r = worker_enter_root(ROOT, worker->reterr);
        if (r == 0)
                r = worker_extract_layers(&layers, &worker->order, worker->reterr);
        if (r == 0)
                r = worker_remove_directory(worker->configure.directory, IMAGE_DIRECTORY, worker->reterr);
        return r < 0 ? r : finish(worker);
}

static int remove_temporary(Worker *worker) {
        _cleanup_close_ int staging = open(STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return worker_remove_directory(staging, "tmp", worker->reterr);
}

static int run_bootstrap(Worker *worker) {
        int r;

        announce("bootstrapping");
        r = read_ids(worker);
        if (r == 0)
                r = worker_bootstrap_check(worker->suite, &worker->uids, &worker->gids, worker->reterr);
        if (r == 0)
                r = make_directory(worker, ROOT, 0755);
        /* apt's own user writes there too. */
        if (r == 0)
                r = make_directory(worker, TEMPORARY, 01777);
        if (r == 0)
                r = worker_bootstrap(worker->suite, ROOT, TEMPORARY, &worker->progress, worker->reterr);
        if (r == 0)
                r = remove_temporary(worker);
        if (r == 0)
                r = open_staging(worker);
        if (r == 0)
                r = worker_enter_root(ROOT, worker->reterr);
        return r < 0 ? r : finish(worker);
}

static int run_remove(Worker *worker) {
        _cleanup_close_ int staging = -EBADF;

        announce("removing");
        staging = open(STAGING, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return worker_remove_below(staging, worker->reterr);
}

/* The user is the one that the original has. */
static int run_clone(Worker *worker) {
        int r;

        announce("cloning");
        r = make_directory(worker, ROOT, 0755);
        if (r == 0)
                r = worker_enter_root(ROOT, worker->reterr);
        if (r == 0)
                r = worker_copy(SOURCE_FD, &worker->progress, worker->reterr);
        if (r == 0)
                r = worker_verify_root(worker->reterr);
        if (r < 0)
                return r;
        announce("committing");
        return worker_sync_root(worker->reterr);
}

static int run_export(Worker *worker) {
        int r;

        announce("exporting");
        r = worker_enter_root(STAGING, worker->reterr);
        return r < 0 ? r : worker_archive(TARGET_FD, worker->format, NULL, &worker->progress, worker->reterr);
}

static void layer_writer_freep(LayerWriter **writer) {
        layer_writer_free(*writer);
}

/* The default of the image's own user, who is root. */
static const char *find_shell(void) {
        struct stat st;

        return stat("/bin/bash", &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) ? "/bin/bash" : "/bin/sh";
}

static int run_layer(Worker *worker) {
        _cleanup_(layer_writer_freep) LayerWriter *writer = layer_writer_new(TARGET_FD);
        char text[256];
        int r;

        if (!writer)
                return worker_report_fail(worker->reterr, LXSS_ERROR_FAILED, "Out of memory.");
        announce("exporting");
        r = worker_enter_root(STAGING, worker->reterr);
        if (r == 0)
                r = worker_archive_layer(TARGET_FD, writer, &worker->progress, worker->reterr);
        if (r < 0)
                return r;
        (void)snprintf(text, sizeof(text), "%" PRIu64 " %s %s %s", layer_writer_size(writer),
                       layer_writer_digest(writer), layer_writer_diff_id(writer), find_shell());
        (void)worker_report_text(REPORT_FD, WORKER_REPORT_LAYER, text);
        return 0;
}

/* For the distribution that is being frozen, and for a clone of it. The root directory is the one at descriptor 4. */
static int make_uppers(Worker *worker, bool both) {
        int r;

        announce("preparing");
        r = worker_upper_check(STAGING, worker->reterr);
        if (r == 0)
                r = worker_upper_make(STAGING, SOURCE_FD, worker->reterr);
        if (r == 0 && both)
                r = worker_upper_make(STAGING "/original", SOURCE_FD, worker->reterr);
        return r < 0 ? r : worker_upper_sync(STAGING, worker->reterr);
}

static int run_upper(Worker *worker) {
        return make_uppers(worker, false);
}

static int run_uppers(Worker *worker) {
        return make_uppers(worker, true);
}

static const struct {
        const char *name;
        bool takes_suite, takes_format, takes_user, takes_source;
        int (*run)(Worker *worker);
} verbs[] = {
        { "extract", false, false, true, true, run_extract },
        { "image", false, false, true, true, run_image },
        { "bootstrap", true, false, true, false, run_bootstrap },
        { "clone", false, false, false, false, run_clone },
        { "export", false, true, false, false, run_export },
        { "layer", false, false, false, false, run_layer },
        { "remove", false, false, false, false, run_remove },
        { "upper", false, false, false, false, run_upper },
        { "uppers", false, false, false, false, run_uppers },
};

/* [--user NAME | --given-user NAME] [--without-oobe]; returns what is left. */
static char **take_configuration(WorkerConfigure *ret, char **argv) {
        if (argv[0] && (streq(argv[0], "--user") || streq(argv[0], "--given-user")) && argv[1]) {
                ret->user_given = streq(argv[0], "--given-user");
                ret->user = argv[1];
                argv += 2;
        }
        if (argv[0] && streq(argv[0], "--without-oobe")) {
                ret->without_oobe = true;
                argv++;
        }
        return argv;
}

/* [--sha256 DIGITS] [--max-size BYTES]; returns what is left. */
static char **take_source(ExtractOrder *ret, char **argv) {
        if (argv[0] && streq(argv[0], "--sha256") && argv[1]) {
                ret->sha256 = argv[1];
                argv += 2;
        }
        if (argv[0] && streq(argv[0], "--max-size") && argv[1]) {
                ret->max_size = strtoull(argv[1], NULL, 10);
                argv += 2;
        }
        return argv;
}

/* VERB [SUITE | FORMAT] [configuration] [source]. Only lxssd writes this line, so there is no getopt here. */
static int run(Worker *worker, char **argv) {
        const char *name = argv[0] ? *argv++ : "";

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (!streq(name, verbs[i].name))
                        continue;
                worker->format = ARCHIVE_FORMAT_INVALID;
                if (verbs[i].takes_suite && *argv)
                        worker->suite = *argv++;
                if (verbs[i].takes_format && *argv)
                        worker->format = archive_format_from_string(*argv++);
                if (verbs[i].takes_user)
                        argv = take_configuration(&worker->configure, argv);
                if (verbs[i].takes_source)
                        argv = take_source(&worker->order, argv);
                if (*argv || (verbs[i].takes_suite && !worker->suite) || (verbs[i].takes_format && worker->format < 0))
                        break;
                return verbs[i].run(worker);
        }
        return worker_report_fail(
                        worker->reterr, LXSS_ERROR_INVALID_ARGUMENT,
                        "lxss-worker is started by lxssd: extract [--user NAME] [--without-oobe] [--sha256 DIGITS] "
                        "[--max-size BYTES], image [--user NAME] [--max-size BYTES], bootstrap SUITE [--user NAME], "
                        "clone, "
                        "export FORMAT, layer, upper, uppers, or remove.");
}

int main(int argc, char **argv) {
        WorkerReport report = { .kind = WORKER_REPORT_DONE };
        Worker worker = { .progress = { .fd = REPORT_FD }, .configure = { .directory = -EBADF },
                          .reterr = &report };
        int r;

        worker.order = (ExtractOrder){ .uids = &worker.uids, .gids = &worker.gids, .progress = &worker.progress };
        (void)prctl(PR_SET_NAME, "lxss-worker"); /* executed by descriptor, it has none that says anything */
        r = run(&worker, argv + (argc > 0));
        if (r == 0)
                report = (WorkerReport) { .kind = WORKER_REPORT_DONE };
        if (r < 0)
                (void)fprintf(stderr, "lxss-worker: %s\n", report.text);
        if (worker_report_send(REPORT_FD, &report) < 0)
                r = -EPIPE;
        /* Not exit(3): what libraries do there would look for files, and "/" is foreign by now. */
        _exit(r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
