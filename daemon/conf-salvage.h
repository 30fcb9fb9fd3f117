/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/error.h"

/* What can still be read of a damaged key file: each line that makes sense by itself,
 * comments too, below the last group whose header does. Never NULL; g_key_file_unref() it. */
GKeyFile *conf_salvage(const char *data, size_t size);

/* The same from a file, which may be missing, and gets another name as well, so that it
 * is kept when a new one takes its place. *ret_aside: that name, or empty; g_free() it. */
int conf_set_aside(const char *path, GKeyFile **ret, char **ret_aside, sd_bus_error *reterr);
