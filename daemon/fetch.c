/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss-fetch: gets what is to be installed from where the user may and a worker
 * may not go, and writes it as an archive for lxss-worker to unpack. It runs as the
 * user, in none of the distributions' namespaces, and a distribution comes only of
 * what both of them call done. Owns the command line; each kind of source is a
 * module of its own. Descriptors: see daemon/fetch.h. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/fetch-directory.h"
#include "daemon/fetch-image.h"
#include "daemon/fetch.h"
#include "daemon/parent-death.h"
#include "daemon/worker-report.h"

/* directory UID-MAP GID-MAP: the maps of the worker, in the form of /proc/PID/uid_map. */
static int run_directory(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        OwnerMap owners;
        int r;

        r = owner_map_read(FETCH_DIRECTORY_FD, words[0], words[1], &owners);
        if (r < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The directory's owner is not known: %s.", strerror(-r));
        return fetch_directory(FETCH_DIRECTORY_FD, &owners, FETCH_ARCHIVE_FD, progress, reterr);
}

/* image TRANSPORT REFERENCE: see fetch-image.h. Nothing goes into the pipe. */
static int run_image(const char *const *words, WorkerProgress *progress, WorkerReport *reterr) {
        (void)worker_report_text(progress->fd, WORKER_REPORT_STAGE, "pulling");
        return fetch_image(words[0], words[1], FETCH_DIRECTORY_FD, FETCH_STAGING_FD, reterr);
}

static const struct {
        const char *name;
        int n_words;
        int (*run)(const char *const *words, WorkerProgress *progress, WorkerReport *reterr);
} verbs[] = {
        { "directory", 2, run_directory },
        { "image", 2, run_image },
};

static int run(int argc, const char *const *argv, WorkerReport *reterr) {
        WorkerProgress progress = { .fd = FETCH_REPORT_FD };

        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (streq(argv[1], verbs[i].name) && argc == 2 + verbs[i].n_words)
                        return verbs[i].run(argv + 2, &progress, reterr);
        return worker_report_fail(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                  "lxss-fetch is started by lxssd: directory UID-MAP GID-MAP, or image TRANSPORT REFERENCE.");
}

/* Then it is not for us to say what the trouble is. */
static bool reader_is_gone(void) {
        struct pollfd archive = { .fd = FETCH_ARCHIVE_FD };

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
        if (r < 0 && reader_is_gone())
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
