/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "shared/archive-format.h"

#include <string.h>
#include <strings.h>

#include "shared/util.h"

static const char *const names[ARCHIVE_FORMAT_KINDS] = {
        [ARCHIVE_FORMAT_PLAIN_TAR] = "tar",    [ARCHIVE_FORMAT_TAR_GZ] = "tar.gz",   [ARCHIVE_FORMAT_TAR_BZ2] = "tar.bz2",
        [ARCHIVE_FORMAT_TAR_XZ] = "tar.xz",    [ARCHIVE_FORMAT_TAR_ZST] = "tar.zst", [ARCHIVE_FORMAT_TAR_LZ4] = "tar.lz4",
};

const char *archive_format_to_string(ArchiveFormat format) {
        return format >= 0 && format < ARCHIVE_FORMAT_KINDS ? names[format] : NULL;
}

ArchiveFormat archive_format_from_string(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i], name))
                        return i;
        return ARCHIVE_FORMAT_INVALID;
}

static bool ends_with(const char *file, const char *ending) {
        size_t n = strlen(file), m = strlen(ending);

        return n > m + 1 && file[n - m - 1] == '.' && strcasecmp(file + n - m, ending) == 0;
}

ArchiveFormat archive_format_from_file_name(const char *file) {
        static const struct {
                const char *ending;
                ArchiveFormat format;
        } others[] = {
                { "tgz", ARCHIVE_FORMAT_TAR_GZ },   { "wsl", ARCHIVE_FORMAT_TAR_GZ },  { "tbz", ARCHIVE_FORMAT_TAR_BZ2 },
                { "tbz2", ARCHIVE_FORMAT_TAR_BZ2 }, { "txz", ARCHIVE_FORMAT_TAR_XZ },  { "tzst", ARCHIVE_FORMAT_TAR_ZST },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (ends_with(file, names[i]))
                        return i;
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (ends_with(file, others[i].ending))
                        return others[i].format;
        return ARCHIVE_FORMAT_INVALID;
}
