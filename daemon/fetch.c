/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss-fetch: gets what is to be installed from where the user may and a worker
 * may not go, and writes it as an archive for lxss-worker to unpack. It runs as the
 * user, in none of the distributions' namespaces, and a distribution comes only of
 * what both of them call done. Owns the command line; each kind of source is a
 * module of its own. Descriptors: see daemon/fetch.h. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/fetch-catalogue.h"
#include "daemon/fetch-directory.h"
#include "daemon/fetch-image.h"
#include "daemon/fetch-transfer.h"
#include "daemon/fetch.h"
#include "daemon/parent-death.h"
#include "daemon/worker-report.h"

/* directory UID-MAP GID-MAP: the maps of the worker, in the form of /proc/PID/uid_map. */
static int run_directory(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        OwnerMap owners;
        int r;

        r = owner_map_read(FETCH_SOURCE_FD, words[0], words[1], &owners);
        if (r < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The directory's owner is not known: %s.",
                                          strerror(-r));
        return fetch_directory(FETCH_SOURCE_FD, &owners, FETCH_OUTPUT_FD, progress, reterr);
}

static int transfer(const char *url, const char *signature, const char *patience, WorkerProgress *progress,
                    WorkerReport *reterr) {
        const FetchTransfer order = {
                .url = url,
                .file = url ? -EBADF : FETCH_SOURCE_FD,
                .signature = signature,
                .signature_fd = FETCH_SIGNATURE_FD,
                .keyring_fd = FETCH_KEYRING_FD,
                .patience = (unsigned)atoi(patience),
                .target = FETCH_OUTPUT_FD,
                .progress = progress,
        };

        return fetch_transfer(&order, reterr);
}

/* transfer URL SIGNATURE PATIENCE, which are seconds. */
static int run_transfer(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        return transfer(words[0], words[1], words[2], progress, reterr);
}

/* archive SIGNATURE PATIENCE: one that a descriptor stands for. */
static int run_archive(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        return transfer(NULL, words[0], words[1], progress, reterr);
}

/* catalogue URLS PATIENCE. What comes out is no archive. */
static int run_catalogue(const char *const *words, WorkerProgress *progress _unused_, WorkerReport *reterr) {
        return fetch_catalogue(words[0], (unsigned)atoi(words[1]), FETCH_OUTPUT_FD, reterr);
}

/* image TRANSPORT REFERENCE MAX-SIZE: see fetch-image.h. Nothing goes into the pipe. */
static int run_image(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        const FetchImage order = {
                .transport = words[0],
                .reference = words[1],
                .max_size = strtoull(words[2], NULL, 10),
                .source = FETCH_SOURCE_FD,
                .staging = FETCH_STAGING_FD,
                .progress = progress,
        };

        progress->end = PROGRESS_PULLED;
        (void)worker_report_text(progress->fd, WORKER_REPORT_STAGE, "pulling");
        return fetch_image(&order, reterr);
}

static const struct {
        const char *name;
        int n_words;
        int (*run)(const char *const *words, WorkerProgress *progress, WorkerReport *reterr);
} verbs[] = {
        { "archive", 2, run_archive },
        { "catalogue", 2, run_catalogue },
        { "directory", 2, run_directory },
        { "image", 3, run_image },
        { "transfer", 3, run_transfer },
};

static int run(int argc, const char *const *argv, WorkerReport *reterr) {
        WorkerProgress progress = { .fd = FETCH_REPORT_FD };

        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].name) && argc == 2 + verbs[i].n_words)
                        return verbs[i].run(argv + 2, &progress, reterr);
        return worker_report_fail(
                        reterr, LXSS_ERROR_INVALID_ARGUMENT,
                        "lxss-fetch is started by lxssd: directory UID-MAP GID-MAP, transfer URL SIGNATURE PATIENCE, "
                        "archive SIGNATURE PATIENCE, image TRANSPORT REFERENCE MAX-SIZE, or catalogue URLS PATIENCE.");
}

/* Then a failure of no particular kind is that, and not for us to say. */
static bool reader_is_gone(void) {
        struct pollfd archive = { .fd = FETCH_OUTPUT_FD };

        return poll(&archive, 1, 0) > 0 && archive.revents & POLLERR;
}

int main(int argc, char **argv) {
        WorkerReport report;
        int r;

        (void)signal(SIGPIPE, SIG_IGN); /* the error says it */
        for (int fd = FETCH_REPORT_FD; fd <= FETCH_LXSSD_FD; fd++)
                (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* not for the tools that it starts */
        parent_death_arm(FETCH_LXSSD_FD);
        r = run(argc, (const char *const *)argv, &report);
        if (r < 0 && report.error == LXSS_ERROR_FAILED && reader_is_gone())
                return EXIT_FAILURE;
        if (r == 0)
                report = (WorkerReport){ .kind = WORKER_REPORT_DONE };
        else
                (void)fprintf(stderr, "lxss-fetch: %s\n", report.text);
        /* Before the archive's end shows, so that nobody takes what is missing for the trouble itself. */
        if (worker_report_send(FETCH_REPORT_FD, &report) < 0)
                r = -EPIPE;
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
