/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all decompressors have in common. One ends well only where every checksum
 * and length that the compression has were right. */

#include "daemon/worker-source.h"

typedef struct WorkerDecoder WorkerDecoder;

struct WorkerDecoder {
        /* Returns how many bytes are in buffer, 0 at the end, or negative errno: EBADMSG where the
         * data are damaged or incomplete, else that of the source. */
        ssize_t (*read)(WorkerDecoder *decoder, void *buffer, size_t size);
        void (*free)(WorkerDecoder *decoder);
        bool computes;       /* so much that it is worth a thread */
        const char *trouble; /* what the last failure was, for people */
};

/* Each borrows the source. Returns NULL where there is no memory. */
WorkerDecoder *worker_decoder_plain_new(WorkerSource *source);
WorkerDecoder *worker_decoder_gzip_new(WorkerSource *source);
WorkerDecoder *worker_decoder_lz4_new(WorkerSource *source);
WorkerDecoder *worker_decoder_xz_new(WorkerSource *source);
WorkerDecoder *worker_decoder_libarchive_new(WorkerSource *source);

/* By what the source begins with. */
bool worker_decoder_is_gzip(const WorkerSource *source);
bool worker_decoder_is_lz4(const WorkerSource *source);
bool worker_decoder_is_xz(const WorkerSource *source);
bool worker_decoder_is_libarchives(const WorkerSource *source);

static inline ssize_t worker_decoder_fail(WorkerDecoder *decoder, int error, const char *trouble) {
        decoder->trouble = trouble;
        return error;
}
