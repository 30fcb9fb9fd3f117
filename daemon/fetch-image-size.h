/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How much of an image there is, and will be. */

/* Bytes of the files in a directory, and in those below. */
uint64_t image_size_now(int directory);

/* Of an archive, what skopeo will have written of it when it is done, by its size; 0: not known. */
uint64_t image_size_of_archive(const char *transport, int archive);

/* Of the layers in a manifest; 0: not known. */
uint64_t image_size_of_manifest(const char *text, size_t size);
