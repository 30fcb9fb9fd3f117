/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns reading and replacing files in a foreign /etc. It must not know what they
 * say. They come from an archive: each may be a FIFO, a device, a link or ten
 * gigabytes of nothing, so they are opened without following or blocking, and
 * with a bound; and what replaces them is complete on disk before it takes their name. */

#include "daemon/worker-etc.h"

#include <stdio.h>

/* A user database of 20,000 users is smaller. */
#define ETC_FILE_MAX (1024 * 1024)

#define TEMPORARY_NAME ".lxss-new"

static const struct stat root_file = { .st_mode = S_IFREG | 0644 };

void etc_file_done(EtcFile *file) {
        free(file->text);
        file->text = NULL;
}

/* A directory cannot be swapped meanwhile: nothing runs in the distribution yet. */
int etc_file_load(int etc, const char *name, EtcFile *ret, WorkerReport *reterr) {
        _cleanup_free_ char *text = NULL;
        EtcFile file = { .name = name, .st = root_file };
        size_t size;
        int r;

        r = read_regular_file(etc, name, ETC_FILE_MAX, &text, &size);
        if (r == 0 && memchr(text, '\0', size))
                r = -EINVAL;
        if (r == 0 && fstatat(etc, name, &file.st, AT_SYMLINK_NOFOLLOW) < 0)
                r = -errno;
        if (r < 0 && r != -ENOENT)
                return worker_report_fail(reterr, LXSS_ERROR_NOT_A_DISTRIBUTION,
                                          "The distribution's /etc/%s is not a text file of at most 1 MiB (%s).", name,
                                          strerror(-r));
        if (r == 0)
                file.text = steal_pointer(&text);
        *ret = file;
        return 0;
}

static int write_temporary(int etc, const struct stat *like, const char *text) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (unlinkat(etc, TEMPORARY_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(etc, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (r < 0)
                return r;
        if (fchown(fd, like->st_uid, like->st_gid) < 0 || fchmod(fd, like->st_mode & 07777) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

static int replace(int etc, const char *name, const struct stat *like, const char *text, WorkerReport *reterr) {
        int r = write_temporary(etc, like, text);

        if (r == 0 && renameat(etc, TEMPORARY_NAME, etc, name) < 0)
                r = -errno;
        if (r == 0)
                return 0;
        return worker_report_fail(reterr, r == -ENOSPC || r == -EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "%s in the distribution's /etc cannot be written: %s.", name, strerror(-r));
}

int etc_file_store(int etc, EtcFile *file, char *text, WorkerReport *reterr) {
        int r;

        if (!text)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "Out of memory.");
        free(file->text);
        file->text = text;
        r = replace(etc, file->name, &file->st, text, reterr);
        return r;
}

int etc_file_write(int etc, const char *name, mode_t mode, const char *text, WorkerReport *reterr) {
        struct stat like = root_file;

        like.st_mode = S_IFREG | mode;
        return replace(etc, name, &like, text, reterr);
}
