/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns a directory of the host as a source. */

#include "daemon/fetch-directory.h"

#include "daemon/worker-archive.h"

int fetch_directory(int directory, const OwnerMap *owners, int target, WorkerProgress *progress, WorkerReport *reterr) {
        if (fchdir(directory) < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The directory cannot be entered: %s.",
                                          strerror(errno));
        return worker_archive(target, ARCHIVE_FORMAT_PLAIN_TAR, owners, progress, reterr);
}
