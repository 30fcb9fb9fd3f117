/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what a layer takes away from those below it. Both calls come before the
 * layer's own files are written, so that all there is belongs to the layers below. */

#include "daemon/worker-whiteout.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/worker-remove.h"
#include "shared/text.h"

#define PREFIX ".wh."
#define METADATA_PREFIX ".wh..wh."
#define OPAQUE ".wh..wh..opq"

static const char *last_part(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

WhiteoutKind whiteout_kind(const char *path) {
        const char *name = last_part(path);

        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
                return WHITEOUT_NONE;
        if (streq(name, OPAQUE))
                return WHITEOUT_OPAQUE;
        if (strncmp(name, METADATA_PREFIX, strlen(METADATA_PREFIX)) == 0)
                return WHITEOUT_METADATA;
        name += strlen(PREFIX);
        return !*name || streq(name, ".") || streq(name, "..") ? WHITEOUT_INVALID : WHITEOUT_NAME;
}

/* Negative errno: there is no such directory, without a link on the way to it. */
static int open_directory(const char *path, size_t size) {
        struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH,
        };
        _cleanup_free_ char *copy = size > 0 ? strndup(path, size) : strdup(".");
        int fd = copy ? (int)syscall(SYS_openat2, AT_FDCWD, copy, &how, sizeof(how)) : -1;

        return fd < 0 ? -errno : fd;
}

static int removal_failed(const char *path, int error, WorkerReport *reterr) {
        char shown[512];

        text_escape(path, strlen(path), shown, sizeof(shown));
        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "%s of a lower layer cannot be removed: %s.", shown,
                                  strerror(error));
}

/* Where there is no way to it without a link there is nothing to hide, either. */
static bool is_absent(int error) {
        return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

static int remove_name(const char *path, const char *name, bool directories_only, WorkerReport *reterr) {
        const char *last = last_part(path);
        _cleanup_close_ int parent = open_directory(path, last > path ? (size_t)(last - path) - 1 : 0);
        struct stat st;

        if (parent < 0 && !is_absent(parent))
                return removal_failed(path, -parent, reterr);
        if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (S_ISDIR(st.st_mode))
                return worker_remove_directory(parent, name, reterr);
        if (directories_only || unlinkat(parent, name, 0) == 0)
                return 0;
        return removal_failed(path, errno, reterr);
}

static int remove_below(const char *path, WorkerReport *reterr) {
        const char *last = last_part(path);
        _cleanup_close_ int directory = open_directory(path, last > path ? (size_t)(last - path) - 1 : 0);

        if (directory >= 0)
                return worker_remove_below(directory, reterr);
        return is_absent(directory) ? 0 : removal_failed(path, -directory, reterr);
}

int whiteout_apply(const char *path, WorkerReport *reterr) {
        switch (whiteout_kind(path)) {
        case WHITEOUT_NAME:
                return remove_name(path, last_part(path) + strlen(PREFIX), false, reterr);
        case WHITEOUT_OPAQUE:
                return remove_below(path, reterr);
        default:
                return 0;
        }
}

int whiteout_directory(const char *path, WorkerReport *reterr) {
        return remove_name(path, last_part(path), true, reterr);
}
