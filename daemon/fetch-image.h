/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

typedef struct FetchImage {
        const char *transport; /* see fetch-skopeo.h */
        const char *reference; /* of a registry's image; else which one, may be empty */
        uint64_t max_size;     /* see worker_limit_check() */
        int source;            /* the directory or file, for all but a registry */
        int staging;           /* where it goes */
        WorkerProgress *progress;
} FetchImage;

/* Gets an image with skopeo(1) and leaves it as an OCI image layout in the staging
 * directory (IMAGE_DIRECTORY in worker-report.h). Returns 0 or negative errno with
 * the reason in *reterr. */
int fetch_image(const FetchImage *order, WorkerReport *reterr);
