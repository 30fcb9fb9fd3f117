/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the measuring of images while skopeo gets them, which says nothing of it itself. */

#include "daemon/fetch-image-size.h"

#include <dirent.h>
#include <sys/stat.h>

#include "daemon/fetch-skopeo.h"
#include "daemon/worker-layout.h"

/* A layout has three; what is deeper is not skopeo's, and is not followed. */
#define DEPTH_MAX 8

#define TAR_MAGIC_OFFSET 257

static void closedirp(DIR **dir) {
        if (*dir)
                (void)closedir(*dir);
}

/* Takes fd over. */
static uint64_t sum(int fd, unsigned depth) {
        _cleanup_(closedirp) DIR *dir = fdopendir(fd);
        uint64_t n = 0;

        if (!dir)
                closep(&fd);
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
                struct stat st;

                if (streq(entry->d_name, ".") || streq(entry->d_name, "..") ||
                    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (S_ISREG(st.st_mode))
                        n += (uint64_t)st.st_size;
                else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
                        n += sum(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                                 depth + 1);
        }
        return n;
}

uint64_t image_size_now(int directory) {
        return sum(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
}

/* One that is compressed grows, nobody knows by how much. An OCI archive is tidied, unpacked and copied. */
uint64_t image_size_of_archive(const char *transport, int archive) {
        char magic[5] = "";
        struct stat st;

        if (fstat(archive, &st) < 0 || pread(archive, magic, sizeof(magic), TAR_MAGIC_OFFSET) != sizeof(magic) ||
            memcmp(magic, "ustar", sizeof(magic)) != 0)
                return 0;
        return streq(transport, IMAGE_LAYOUT_ARCHIVE) ? 3 * (uint64_t)st.st_size : (uint64_t)st.st_size;
}

uint64_t image_size_of_manifest(const char *text, size_t size) {
        ImageLayers layers = { .blobs = -EBADF, .digests = g_ptr_array_new_with_free_func(g_free) };
        WorkerReport report;
        uint64_t n = worker_layout_parse_manifest(text, size, &layers, &report) < 0 ? 0 : layers.n_bytes;

        image_layers_done(&layers);
        return n;
}
