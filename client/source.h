/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the SOURCE of `lxctl install` is. Pure. */

typedef enum SourceKind {
        SOURCE_PATH,
        SOURCE_STDIN, /* - */
        SOURCE_URI,   /* scheme:…, lxssd knows which it can */
} SourceKind;

SourceKind source_classify(const char *source);

/* A distribution's name from an archive's: without directories and the endings
 * of archives. Owned by the caller; NULL on out of memory. May be empty or not a
 * valid name, which lxssd then says. */
char *source_default_name(const char *path);
