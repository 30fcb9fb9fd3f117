/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what skopeo gets to see of an archive of an image. An OCI archive it unpacks as what runs it, and is led out of
 * its directory by the links in it (1.9), so nothing comes to it but plain files with the names that a layout has.
 * What else is in there is left out: docker save, for one, has its own lists beside a layout. A docker archive that is
 * compressed it would keep uncompressed, which it says it does and (1.9) does not. */

#include "daemon/fetch-image-archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#include "daemon/worker-stream.h"
#include "shared/util.h"

#define BLOBS "blobs/sha256/"
#define DIGEST_LENGTH 64

typedef struct Tidying {
        WorkerStream *stream;
        struct archive *reader, *writer;
} Tidying;

static void tidying_done(Tidying *t) {
        (void)archive_read_free(t->reader);
        (void)archive_write_free(t->writer);
        worker_stream_free(t->stream);
}

static int failed(struct archive *archive) {
        int error = archive_errno(archive);

        (void)fprintf(stderr, "%s\n", archive_error_string(archive) ?: "no details");
        return error > 0 && error < 4096 ? -error : -EBADMSG;
}

static la_ssize_t on_read(struct archive *reader, void *userdata, const void **ret) {
        Tidying *t = userdata;
        ssize_t n = worker_stream_read(t->stream, ret);

        if (n < 0)
                archive_set_error(reader, (int)-n, "%s", worker_stream_trouble(t->stream));
        return n;
}

static bool is_digest(const char *name) {
        return strlen(name) == DIGEST_LENGTH && strspn(name, "0123456789abcdef") == DIGEST_LENGTH;
}

static bool is_wanted(struct archive_entry *entry) {
        const char *path = archive_entry_pathname(entry);

        if (!path || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
            !archive_entry_size_is_set(entry))
                return false;
        if (strncmp(path, "./", 2) == 0)
                path += 2;
        return streq(path, "oci-layout") || streq(path, "index.json") ||
               (strncmp(path, BLOBS, strlen(BLOBS)) == 0 && is_digest(path + strlen(BLOBS)));
}

static int copy_data(Tidying *t) {
        for (;;) {
                const void *block;
                int64_t offset;
                size_t size;
                int r;

                r = archive_read_data_block(t->reader, &block, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return archive_write_finish_entry(t->writer) == ARCHIVE_OK ? 0 : failed(t->writer);
                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return failed(t->reader);
                if (archive_write_data(t->writer, block, size) < 0)
                        return failed(t->writer);
        }
}

static void archive_entry_freep(struct archive_entry **entry) {
        archive_entry_free(*entry);
}

/* Of the member's header nothing is kept but its name and its size. */
static int write_header(Tidying *t, const char *path, unsigned type, int64_t size) {
        _cleanup_(archive_entry_freep) struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, path);
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, type == AE_IFDIR ? 0700 : 0600);
        archive_entry_set_size(entry, size);
        return archive_write_header(t->writer, entry) == ARCHIVE_OK ? 0 : failed(t->writer);
}

static int copy_members(Tidying *t) {
        struct archive_entry *entry;
        int r;

        while ((r = archive_read_next_header(t->reader, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
                if (!is_wanted(entry))
                        continue;
                r = write_header(t, archive_entry_pathname(entry), AE_IFREG, archive_entry_size(entry));
                if (r == 0)
                        r = copy_data(t);
                if (r < 0)
                        return r;
        }
        return r == ARCHIVE_EOF ? 0 : failed(t->reader);
}

static int say(const char *text, int r) {
        (void)fprintf(stderr, "%s\n", text);
        return r;
}

static int open_all(Tidying *t, int archive, const char *target) {
        int r = worker_stream_open(archive, false, &t->stream);

        if (r < 0)
                return say(strerror(-r), r);
        t->reader = archive_read_new();
        t->writer = archive_write_new();
        if (!t->reader || !t->writer)
                return -ENOMEM;
        if (archive_write_set_format_pax_restricted(t->writer) != ARCHIVE_OK ||
            archive_write_open_filename(t->writer, target) != ARCHIVE_OK)
                return failed(t->writer);
        if (archive_read_support_format_tar(t->reader) != ARCHIVE_OK ||
            archive_read_open(t->reader, t, NULL, on_read, NULL) != ARCHIVE_OK)
                return failed(t->reader);
        return 0;
}

int image_archive_tidy(int archive, const char *target) {
        _cleanup_(tidying_done) Tidying t = { 0 };
        int r;

        r = open_all(&t, archive, target);
        if (r == 0)
                r = write_header(&t, "blobs", AE_IFDIR, 0);
        if (r == 0)
                r = write_header(&t, "blobs/sha256", AE_IFDIR, 0);
        if (r == 0)
                r = copy_members(&t);
        return r == 0 && archive_write_close(t.writer) != ARCHIVE_OK ? failed(t.writer) : r;
}

int image_archive_decompress(int archive, const char *target) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        _cleanup_close_ int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        const void *block;
        ssize_t n;
        int r = fd < 0 ? -errno : worker_stream_open(archive, false, &stream);

        while (r == 0 && (n = worker_stream_read(stream, &block)) != 0) {
                if (n < 0)
                        return say(worker_stream_trouble(stream), (int)n);
                r = write_all(fd, block, (size_t)n);
        }
        return r < 0 ? say(strerror(-r), r) : 0;
}
