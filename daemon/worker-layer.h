/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A tar on its way into a layer of an image: compressed with gzip, which everything
 * that reads images knows, and hashed before and after. */
typedef struct LayerWriter LayerWriter;

/* Borrows target. NULL on out of memory. */
LayerWriter *layer_writer_new(int target);

/* Returns 0, or the negative errno of write(2). */
int layer_writer_write(LayerWriter *writer, const void *bytes, size_t size);

/* The last of it. Only then the following are there: SHA-256 in hexadecimal, valid
 * as long as the writer, and bytes. */
int layer_writer_finish(LayerWriter *writer);
const char *layer_writer_digest(LayerWriter *writer);  /* of what was written to target */
const char *layer_writer_diff_id(LayerWriter *writer); /* of the tar */
uint64_t layer_writer_size(const LayerWriter *writer);

/* Returns NULL; NULL is legal. */
LayerWriter *layer_writer_free(LayerWriter *writer);
