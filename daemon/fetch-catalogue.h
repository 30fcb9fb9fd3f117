/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Writes what the catalogues behind these URLs (with blanks between them) have for
 * this machine to target, one after the other, as catalogue_encode() has it. Gives up most of its rights:
 * fetch_confine(). Returns 0 or negative errno with the reason in *reterr. */
int fetch_catalogue(const char *urls, unsigned patience, int target, WorkerReport *reterr);
