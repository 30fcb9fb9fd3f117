/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* An archive's source as plain bytes, whatever compresses it (gzip, bzip2, xz,
 * lzma, zstd, lz4, compress, or nothing). */
typedef struct WorkerStream WorkerStream;

/* What is no archive and is told by its first bytes. Such a stream's bytes are the source's. */
typedef enum StreamImage {
        STREAM_IMAGE_NONE,
        STREAM_IMAGE_SQUASHFS,
        STREAM_IMAGE_EXT,        /* ext2, ext3, ext4 */
        STREAM_IMAGE_PARTITIONS, /* a disk's */
        STREAM_IMAGE_VIRTUAL,    /* a virtual machine's disk: qcow2, VHDX, VMDK */
} StreamImage;

/* Pure. */
StreamImage stream_image_recognise(const void *bytes, size_t n);

/* Borrows source, a descriptor of any kind. Reads its beginning. hashed: the
 * source's SHA-256 is wanted. Returns 0 or negative errno. */
int worker_stream_open(int source, bool hashed, WorkerStream **ret);

StreamImage worker_stream_image(const WorkerStream *stream);

/* Of the source, where it is a file; else 0. */
uint64_t worker_stream_size(const WorkerStream *stream);

/* The next bytes, at most some hundred kilobytes, in *ret until the next call.
 * Returns how many; 0 at the end, which is one only where every checksum and
 * length that the compression has were right; or negative errno: EBADMSG where
 * the compressed data are damaged or incomplete, else that of read(2). */
ssize_t worker_stream_read(WorkerStream *stream, const void **ret);

/* What the last failure was, for people; valid as long as the stream. */
const char *worker_stream_trouble(const WorkerStream *stream);

/* Reads what is left of a hashed source, as it is, and returns the SHA-256 of all
 * of it in hexadecimal (valid as long as the stream), or NULL where it cannot be read. */
const char *worker_stream_sha256(WorkerStream *stream);

/* Bytes that were read of the source. */
uint64_t worker_stream_consumed(const WorkerStream *stream);

/* Returns NULL; NULL is legal. */
WorkerStream *worker_stream_free(WorkerStream *stream);

static inline void worker_stream_freep(WorkerStream **stream) {
        worker_stream_free(*stream);
}
