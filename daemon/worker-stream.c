/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decompression, apart from the tar format on purpose: a tar reader is content
 * with the mark that ends a tar, and the checksums that end a compressed file
 * stand behind it. So it is known here whether the whole source was sound. gzip is
 * zlib's, since libarchive does not compare gzip's checksum; everything else is
 * libarchive's. Knows nothing of files or members. */

#include "daemon/worker-stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <glib.h>
#include <sys/stat.h>
#include <zlib.h>

#include "shared/util.h"

#define BLOCK_SIZE (256 * 1024)

/* inflateInit2()'s way to say: with a gzip header and trailer, both checked. */
#define GZIP_WINDOW (16 + MAX_WBITS)

struct WorkerStream {
        int source;
        uint64_t consumed;
        bool first;           /* input holds the beginning, which nobody has taken yet */
        size_t n_input;
        bool empty;
        StreamImage image;
        struct archive *raw;  /* NULL: gzip */
        z_stream inflater;
        bool member_ended;    /* gzip: a file may have several */
        const char *trouble;
        GChecksum *sum;       /* of the source, NULL: not wanted */
        Bytef input[BLOCK_SIZE], output[BLOCK_SIZE];
};

static ssize_t fail(WorkerStream *stream, int error, const char *trouble) {
        stream->trouble = trouble;
        return error;
}

static void note_consumed(WorkerStream *stream, size_t n) {
        stream->consumed += n;
        if (stream->sum)
                g_checksum_update(stream->sum, stream->input, n);
}

/* Into input. Returns how much, 0 at the end, or negative errno. */
static ssize_t read_source(WorkerStream *stream) {
        ssize_t n;

        if (stream->first) {
                stream->first = false;
                return stream->n_input;
        }
        do
                n = read(stream->source, stream->input, sizeof(stream->input));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return fail(stream, -errno, strerror(errno));
        note_consumed(stream, n);
        return n;
}

/* The beginning decides who decompresses. It is whole even where a pipe brings it in pieces. */
static int read_beginning(WorkerStream *stream) {
        ssize_t n = read_up_to(stream->source, stream->input, sizeof(stream->input));

        if (n < 0)
                return n;
        stream->first = true;
        stream->n_input = n;
        note_consumed(stream, n);
        return 0;
}

static bool is_gzip(const WorkerStream *stream) {
        return stream->n_input >= 2 && stream->input[0] == 0x1f && stream->input[1] == 0x8b;
}

static la_ssize_t on_read(struct archive *raw, void *userdata, const void **ret) {
        WorkerStream *stream = userdata;
        ssize_t n = read_source(stream);

        if (n < 0)
                archive_set_error(raw, -(int)n, "%s", strerror(-(int)n));
        *ret = stream->input;
        return n;
}

/* Whether libarchive decompresses this by itself: where it was built without a
 * library it would start a program, by name, from PATH. */
static bool filter_is_built_in(int (*support)(struct archive *)) {
        struct archive *scratch = archive_read_new();
        bool built_in = scratch && support(scratch) == ARCHIVE_OK;

        (void)archive_read_free(scratch);
        return built_in;
}

static int open_raw(WorkerStream *stream) {
        static int (*const filters[])(struct archive *) = {
                archive_read_support_filter_bzip2, archive_read_support_filter_xz,  archive_read_support_filter_lzma,
                archive_read_support_filter_zstd,  archive_read_support_filter_lz4, archive_read_support_filter_compress,
        };
        struct archive_entry *entry;

        stream->raw = archive_read_new();
        if (!stream->raw || archive_read_support_format_raw(stream->raw) != ARCHIVE_OK)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(filters); i++)
                if (filter_is_built_in(filters[i]))
                        (void)filters[i](stream->raw);
        /* What is wrong with the data shows when it is read. */
        (void)archive_read_open(stream->raw, stream, NULL, on_read, NULL);
        (void)archive_read_next_header(stream->raw, &entry);
        return 0;
}

static bool has(const void *bytes, size_t n, size_t offset, const char *magic, size_t size) {
        return n >= offset + size && memcmp((const char *)bytes + offset, magic, size) == 0;
}

/* The table of an MBR: four entries, of which each is active (0x80) or not, and one has a type. */
static bool has_partitions(const uint8_t *bytes, size_t n) {
        bool typed = false;

        if (!has(bytes, n, 510, "\x55\xaa", 2))
                return false;
        for (size_t at = 446; at < 510; at += 16) {
                if (bytes[at] & 0x7f)
                        return false;
                typed = typed || bytes[at + 4];
        }
        return typed;
}

