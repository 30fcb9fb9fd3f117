/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rule for directories that sockets, locks and distributions lie in. */

#include "daemon/directory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int directory_make_private(const char *path, sd_bus_error *reterr) {
        struct stat st;

        if (g_mkdir_with_parents(path, 0700) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot make %s: %s", path, g_strerror(errno));
        if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
                return error_set(reterr, LXSS_ERROR_ACCESS_DENIED,
                                 "%s must be a directory of your own that nobody else can write to.", path);
        return 0;
}
