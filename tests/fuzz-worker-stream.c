/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A compressed source: whatever stands in it, it ends, well or not, and in the same
 * way again, in a thread or without one. What we take for sound xz is that for liblzma
 * as well, with the same contents, and the other way round. */

#include <lzma.h>

#include "daemon/worker-stream.h"
#include "tests/fuzz.h"

#define CONTENTS_MAX (1 << 20)

typedef struct Outcome {
        ssize_t result; /* 1: there was more than is looked at */
        size_t size;
        uint8_t contents[CONTENTS_MAX];
} Outcome;

static Outcome first, second, reference;

static void decode(const uint8_t *data, size_t size, bool hashed, Outcome *ret) {
        _cleanup_(worker_stream_freep) WorkerStream *stream = NULL;
        _cleanup_close_ int fd = fuzz_file(data, size);
        const void *block;

        FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
        FUZZ_REQUIRE(worker_stream_open(fd, hashed, &stream) == 0);
        ret->size = 0;
        while ((ret->result = worker_stream_read(stream, &block)) > 0) {
                if ((size_t)ret->result > sizeof(ret->contents) - ret->size)
                        return;
                memcpy(ret->contents + ret->size, block, (size_t)ret->result);
                ret->size += (size_t)ret->result;
        }
        FUZZ_REQUIRE(ret->result == 0 || strlen(worker_stream_trouble(stream)) > 3);
        FUZZ_REQUIRE(worker_stream_consumed(stream) <= size);
}

/* As xz(1) does it, with the bound on memory that we have. */
static lzma_ret decode_xz(const uint8_t *data, size_t size) {
        uint64_t memory = UINT64_C(129) << 20;
        size_t at = 0;

        reference.size = 0;
        return lzma_stream_buffer_decode(&memory, LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK, NULL, data, &at,
                                         size, reference.contents, &reference.size, sizeof(reference.contents));
}

static void compare_with_liblzma(const uint8_t *data, size_t size) {
        lzma_ret r = decode_xz(data, size);

        if (r == LZMA_BUF_ERROR && reference.size == sizeof(reference.contents))
                return;
        /* The bounds are not drawn in quite the same way: a dictionary close to them may be taken here only. */
        if (r == LZMA_MEMLIMIT_ERROR)
                return;
        FUZZ_REQUIRE((first.result == 0) == (r == LZMA_OK));
        FUZZ_REQUIRE(r != LZMA_OK ||
                     (first.size == reference.size && memcmp(first.contents, reference.contents, first.size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        decode(data, size, false, &first);
        decode(data, size, true, &second);
        FUZZ_REQUIRE(first.result > 0 || (first.result == second.result && first.size == second.size));
        if (first.result <= 0 && size >= 6 && memcmp(data, "\xfd" "7zXZ\0", 6) == 0)
                compare_with_liblzma(data, size);
        return 0;
}
