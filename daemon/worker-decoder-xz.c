/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* xz (the format: xz-file-format.txt of XZ Utils): streams one behind the other, each
 * with blocks and an index of them. Blocks that say how long they are, as those of
 * xz -T do, are decoded several at a time; others as they come. The order is kept, and
 * every length and checksum is looked at, by liblzma's own functions. */

#include "daemon/worker-decoder.h"

#include "daemon/worker-xz-team.h"
#include "shared/util.h"

#define INPUT_SIZE (256 * 1024)

/* A dictionary of 128 MB, which is what zstd takes without being asked, too; xz -9 has one of 64 MB. */
#define MEMORY_MAX (UINT64_C(129) << 20)

typedef enum XzNext {
        XZ_STREAM,
        XZ_BLOCK,
        XZ_PLACE, /* a block's header was read */
        XZ_HERE,  /* the block is decoded here */
        XZ_INDEX,
        XZ_PADDING,
        XZ_END,
} XzNext;

typedef struct Xz {
        WorkerDecoder decoder;
        WorkerSource *source;
        XzNext next;
        lzma_stream_flags flags;
        lzma_index_hash *index;
        lzma_block block;
        lzma_filter filters[LZMA_FILTERS_MAX + 1];
        uint64_t memory; /* of the block's decoder */
        lzma_stream stream;
        XzTeam *team;
        bool team_wanted; /* it is made with the first block for it */
        size_t at, filled;
        uint8_t input[INPUT_SIZE];
} Xz;

