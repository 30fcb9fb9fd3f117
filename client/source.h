/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* What the SOURCE of `lxctl install` is. Pure. */

typedef enum SourceKind {
        SOURCE_PATH,
        SOURCE_STDIN, /* - */
        SOURCE_URI,   /* scheme:…, lxssd knows which it can */
} SourceKind;

SourceKind source_classify(const char *source);

/* Whether a path that leads nowhere may be a name of the catalogue: one word, that
 * ends like no archive. */
bool source_may_be_name(const char *path);
