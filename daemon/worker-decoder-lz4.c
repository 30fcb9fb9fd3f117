/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LZ4 frames, by liblz4 itself: libarchive compares their checksums as little as gzip's. */

#include "daemon/worker-decoder.h"

#include <lz4frame.h>

#include "shared/util.h"

#define INPUT_SIZE (256 * 1024)

typedef struct Lz4 {
        WorkerDecoder decoder;
        WorkerSource *source;
        LZ4F_dctx *context;
        bool frame_ended; /* a file may have several */
        uint8_t *next;    /* of what was read and not decoded yet */
        size_t n_left;
        uint8_t input[INPUT_SIZE];
} Lz4;

bool worker_decoder_is_lz4(const WorkerSource *source) {
        size_t size;
        const uint8_t *bytes = worker_source_beginning(source, &size);

        return size >= 4 && memcmp(bytes, "\x04\x22\x4d\x18", 4) == 0;
}

/* More input. Returns 0 at its end. */
static ssize_t refill(Lz4 *lz4) {
        ssize_t n;

        if (lz4->n_left > 0)
                return 1;
        n = worker_source_read(lz4->source, lz4->input, sizeof(lz4->input));
        if (n < 0)
                return worker_decoder_fail(&lz4->decoder, (int)n, strerror((int)-n));
        lz4->next = lz4->input;
        lz4->n_left = (size_t)n;
        return n;
}

static ssize_t lz4_read(WorkerDecoder *decoder, void *buffer, size_t size) {
        Lz4 *lz4 = (Lz4 *)decoder;

        for (;;) {
                size_t n_in, n_out = size, hint;
                ssize_t n = refill(lz4);

                if (n < 0 || (n == 0 && lz4->frame_ended))
                        return n;
                if (n == 0)
                        return worker_decoder_fail(decoder, -EBADMSG, "the lz4 data end too early");
                n_in = lz4->n_left;
                hint = LZ4F_decompress(lz4->context, buffer, &n_out, lz4->next, &n_in, NULL);
                if (LZ4F_isError(hint))
                        return worker_decoder_fail(decoder, -EBADMSG, LZ4F_getErrorName(hint));
                lz4->frame_ended = hint == 0;
                lz4->next += n_in;
                lz4->n_left -= n_in;
                if (n_out > 0)
                        return (ssize_t)n_out;
        }
}

static void lz4_free(WorkerDecoder *decoder) {
        Lz4 *lz4 = (Lz4 *)decoder;

        (void)LZ4F_freeDecompressionContext(lz4->context);
        free(lz4);
}

WorkerDecoder *worker_decoder_lz4_new(WorkerSource *source) {
        Lz4 *lz4 = calloc(1, sizeof(*lz4));

        if (!lz4)
                return NULL;
        lz4->decoder = (WorkerDecoder){ .read = lz4_read, .free = lz4_free, .computes = true };
        lz4->source = source;
        if (!LZ4F_isError(LZ4F_createDecompressionContext(&lz4->context, LZ4F_VERSION)))
                return &lz4->decoder;
        free(lz4);
        return NULL;
}
