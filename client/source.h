/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the SOURCE of `lxctl install` is. Pure. */

typedef enum SourceKind {
        SOURCE_PATH,
        SOURCE_STDIN, /* - */
        SOURCE_URI,   /* scheme:…, lxssd knows which it can */
} SourceKind;

SourceKind source_classify(const char *source);
