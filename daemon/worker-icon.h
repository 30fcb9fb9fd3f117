/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "daemon/worker-report.h"

/* A distribution's icon in the form that desktops take: PNG or SVG. WSL's are ICO
 * files, of which the largest picture that is a PNG already is taken. */

#define WORKER_ICON_MAX (1024u << 10)

typedef struct WorkerIcon {
        const char *format; /* "png", "svg"; static */
        const unsigned char *bytes; /* within those that were looked at */
        size_t size;
} WorkerIcon;

/* Looks at the bytes, whatever the file is called. Returns 0 or -EBADMSG. */
int worker_icon_find(const unsigned char *bytes, size_t size, WorkerIcon *ret);

/* Puts the icon at `path` of this process's root directory into `directory`, as
 * "icon.png" or "icon.svg". Returns 0 with *ret_format, or negative errno: -EFBIG, -EBADMSG. */
int worker_icon_copy(const char *path, int directory, const char **ret_format);
