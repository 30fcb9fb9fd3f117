/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* How much there is to read below the working directory, for progress: the bytes of
 * all files, each once whatever its names, without other file systems. What cannot
 * be walked counts as nothing; it shows when it is read. */
uint64_t worker_tree_bytes(void);
