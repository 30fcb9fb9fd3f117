/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Members of an image's layer that stand for something that is gone (OCI
 * image-spec, layer.md, "Whiteouts"). Paths are relative to the root directory of
 * this process, which it is locked into. */

typedef enum WhiteoutKind {
        WHITEOUT_NONE,     /* an ordinary member */
        WHITEOUT_NAME,     /* DIRECTORY/.wh.NAME hides DIRECTORY/NAME of the layers below */
        WHITEOUT_OPAQUE,   /* DIRECTORY/.wh..wh..opq hides all that they have in DIRECTORY */
        WHITEOUT_METADATA, /* .wh..wh.*: AUFS's own notes */
        WHITEOUT_INVALID = -EINVAL,
} WhiteoutKind;

WhiteoutKind whiteout_kind(const char *path);

/* Removes what the whiteout at path hides; nothing is no failure. No link on the
 * way is followed. Returns 0 or negative errno with the reason in *reterr. */
int whiteout_apply(const char *path, WorkerReport *reterr);

/* Removes the directory that stands where something else is to be; anything else stays. */
int whiteout_directory(const char *path, WorkerReport *reterr);
