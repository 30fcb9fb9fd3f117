/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the bytes of a layer. The header has neither a name nor a time, so that the
 * same tar is the same layer. */

#include "daemon/worker-layer.h"

#include <glib.h>
#include <zlib.h>

#include "shared/util.h"

#define BLOCK_SIZE (256 * 1024)

/* deflateInit2()'s way to say: with a gzip header and trailer. */
#define GZIP_WINDOW (16 + MAX_WBITS)

struct LayerWriter {
        int target;
        z_stream deflater;
        GChecksum *digest, *diff_id;
        uint64_t size;
        Bytef output[BLOCK_SIZE];
};

LayerWriter *layer_writer_new(int target) {
        LayerWriter *writer = calloc(1, sizeof(*writer));

        if (!writer)
                return NULL;
        writer->target = target;
        if (deflateInit2(&writer->deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK) {
                free(writer);
                return NULL;
        }
        writer->digest = g_checksum_new(G_CHECKSUM_SHA256);
        writer->diff_id = g_checksum_new(G_CHECKSUM_SHA256);
        return writer;
}

/* Until nothing more comes out for the time being. */
static int run_deflater(LayerWriter *writer, int flush) {
        z_stream *z = &writer->deflater;
        size_t n;
        int r;

        do {
                z->next_out = writer->output;
                z->avail_out = sizeof(writer->output);
                (void)deflate(z, flush);
                n = sizeof(writer->output) - z->avail_out;
                g_checksum_update(writer->digest, writer->output, (gssize)n);
                writer->size += n;
                r = write_all(writer->target, writer->output, n);
        } while (r == 0 && z->avail_out == 0);
        return r;
}

int layer_writer_write(LayerWriter *writer, const void *bytes, size_t size) {
        g_checksum_update(writer->diff_id, bytes, (gssize)size);
        while (size > 0) {
                uInt n = size < UINT32_MAX ? (uInt)size : UINT32_MAX;
                int r;

                writer->deflater.next_in = (Bytef *)bytes;
                writer->deflater.avail_in = n;
                r = run_deflater(writer, Z_NO_FLUSH);
                if (r < 0)
                        return r;
                bytes = (const char *)bytes + n;
                size -= n;
        }
        return 0;
}

int layer_writer_finish(LayerWriter *writer) {
        return run_deflater(writer, Z_FINISH);
}

const char *layer_writer_digest(LayerWriter *writer) {
        return g_checksum_get_string(writer->digest);
}

const char *layer_writer_diff_id(LayerWriter *writer) {
        return g_checksum_get_string(writer->diff_id);
}

uint64_t layer_writer_size(const LayerWriter *writer) {
        return writer->size;
}

LayerWriter *layer_writer_free(LayerWriter *writer) {
        if (!writer)
                return NULL;
        (void)deflateEnd(&writer->deflater);
        g_checksum_free(writer->digest);
        g_checksum_free(writer->diff_id);
        free(writer);
        return NULL;
}
