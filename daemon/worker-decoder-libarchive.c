/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All that has no decoder of its own: bzip2, lzma, zstd and compress, by
 * libarchive; and what is not compressed at all, which is what libarchive finds
 * nothing in. */

#include "daemon/worker-decoder.h"

#include <archive.h>
#include <archive_entry.h>

#include "shared/util.h"

#define INPUT_SIZE (256 * 1024)

typedef struct Libarchive {
        WorkerDecoder decoder;
        WorkerSource *source;
        struct archive *raw;
        char input[INPUT_SIZE];
} Libarchive;

typedef struct Plain {
        WorkerDecoder decoder;
        WorkerSource *source;
} Plain;

/* Whether libarchive decompresses this by itself: where it was built without a
 * library it would start a program, by name, from PATH. */
static bool filter_is_built_in(int (*support)(struct archive *)) {
        struct archive *scratch = archive_read_new();
        bool built_in = scratch && support(scratch) == ARCHIVE_OK;

        (void)archive_read_free(scratch);
        return built_in;
}

static struct archive *new_raw(void) {
        static int (*const filters[])(struct archive *) = {
                archive_read_support_filter_bzip2, archive_read_support_filter_lzma, archive_read_support_filter_zstd,
                archive_read_support_filter_compress,
        };
        struct archive *raw = archive_read_new();

        if (!raw || archive_read_support_format_raw(raw) != ARCHIVE_OK) {
                (void)archive_read_free(raw);
                return NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(filters); i++)
                if (filter_is_built_in(filters[i]))
                        (void)filters[i](raw);
        return raw;
}

bool worker_decoder_is_libarchives(const WorkerSource *source) {
        struct archive *raw = new_raw();
        size_t size;
        const uint8_t *bytes = worker_source_beginning(source, &size);
        bool found;

        if (!raw)
                return true; /* worker_decoder_libarchive_new() says so */
        (void)archive_read_open_memory(raw, bytes, size);
        found = archive_filter_code(raw, 0) != ARCHIVE_FILTER_NONE;
        (void)archive_read_free(raw);
        return found;
}

static la_ssize_t on_read(struct archive *raw, void *userdata, const void **ret) {
        Libarchive *self = userdata;
        ssize_t n = worker_source_read(self->source, self->input, sizeof(self->input));

        if (n < 0)
                archive_set_error(raw, (int)-n, "%s", strerror((int)-n));
        *ret = self->input;
        return n;
}

static ssize_t libarchive_read(WorkerDecoder *decoder, void *buffer, size_t size) {
        Libarchive *self = (Libarchive *)decoder;
        la_ssize_t n = archive_read_data(self->raw, buffer, size);
        int error;

        if (n >= 0)
                return n;
        error = archive_errno(self->raw);
        return worker_decoder_fail(decoder, error > 0 && error < 4096 && error != EILSEQ ? -error : -EBADMSG,
                                   archive_error_string(self->raw));
}

static void libarchive_free(WorkerDecoder *decoder) {
        Libarchive *self = (Libarchive *)decoder;

        (void)archive_read_free(self->raw);
        free(self);
}

WorkerDecoder *worker_decoder_libarchive_new(WorkerSource *source) {
        Libarchive *self = calloc(1, sizeof(*self));
        struct archive_entry *entry;

        if (!self)
                return NULL;
        self->decoder = (WorkerDecoder){ .read = libarchive_read, .free = libarchive_free, .computes = true };
        self->source = source;
        self->raw = new_raw();
        if (!self->raw) {
                free(self);
                return NULL;
        }
        /* What is wrong with the data shows when they are read. */
        (void)archive_read_open(self->raw, self, NULL, on_read, NULL);
        (void)archive_read_next_header(self->raw, &entry);
        return &self->decoder;
}

/* ---------------------------------------------------------- not compressed at all */

static ssize_t plain_read(WorkerDecoder *decoder, void *buffer, size_t size) {
        ssize_t n = worker_source_read(((Plain *)decoder)->source, buffer, size);

        return n < 0 ? worker_decoder_fail(decoder, (int)n, strerror((int)-n)) : n;
}

static void plain_free(WorkerDecoder *decoder) {
        free(decoder);
}

WorkerDecoder *worker_decoder_plain_new(WorkerSource *source) {
        Plain *plain = calloc(1, sizeof(*plain));

        if (!plain)
                return NULL;
        plain->decoder = (WorkerDecoder){ .read = plain_read, .free = plain_free };
        plain->source = source;
        return &plain->decoder;
}
