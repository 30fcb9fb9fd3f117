/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A descriptor that is read once, from its beginning to its end, with what is to be
 * known of it on the way: how much there was, and its SHA-256. */
typedef struct WorkerSource WorkerSource;

/* Borrows fd, which may be of any kind, and reads its beginning. Returns 0 or negative errno. */
int worker_source_open(int fd, bool hashed, WorkerSource **ret);

/* The beginning, as much of it as tells what this is; the next read gives it again. */
const uint8_t *worker_source_beginning(const WorkerSource *source, size_t *ret_size);

/* Returns how many bytes came, 0 at the end, or negative errno; ECANCELED after worker_source_stop(). */
ssize_t worker_source_read(WorkerSource *source, void *buffer, size_t size);

/* Of all that was read, in hexadecimal; NULL: it is not hashed. Valid as long as the source. */
const char *worker_source_sha256(WorkerSource *source);

/* From any thread: bytes that were read; and that a read which waits, or comes later, fails. */
uint64_t worker_source_consumed(const WorkerSource *source);
void worker_source_stop(WorkerSource *source);

/* Returns NULL; NULL is legal. */
WorkerSource *worker_source_free(WorkerSource *source);