StreamImage stream_image_recognise(const void *bytes, size_t n) {
        if (has(bytes, n, 0, "hsqs", 4))
                return STREAM_IMAGE_SQUASHFS;
        if (has(bytes, n, 257, "ustar", 5))
                return STREAM_IMAGE_NONE;
        if (has(bytes, n, 0, "QFI\xfb", 4) || has(bytes, n, 0, "vhdxfile", 8) || has(bytes, n, 0, "KDMV", 4))
                return STREAM_IMAGE_VIRTUAL;
        if (has_partitions(bytes, n) || has(bytes, n, 512, "EFI PART", 8))
                return STREAM_IMAGE_PARTITIONS;
        /* Of the superblock at 1024: the magic number, and a state and a way with errors that there are. */
        if (has(bytes, n, 1080, "\x53\xef", 2) && n >= 1086 && ((const uint8_t *)bytes)[1082] <= 7 &&
            ((const uint8_t *)bytes)[1084] <= 3)
                return STREAM_IMAGE_EXT;
        return STREAM_IMAGE_NONE;
}

int worker_stream_open(int source, bool hashed, WorkerStream **ret) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = calloc(1, sizeof(*stream));
        int r;

        if (!stream)
                return -ENOMEM;
        stream->source = source;
        stream->sum = hashed ? g_checksum_new(G_CHECKSUM_SHA256) : NULL;
        r = read_beginning(stream);
        stream->empty = stream->n_input == 0;
        stream->image = stream_image_recognise(stream->input, stream->n_input);
        if (r == 0 && !stream->empty && !is_gzip(stream) && !stream->image)
                r = open_raw(stream);
        else if (r == 0 && inflateInit2(&stream->inflater, GZIP_WINDOW) != Z_OK)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = steal_pointer(&stream);
        return 0;
}

static ssize_t read_raw(WorkerStream *stream, const void **ret) {
        la_int64_t offset;
        size_t n = 0;
        int r;

        do
                r = archive_read_data_block(stream->raw, ret, &n, &offset);
        while (r == ARCHIVE_OK && n == 0);
        if (r == ARCHIVE_EOF)
                return 0;
        if (r == ARCHIVE_OK)
                return n;
        r = archive_errno(stream->raw);
        return fail(stream, r > 0 && r < 4096 && r != EILSEQ ? -r : -EBADMSG, archive_error_string(stream->raw));
}

/* More input. Returns false at its end. */
static ssize_t refill(WorkerStream *stream) {
        ssize_t n;

        if (stream->inflater.avail_in > 0)
                return 1;
        n = read_source(stream);
        if (n > 0) {
                stream->inflater.next_in = stream->input;
                stream->inflater.avail_in = n;
        }
        return n;
}

/* What follows a member is another one, or padding, which gzip(1) ignores as well. */
static bool next_member(WorkerStream *stream) {
        if (*stream->inflater.next_in != 0x1f || inflateReset(&stream->inflater) != Z_OK)
                return false;
        stream->member_ended = false;
        return true;
}

static ssize_t read_gzip(WorkerStream *stream, const void **ret) {
        z_stream *z = &stream->inflater;
        ssize_t n;

        z->next_out = stream->output;
        z->avail_out = sizeof(stream->output);
        while (z->avail_out == sizeof(stream->output)) {
                int r;

                n = refill(stream);
                if (n < 0 || (n == 0 && stream->member_ended))
                        return n;
                if (n == 0)
                        return fail(stream, -EBADMSG, "the gzip data end too early");
                if (stream->member_ended && !next_member(stream))
                        return 0;
                r = inflate(z, Z_NO_FLUSH);
                stream->member_ended = r == Z_STREAM_END;
                if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                        return fail(stream, r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG, z->msg ?: "the gzip data are damaged");
        }
        *ret = stream->output;
        return sizeof(stream->output) - z->avail_out;
}

ssize_t worker_stream_read(WorkerStream *stream, const void **ret) {
        if (stream->empty) /* libarchive calls that an unknown format */
                return 0;
        if (stream->image) {
                *ret = stream->input;
                return read_source(stream);
        }
        return stream->raw ? read_raw(stream, ret) : read_gzip(stream, ret);
}

StreamImage worker_stream_image(const WorkerStream *stream) {
        return stream->image;
}

uint64_t worker_stream_size(const WorkerStream *stream) {
        struct stat st;

        return fstat(stream->source, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

const char *worker_stream_trouble(const WorkerStream *stream) {
        return stream->trouble ?: "no details";
}

const char *worker_stream_sha256(WorkerStream *stream) {
        ssize_t n;

        do
                n = read_source(stream);
        while (n > 0);
        return n < 0 ? NULL : g_checksum_get_string(stream->sum);
}

uint64_t worker_stream_consumed(const WorkerStream *stream) {
        return stream->consumed;
}

WorkerStream *worker_stream_free(WorkerStream *stream) {
        if (!stream)
                return NULL;
        (void)archive_read_free(stream->raw);
        (void)inflateEnd(&stream->inflater);
        g_clear_pointer(&stream->sum, g_checksum_free);
        free(stream);
        return NULL;
}
