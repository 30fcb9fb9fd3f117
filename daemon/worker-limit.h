/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How far an archive has been unpacked. */
typedef struct WorkerAmount {
        uint64_t members, bytes; /* bytes of the files' contents, without holes */
        uint64_t consumed;       /* bytes of the archive as it is, compressed */
} WorkerAmount;

/* How many bytes may come of so many. */
uint64_t worker_limit_bytes(uint64_t max_size, uint64_t consumed);

/* Whether that is more than an archive may have. max_size: how many bytes, and as many
 * members as that has KiB; 0: what no honest archive has. ret_text gets what was exceeded, as part of a sentence. */
int worker_limit_check(uint64_t max_size, const WorkerAmount *amount, char *ret_text, size_t size);
