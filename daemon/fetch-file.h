/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

bool fetch_file_is_url(const char *url);

/* Opens the regular file behind a file:// URL of this machine, without blocking
 * on anything else. Returns the descriptor or negative errno with the reason in *reterr. */
int fetch_file_open(const char *url, WorkerReport *reterr);

/* Gives all of a file to take(), whose negative errno ends it and is returned
 * (progress may be NULL). Otherwise 0, or negative errno with the reason in *reterr. */
int fetch_file_copy(int file, WorkerProgress *progress, int (*take)(const void *bytes, size_t n, void *userdata),
                    void *userdata, WorkerReport *reterr);
