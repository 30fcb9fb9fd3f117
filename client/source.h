/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* What the SOURCE of `lxctl install` is. Pure. */

typedef enum SourceKind {
        SOURCE_PATH,
        SOURCE_STDIN, /* - */
        SOURCE_LAYOUT,         /* oci:DIRECTORY[:TAG] */
        SOURCE_LAYOUT_ARCHIVE, /* oci-archive:FILE[:TAG] */
        SOURCE_DOCKER_ARCHIVE, /* docker-archive:FILE[:NAME[:TAG]] */
        SOURCE_URI,   /* scheme:…, lxssd knows which it can */
} SourceKind;

SourceKind source_classify(const char *source);

/* Both parts of what follows the scheme of a source that is an image: a path, which has at most so many
 * colons, and after the next one the name of an image, which may be empty. The path is the caller's, NULL on out
 * of memory; *ret_image is borrowed from source. */
char *source_split_image(const char *source, unsigned colons, const char **ret_image);

/* How many colons there are in what follows the scheme. */
unsigned source_count_colons(const char *source);

/* Whether a path that leads nowhere may be a name of the catalogue: one word, that
 * ends like no archive. */
bool source_may_be_name(const char *path);
