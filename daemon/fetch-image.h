/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Gets an image with skopeo(1) and leaves it as an OCI image layout in the staging
 * directory (IMAGE_DIRECTORY in worker-report.h). transport: see fetch-skopeo.h;
 * for all but a registry `source` is the directory or file. Returns 0 or negative
 * errno with the reason in *reterr. */
int fetch_image(const char *transport, const char *reference, int source, int staging, WorkerReport *reterr);
