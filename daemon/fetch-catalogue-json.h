/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/catalogue.h"
#include "daemon/worker-report.h"

/* Of one catalogue. */
#define CATALOGUE_JSON_MAX (4 * 1024 * 1024)

/* Adds what a DistributionInfo.json, as it is published for WSL, has for machine
 * (uname(2)'s word). url is where it came from. The bytes are hostile. Returns 0 or
 * negative errno with the reason in *reterr. */
int catalogue_read_json(Catalogue *catalogue, const char *bytes, size_t size, const char *machine, const char *url,
                        WorkerReport *reterr);
