/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/error.h"

/* Makes a directory, and its parents, for nobody but the user (0700). One that is
 * there already must be the user's own and writable for nobody else (SECURITY.md,
 * A35). Returns 0 or negative errno with *reterr set. */
int directory_make_private(const char *path, sd_bus_error *reterr);
