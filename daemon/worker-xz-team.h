/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lzma.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Threads that decode blocks of xz, each a whole one, for a reader that wants their
 * contents one after the other. All of it is called from one thread. */
typedef struct XzTeam XzTeam;

/* What a block may cost, in bytes of its decoder and its compressed data, to be taken at all. */
#define XZ_TEAM_COST_MAX (UINT64_C(28) << 20)

/* Returns NULL where there is one processor only, or no thread or memory to be had. */
XzTeam *xz_team_new(void);

bool xz_team_is_busy(const XzTeam *team);

/* Whether another block of this cost can be given now; then, where its data, size bytes without the
 * header, are to be put (NULL: out of memory); and that they are there. The block's filters are taken over. */
bool xz_team_has_room(const XzTeam *team, uint64_t cost);
uint8_t *xz_team_buffer(XzTeam *team, size_t size);
void xz_team_start(XzTeam *team, const lzma_block *block, size_t size, uint64_t cost);

/* From the oldest block that was given; waits. Returns how many bytes came, or 0: the block is over, with
 * LZMA_STREAM_END in *ret_result and its sizes in *ret_unpadded and *ret_uncompressed where it was sound. */
typedef struct XzBlockEnd {
        lzma_ret result;
        lzma_vli unpadded, uncompressed;
} XzBlockEnd;
size_t xz_team_read(XzTeam *team, void *buffer, size_t size, XzBlockEnd *ret);

/* Returns NULL; NULL is legal. */
XzTeam *xz_team_free(XzTeam *team);
