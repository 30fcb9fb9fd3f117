/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decompression, apart from the tar format on purpose: a tar reader is content
 * with the mark that ends a tar, and the checksums that end a compressed file
 * stand behind it. So it is known here whether the whole source was sound. What
 * decompresses or hashes runs in a thread, a few blocks ahead of whoever makes files
 * of them; where no thread can be had, or there is nothing to compute, in turn with
 * that. Knows nothing of files or members. */

#include "daemon/worker-stream.h"

#include <pthread.h>
#include <sys/stat.h>

#include "daemon/worker-decoder.h"
#include "daemon/worker-source.h"
#include "shared/util.h"

#define BLOCK_SIZE (256 * 1024)
#define BLOCKS_MAX 8

typedef struct Block {
        size_t size;
        uint8_t data[BLOCK_SIZE];
} Block;

struct WorkerStream {
        int fd;
        StreamImage image;
        WorkerSource *source;
        WorkerDecoder *decoder;
        bool threaded; /* and the thread has not been joined yet */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool ended, stopping;
        ssize_t result;              /* of the end: 0 or negative errno */
        unsigned n_filled, n_taken;  /* blocks, ever */
        bool borrowed;               /* the oldest block is with the reader */
        Block blocks[BLOCKS_MAX];    /* a ring; without a thread only the first */
};

/* ------------------------------------------------------------- the thread's side */

/* As full as it gets: a decompressor may bring little at a time. */
static ssize_t fill_block(WorkerStream *stream, Block *block) {
        ssize_t n = 1;

        block->size = 0;
        while (n > 0 && block->size < sizeof(block->data)) {
                n = stream->decoder->read(stream->decoder, block->data + block->size,
                                          sizeof(block->data) - block->size);
                block->size += n > 0 ? (size_t)n : 0;
        }
        return n;
}

static bool wait_for_room(WorkerStream *stream) {
        bool stopping;

        pthread_mutex_lock(&stream->lock);
        while (!stream->stopping && stream->n_filled - stream->n_taken == BLOCKS_MAX)
                pthread_cond_wait(&stream->changed, &stream->lock);
        stopping = stream->stopping;
        pthread_mutex_unlock(&stream->lock);
        return !stopping;
}

static void *run(void *userdata) {
        WorkerStream *stream = userdata;

        while (!stream->ended && wait_for_room(stream)) {
                Block *block = &stream->blocks[stream->n_filled % BLOCKS_MAX];
                ssize_t n = fill_block(stream, block);

                pthread_mutex_lock(&stream->lock);
                stream->n_filled += block->size > 0;
                stream->ended = n <= 0;
                stream->result = n < 0 ? n : 0;
                pthread_cond_broadcast(&stream->changed);
                pthread_mutex_unlock(&stream->lock);
        }
        return NULL;
}

/* ------------------------------------------------------------- the reader's side */

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

static StreamImage recognise(const WorkerSource *source) {
        size_t size;
        const uint8_t *beginning = worker_source_beginning(source, &size);

        return stream_image_recognise(beginning, size);
}

static WorkerDecoder *choose_decoder(WorkerSource *source) {
        if (recognise(source))
                return worker_decoder_plain_new(source);
        if (worker_decoder_is_gzip(source))
                return worker_decoder_gzip_new(source);
        if (worker_decoder_is_lz4(source))
                return worker_decoder_lz4_new(source);
        if (worker_decoder_is_xz(source))
                return worker_decoder_xz_new(source);
        return worker_decoder_is_libarchives(source) ? worker_decoder_libarchive_new(source)
                                                     : worker_decoder_plain_new(source);
}

int worker_stream_open(int source, bool hashed, WorkerStream **ret) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = calloc(1, sizeof(*stream));
        int r;

        if (!stream)
                return -ENOMEM;
        pthread_mutex_init(&stream->lock, NULL);
        pthread_cond_init(&stream->changed, NULL);
        r = worker_source_open(source, hashed, &stream->source);
        if (r < 0)
                return r;
        stream->fd = source;
        stream->image = recognise(stream->source);
        stream->decoder = choose_decoder(stream->source);
        if (!stream->decoder)
                return -ENOMEM;
        if (hashed || stream->decoder->computes)
                stream->threaded = pthread_create(&stream->thread, NULL, run, stream) == 0;
        *ret = steal_pointer(&stream);
        return 0;
}

static ssize_t read_in_turn(WorkerStream *stream, const void **ret) {
        Block *block = &stream->blocks[0];

        if (!stream->ended) {
                ssize_t n = fill_block(stream, block);

                stream->ended = n <= 0;
                stream->result = n < 0 ? n : 0;
                *ret = block->data;
                if (block->size > 0)
                        return (ssize_t)block->size;
        }
        return stream->result;
}

static void join(WorkerStream *stream) {
        if (stream->threaded)
                (void)pthread_join(stream->thread, NULL);
        stream->threaded = false;
}

ssize_t worker_stream_read(WorkerStream *stream, const void **ret) {
        ssize_t n;

        if (!stream->threaded)
                return read_in_turn(stream, ret);
        pthread_mutex_lock(&stream->lock);
        if (stream->borrowed) {
                stream->n_taken++;
                stream->borrowed = false;
                pthread_cond_broadcast(&stream->changed);
        }
        while (stream->n_filled == stream->n_taken && !stream->ended)
                pthread_cond_wait(&stream->changed, &stream->lock);
        n = stream->result;
        if (stream->n_filled != stream->n_taken) {
                Block *block = &stream->blocks[stream->n_taken % BLOCKS_MAX];

                stream->borrowed = true;
                *ret = block->data;
                n = (ssize_t)block->size;
        }
        pthread_mutex_unlock(&stream->lock);
        if (n <= 0)
                join(stream);
        return n;
}

StreamImage worker_stream_image(const WorkerStream *stream) {
        return stream->image;
}

uint64_t worker_stream_size(const WorkerStream *stream) {
        struct stat st;

        return fstat(stream->fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

const char *worker_stream_trouble(const WorkerStream *stream) {
        return stream->decoder->trouble ?: "no details";
}

const char *worker_stream_sha256(WorkerStream *stream) {
        ssize_t n;

        do
                n = worker_source_read(stream->source, stream->blocks[0].data, sizeof(stream->blocks[0].data));
        while (n > 0);
        if (n < 0)
                stream->decoder->trouble = strerror((int)-n);
        return n < 0 ? NULL : worker_source_sha256(stream->source);
}

uint64_t worker_stream_consumed(const WorkerStream *stream) {
        return worker_source_consumed(stream->source);
}

/* A thread that is left alone is of no interest any more: it is stopped wherever it waits. */
static void stop(WorkerStream *stream) {
        if (!stream->threaded)
                return;
        pthread_mutex_lock(&stream->lock);
        stream->stopping = true;
        pthread_cond_broadcast(&stream->changed);
        pthread_mutex_unlock(&stream->lock);
        worker_source_stop(stream->source);
        join(stream);
}

WorkerStream *worker_stream_free(WorkerStream *stream) {
        if (!stream)
                return NULL;
        stop(stream);
        if (stream->decoder)
                stream->decoder->free(stream->decoder);
        worker_source_free(stream->source);
        pthread_cond_destroy(&stream->changed);
        pthread_mutex_destroy(&stream->lock);
        free(stream);
        return NULL;
}