bool worker_decoder_is_xz(const WorkerSource *source) {
        static const uint8_t magic[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
        size_t size;
        const uint8_t *bytes = worker_source_beginning(source, &size);

        return size >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

static int fail(Xz *xz, int error, const char *trouble) {
        return (int)worker_decoder_fail(&xz->decoder, error, trouble);
}

static int fail_with(Xz *xz, lzma_ret r) {
        if (r == LZMA_MEM_ERROR)
                return fail(xz, -ENOMEM, strerror(ENOMEM));
        if (r == LZMA_OPTIONS_ERROR || r == LZMA_UNSUPPORTED_CHECK)
                return fail(xz, -EBADMSG, "the xz data want what liblzma here does not know");
        return fail(xz, -EBADMSG, "the xz data are damaged");
}

static int cut_short(Xz *xz) {
        return fail(xz, -EBADMSG, "the xz data end too early");
}

/* More input, unless there is some. Returns 0 at its end. */
static ssize_t refill(Xz *xz) {
        ssize_t n;

        if (xz->at < xz->filled)
                return 1;
        n = worker_source_read(xz->source, xz->input, sizeof(xz->input));
        if (n < 0)
                return fail(xz, (int)n, strerror((int)-n));
        xz->at = 0;
        xz->filled = (size_t)n;
        return n;
}

static int read_exactly(Xz *xz, uint8_t *buffer, size_t size) {
        while (size > 0) {
                ssize_t n = refill(xz);

                if (n <= 0)
                        return n < 0 ? (int)n : cut_short(xz);
                n = (ssize_t)(xz->filled - xz->at < size ? xz->filled - xz->at : size);
                memcpy(buffer, xz->input + xz->at, (size_t)n);
                xz->at += (size_t)n;
                buffer += n;
                size -= (size_t)n;
        }
        return 0;
}

/* --------------------------------------------------------------- around the blocks */

static int begin_stream(Xz *xz) {
        uint8_t header[LZMA_STREAM_HEADER_SIZE];
        lzma_index_hash *index;
        lzma_ret r;
        int n;

        n = read_exactly(xz, header, sizeof(header));
        if (n < 0)
                return n;
        r = lzma_stream_header_decode(&xz->flags, header);
        if (r == LZMA_OK && !lzma_check_is_supported(xz->flags.check))
                r = LZMA_UNSUPPORTED_CHECK;
        if (r != LZMA_OK)
                return fail_with(xz, r);
        index = lzma_index_hash_init(xz->index, NULL);
        if (!index)
                return fail_with(xz, LZMA_MEM_ERROR);
        xz->index = index;
        xz->next = XZ_BLOCK;
        return 1;
}

/* A byte of zero begins the index. */
static int begin_block(Xz *xz) {
        uint8_t header[LZMA_BLOCK_HEADER_SIZE_MAX];
        ssize_t n = refill(xz);
        lzma_ret r;

        if (n <= 0)
                return n < 0 ? (int)n : cut_short(xz);
        if (xz->input[xz->at] == 0) {
                xz->next = XZ_INDEX;
                return 1;
        }
        xz->block = (lzma_block){ .version = 1, .check = xz->flags.check, .filters = xz->filters };
        xz->block.header_size = lzma_block_header_size_decode(xz->input[xz->at]);
        n = read_exactly(xz, header, xz->block.header_size);
        if (n < 0)
                return (int)n;
        xz->filters[0].id = LZMA_VLI_UNKNOWN; /* nothing in them to free */
        r = lzma_block_header_decode(&xz->block, NULL, header);
        if (r != LZMA_OK)
                return fail_with(xz, r);
        xz->memory = lzma_raw_decoder_memusage(xz->filters);
        if (xz->memory == UINT64_MAX)
                return fail_with(xz, LZMA_OPTIONS_ERROR);
        if (xz->memory > MEMORY_MAX)
                return fail(xz, -EBADMSG, "the xz data want a dictionary of more than 128 MB");
        xz->next = XZ_PLACE;
        return 1;
}

static int note_block(Xz *xz, lzma_vli unpadded, lzma_vli uncompressed) {
        lzma_ret r = lzma_index_hash_append(xz->index, unpadded, uncompressed);

        return r == LZMA_OK ? 0 : fail_with(xz, r);
}

/* The index, which must be that of the blocks that were decoded, and what ends a stream. */
static int end_stream(Xz *xz) {
        uint8_t bytes[LZMA_STREAM_HEADER_SIZE];
        lzma_stream_flags footer;
        lzma_ret r = LZMA_OK;
        int n;

        while (r == LZMA_OK) {
                ssize_t filled = refill(xz);

                if (filled <= 0)
                        return filled < 0 ? (int)filled : cut_short(xz);
                r = lzma_index_hash_decode(xz->index, xz->input, &xz->at, xz->filled);
        }
        if (r != LZMA_STREAM_END)
                return fail_with(xz, r);
        n = read_exactly(xz, bytes, sizeof(bytes));
        if (n < 0)
                return n;
        r = lzma_stream_footer_decode(&footer, bytes);
        if (r == LZMA_OK)
                r = lzma_stream_flags_compare(&xz->flags, &footer);
        if (r == LZMA_OK && lzma_index_hash_size(xz->index) != footer.backward_size)
                r = LZMA_DATA_ERROR;
        if (r != LZMA_OK)
                return fail_with(xz, r);
        xz->next = XZ_PADDING;
        return 1;
}

/* Zeros by fours. */
static int skip_padding(Xz *xz) {
        unsigned count = 0;
        ssize_t n;

        while ((n = refill(xz)) > 0 && xz->input[xz->at] == 0) {
                xz->at++;
                count++;
        }
        if (n < 0)
                return (int)n;
        if (count % 4 != 0)
                return fail_with(xz, LZMA_DATA_ERROR);
        xz->next = n == 0 ? XZ_END : XZ_STREAM;
        return 1;
}

/* ------------------------------------------------------------------------ blocks */

/* Its cost to a team, or 0: it is none for that. */
static uint64_t team_cost(const Xz *xz) {
        lzma_vli total = lzma_block_total_size(&xz->block);

        if (total == 0 || total == LZMA_VLI_UNKNOWN || xz->block.uncompressed_size == LZMA_VLI_UNKNOWN ||
            total + xz->memory > XZ_TEAM_COST_MAX)
                return 0;
        return total + xz->memory;
}

static int give_to_team(Xz *xz, uint64_t cost) {
        size_t size = (size_t)lzma_block_total_size(&xz->block) - xz->block.header_size;
        uint8_t *buffer = xz_team_buffer(xz->team, size);
        int r = buffer ? read_exactly(xz, buffer, size) : fail_with(xz, LZMA_MEM_ERROR);

        if (r < 0)
                return r;
        xz_team_start(xz->team, &xz->block, size, cost);
        xz->filters[0].id = LZMA_VLI_UNKNOWN;
        xz->next = XZ_BLOCK;
        return 1;
}

/* Returns 0 where others have to be decoded first. */
static int place_block(Xz *xz) {
        uint64_t cost = team_cost(xz);
        lzma_ret r;

        if (cost > 0 && xz->team_wanted) {
                xz->team = xz_team_new();
                xz->team_wanted = false;
        }
        if (cost > 0 && xz->team)
                return xz_team_has_room(xz->team, cost) ? give_to_team(xz, cost) : 0;
        if (xz_team_is_busy(xz->team))
                return 0;
        r = lzma_block_decoder(&xz->stream, &xz->block);
        if (r != LZMA_OK)
                return fail_with(xz, r);
        xz->next = XZ_HERE;
        return 1;
}

/* Returns 0 at the block's end. */
static ssize_t decode_here(Xz *xz, void *buffer, size_t size) {
        lzma_ret r = LZMA_OK;

        xz->stream.next_out = buffer;
        xz->stream.avail_out = size;
        while (r == LZMA_OK && xz->stream.avail_out == size) {
                ssize_t n = refill(xz);

                if (n <= 0)
                        return n < 0 ? n : cut_short(xz);
                xz->stream.next_in = xz->input + xz->at;
                xz->stream.avail_in = xz->filled - xz->at;
                r = lzma_code(&xz->stream, LZMA_RUN);
                xz->at = xz->filled - xz->stream.avail_in;
        }
        if (r != LZMA_OK && r != LZMA_STREAM_END)
                return fail_with(xz, r);
        if (r == LZMA_STREAM_END) {
                int e = note_block(xz, lzma_block_unpadded_size(&xz->block), xz->block.uncompressed_size);

                if (e < 0)
                        return e;
                lzma_filters_free(xz->filters, NULL);
                xz->next = XZ_BLOCK;
        }
        return (ssize_t)(size - xz->stream.avail_out);
}

static ssize_t read_team(Xz *xz, void *buffer, size_t size) {
        XzBlockEnd end;
        size_t n = xz_team_read(xz->team, buffer, size, &end);

        if (n > 0)
                return (ssize_t)n;
        if (end.result != LZMA_STREAM_END)
                return fail_with(xz, end.result);
        return note_block(xz, end.unpadded, end.uncompressed);
}

/* One step that needs nothing decoded before. Returns 0 where there is none. */
static int step(Xz *xz) {
        switch (xz->next) {
        case XZ_STREAM:
                return begin_stream(xz);
        case XZ_BLOCK:
                return begin_block(xz);
        case XZ_PLACE:
                return place_block(xz);
        case XZ_INDEX:
                return xz_team_is_busy(xz->team) ? 0 : end_stream(xz);
        case XZ_PADDING:
                return skip_padding(xz);
        default:
                return 0;
        }
}

static ssize_t xz_read(WorkerDecoder *decoder, void *buffer, size_t size) {
        Xz *xz = (Xz *)decoder;
        ssize_t n = 0;

        while (n == 0) {
                int r;

                do
                        r = step(xz);
                while (r > 0);
                if (r < 0)
                        return r;
                if (xz->next == XZ_END)
                        return 0;
                n = xz_team_is_busy(xz->team) ? read_team(xz, buffer, size) : decode_here(xz, buffer, size);
        }
        return n;
}

static void xz_free(WorkerDecoder *decoder) {
        Xz *xz = (Xz *)decoder;

        xz_team_free(xz->team);
        lzma_end(&xz->stream);
        lzma_index_hash_end(xz->index, NULL);
        lzma_filters_free(xz->filters, NULL);
        free(xz);
}

WorkerDecoder *worker_decoder_xz_new(WorkerSource *source) {
        Xz *xz = calloc(1, sizeof(*xz));

        if (!xz)
                return NULL;
        xz->decoder = (WorkerDecoder){ .read = xz_read, .free = xz_free, .computes = true };
        xz->source = source;
        xz->stream = (lzma_stream)LZMA_STREAM_INIT;
        xz->filters[0].id = LZMA_VLI_UNKNOWN;
        xz->team_wanted = true;
        return &xz->decoder;
}
