/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kinds of archive that a distribution can be exported as. */

#include <errno.h>

typedef enum ArchiveFormat {
        ARCHIVE_FORMAT_PLAIN_TAR,
        ARCHIVE_FORMAT_TAR_GZ,
        ARCHIVE_FORMAT_TAR_BZ2,
        ARCHIVE_FORMAT_TAR_XZ,
        ARCHIVE_FORMAT_TAR_ZST,
        ARCHIVE_FORMAT_TAR_LZ4,
        ARCHIVE_FORMAT_KINDS,
        ARCHIVE_FORMAT_INVALID = -EINVAL,
} ArchiveFormat;

/* All names with commas between them, for messages. */
#define ARCHIVE_FORMAT_NAMES "tar, tar.gz, tar.bz2, tar.xz, tar.zst, tar.lz4"

/* "tar.gz"; static. NULL where there is no such format. */
const char *archive_format_to_string(ArchiveFormat format);

/* ARCHIVE_FORMAT_INVALID where it is none of the names. */
ArchiveFormat archive_format_from_string(const char *name);

/* By how the name of a file ends, whatever its case: a format's name, or tgz, tbz,
 * tbz2, txz, tzst, wsl (which is a tar.gz). ARCHIVE_FORMAT_INVALID where it ends otherwise. */
ArchiveFormat archive_format_from_file_name(const char *file);
