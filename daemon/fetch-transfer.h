/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Where an archive's signature is, apart from the URL of one. */
#define TRANSFER_SIGNATURE_NONE ""             /* none is asked for */
#define TRANSFER_SIGNATURE_GIVEN "given"       /* behind a descriptor, ->signature_fd */
#define TRANSFER_SIGNATURE_BESIDE "beside"     /* at ->url with .sig, .asc or .gpg behind it */

typedef struct FetchTransfer {
        const char *url;          /* file, http or https; NULL: ->file is the archive */
        int file;                 /* borrowed, or negative */
        const char *signature;    /* see above */
        int signature_fd, keyring_fd;
        unsigned patience;        /* seconds, see daemon/fetch-http.h */
        int target;
        WorkerProgress *progress;
} FetchTransfer;

/* Writes an archive, as it is, to the target, as far as somebody reads there. Where a
 * signature is asked for it succeeds only if that is good, for all of the archive.
 * Gives up most of its rights: fetch_confine(). Returns 0 or negative errno with the
 * reason in *reterr. */
int fetch_transfer(const FetchTransfer *transfer, WorkerReport *reterr);
