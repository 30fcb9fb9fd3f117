/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gzip, by zlib itself: libarchive does not compare gzip's checksum. */

#include "daemon/worker-decoder.h"

#include <zlib.h>

#include "shared/util.h"

#define INPUT_SIZE (256 * 1024)

/* inflateInit2()'s way to say: with a gzip header and trailer, both checked. */
#define GZIP_WINDOW (16 + MAX_WBITS)

typedef struct Gzip {
        WorkerDecoder decoder;
        WorkerSource *source;
        z_stream inflater;
        bool member_ended; /* a file may have several */
        Bytef input[INPUT_SIZE];
} Gzip;

bool worker_decoder_is_gzip(const WorkerSource *source) {
        size_t size;
        const uint8_t *bytes = worker_source_beginning(source, &size);

        return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* More input. Returns 0 at its end. */
static ssize_t refill(Gzip *gzip) {
        ssize_t n;

        if (gzip->inflater.avail_in > 0)
                return 1;
        n = worker_source_read(gzip->source, gzip->input, sizeof(gzip->input));
        if (n < 0)
                return worker_decoder_fail(&gzip->decoder, (int)n, strerror((int)-n));
        gzip->inflater.next_in = gzip->input;
        gzip->inflater.avail_in = (uInt)n;
        return n;
}

/* What follows a member is another one, or padding, which gzip(1) ignores as well. */
static bool next_member(Gzip *gzip) {
        if (*gzip->inflater.next_in != 0x1f || inflateReset(&gzip->inflater) != Z_OK)
                return false;
        gzip->member_ended = false;
        return true;
}

static ssize_t gzip_read(WorkerDecoder *decoder, void *buffer, size_t size) {
        Gzip *gzip = (Gzip *)decoder;
        z_stream *z = &gzip->inflater;

        z->next_out = buffer;
        z->avail_out = (uInt)size;
        while (z->avail_out == size) {
                ssize_t n = refill(gzip);
                int r;

                if (n < 0 || (n == 0 && gzip->member_ended))
                        return n;
                if (n == 0)
                        return worker_decoder_fail(decoder, -EBADMSG, "the gzip data end too early");
                if (gzip->member_ended && !next_member(gzip))
                        return 0;
                r = inflate(z, Z_NO_FLUSH);
                gzip->member_ended = r == Z_STREAM_END;
                if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                        return worker_decoder_fail(decoder, r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG,
                                                   z->msg ?: "the gzip data are damaged");
        }
        return (ssize_t)(size - z->avail_out);
}

static void gzip_free(WorkerDecoder *decoder) {
        Gzip *gzip = (Gzip *)decoder;

        (void)inflateEnd(&gzip->inflater);
        free(gzip);
}

WorkerDecoder *worker_decoder_gzip_new(WorkerSource *source) {
        Gzip *gzip = calloc(1, sizeof(*gzip));

        if (!gzip)
                return NULL;
        gzip->decoder = (WorkerDecoder){ .read = gzip_read, .free = gzip_free, .computes = true };
        gzip->source = source;
        if (inflateInit2(&gzip->inflater, GZIP_WINDOW) == Z_OK)
                return &gzip->decoder;
        free(gzip);
        return NULL;
}
