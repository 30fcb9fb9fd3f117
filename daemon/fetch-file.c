/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what is at hand already: file:// URLs (RFC 8089) and descriptors. */

#include "daemon/fetch-file.h"

#include <glib.h>
#include <sys/stat.h>

#define BLOCK_SIZE (256 * 1024)

bool fetch_file_is_url(const char *url) {
        return g_ascii_strncasecmp(url, "file://", strlen("file://")) == 0;
}

static int open_regular(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        return steal_fd(&fd);
}

int fetch_file_open(const char *url, WorkerReport *reterr) {
        g_autofree char *host = NULL, *path = NULL;
        int fd;

        path = g_filename_from_uri(url, &host, NULL);
        if (!path || (host && !streq(host, "localhost")))
                return worker_report_fail(
                                reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                "%s names no file of this machine. Such a URL looks like file:///srv/debian.tar.",
                                url);
        fd = open_regular(path);
        if (fd >= 0)
                return fd;
        return worker_report_fail(reterr, fd == -ENOENT ? LXSS_ERROR_NO_SUCH_SOURCE : LXSS_ERROR_FAILED,
                                  "The archive %s cannot be read: %s.", path,
                                  fd == -EINVAL ? "it is no file" : strerror(-fd));
}

int fetch_file_copy(int file, WorkerProgress *progress, int (*take)(const void *bytes, size_t n, void *userdata),
                    void *userdata, WorkerReport *reterr) {
        g_autofree char *block = g_malloc(BLOCK_SIZE);
        uint64_t done = 0;
        struct stat st;

        if (fstat(file, &st) < 0)
                st.st_size = 0;
        for (;;) {
                ssize_t n = read_up_to(file, block, BLOCK_SIZE);
                int r;

                if (n < 0)
                        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The archive cannot be read: %s.",
                                                  strerror((int)-n));
                if (n == 0)
                        return 0;
                r = take(block, (size_t)n, userdata);
                if (r < 0)
                        return r;
                done += (uint64_t)n;
                if (progress)
                        worker_progress_update_part(progress, done, (uint64_t)st.st_size);
        }
}
