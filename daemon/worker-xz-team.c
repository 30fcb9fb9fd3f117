/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* liblzma's own threads keep the whole contents of every block at hand, 24 MB each
 * by default, which for two of them is more than a worker may use. Here the contents
 * are in pieces: those of the oldest block leave as they come, the other blocks are
 * ahead of it as far as there are pieces. Knows blocks, not the file around them. */

#include "daemon/worker-xz-team.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>

#include "shared/util.h"

#define THREADS_MAX 4
#define PIECE_SIZE (256 * 1024)
#define PIECES_MAX 72  /* 18 MB, of all */
#define PIECES_OLDEST 2 /* that the oldest block may have in any case, or nothing would go on */

typedef struct Piece {
        struct Piece *next;
        size_t size, taken;
        uint8_t data[PIECE_SIZE];
} Piece;

typedef struct Slot {
        XzTeam *team;
        pthread_t thread;
        lzma_stream stream;
        lzma_block block;
        lzma_filter filters[LZMA_FILTERS_MAX + 1];
        uint8_t *input;
        size_t size;
        uint64_t cost;
        bool given, over; /* a block to decode; and that it is decoded, well or not */
        lzma_ret result;
        Piece *first, **last;
        unsigned n_pieces;
} Slot;

struct XzTeam {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        Slot slots[THREADS_MAX];
        unsigned n_slots, oldest, n_busy;
        uint64_t cost; /* of the busy ones */
        Piece *spare;
        unsigned n_pieces; /* in use */
        bool stopping;
};

/* --------------------------------------------------------------- the threads' side */

static bool may_have_piece(const Slot *slot) {
        const XzTeam *team = slot->team;

        return team->n_pieces < PIECES_MAX || (slot == &team->slots[team->oldest] && slot->n_pieces < PIECES_OLDEST);
}

/* Waits. Returns NULL where the team is to end, or there is no memory. */
static Piece *take_piece(Slot *slot) {
        XzTeam *team = slot->team;
        Piece *piece = NULL;

        pthread_mutex_lock(&team->lock);
        while (!team->stopping && !may_have_piece(slot))
                pthread_cond_wait(&team->changed, &team->lock);
        if (!team->stopping) {
                piece = team->spare;
                if (piece)
                        team->spare = piece->next;
                else
                        piece = malloc(sizeof(*piece));
        }
        if (piece) {
                team->n_pieces++;
                slot->n_pieces++;
                piece->next = NULL;
                piece->size = piece->taken = 0;
        }
        pthread_mutex_unlock(&team->lock);
        return piece;
}

static void hand_over(Slot *slot, Piece *piece) {
        XzTeam *team = slot->team;

        pthread_mutex_lock(&team->lock);
        *slot->last = piece;
        slot->last = &piece->next;
        pthread_cond_broadcast(&team->changed);
        pthread_mutex_unlock(&team->lock);
}

static lzma_ret decode(Slot *slot) {
        lzma_ret r = lzma_block_decoder(&slot->stream, &slot->block);

        slot->stream.next_in = slot->input;
        slot->stream.avail_in = slot->size;
        while (r == LZMA_OK) {
                Piece *piece = take_piece(slot);

                if (!piece)
                        return LZMA_MEM_ERROR;
                slot->stream.next_out = piece->data;
                slot->stream.avail_out = sizeof(piece->data);
                /* All of the input is there, so it stops for want of room only. */
                r = lzma_code(&slot->stream, LZMA_RUN);
                if (r == LZMA_OK && slot->stream.avail_out == sizeof(piece->data))
                        r = LZMA_DATA_ERROR;
                piece->size = sizeof(piece->data) - slot->stream.avail_out;
                hand_over(slot, piece);
        }
        return r == LZMA_STREAM_END && slot->stream.avail_in > 0 ? LZMA_DATA_ERROR : r;
}

static void *run(void *userdata) {
        Slot *slot = userdata;
        XzTeam *team = slot->team;

        pthread_mutex_lock(&team->lock);
        for (;;) {
                lzma_ret r;

                while (!team->stopping && !slot->given)
                        pthread_cond_wait(&team->changed, &team->lock);
                if (team->stopping)
                        break;
                slot->given = false;
                pthread_mutex_unlock(&team->lock);
                r = decode(slot);
                pthread_mutex_lock(&team->lock);
                slot->result = r;
                slot->over = true;
                pthread_cond_broadcast(&team->changed);
        }
        pthread_mutex_unlock(&team->lock);
        return NULL;
}

/* ---------------------------------------------------------------- the reader's side */

static unsigned count_processors(void) {
        cpu_set_t set;

        /* sysconf(3) would look into /sys, which is foreign by now. */
        return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

XzTeam *xz_team_new(void) {
        unsigned n = count_processors();
        XzTeam *team = n > 1 ? calloc(1, sizeof(*team)) : NULL;

        if (!team)
                return NULL;
        /* What is freed goes back to the system; left to itself malloc(3) would keep ever larger blocks. */
        (void)mallopt(M_MMAP_THRESHOLD, 2 * PIECE_SIZE);
        pthread_mutex_init(&team->lock, NULL);
        pthread_cond_init(&team->changed, NULL);
        while (team->n_slots < n && team->n_slots < THREADS_MAX) {
                Slot *slot = &team->slots[team->n_slots];

                *slot = (Slot){ .team = team, .stream = LZMA_STREAM_INIT, .last = &slot->first };
                if (pthread_create(&slot->thread, NULL, run, slot) != 0)
                        break;
                team->n_slots++;
        }
        return team->n_slots > 1 ? team : xz_team_free(team);
}

static void free_pieces(Piece *piece) {
        while (piece) {
                Piece *next = piece->next;

                free(piece);
                piece = next;
        }
}

XzTeam *xz_team_free(XzTeam *team) {
        if (!team)
                return NULL;
        pthread_mutex_lock(&team->lock);
        team->stopping = true;
        pthread_cond_broadcast(&team->changed);
        pthread_mutex_unlock(&team->lock);
        for (unsigned i = 0; i < team->n_slots; i++) {
                Slot *slot = &team->slots[i];

                (void)pthread_join(slot->thread, NULL);
                lzma_end(&slot->stream);
                if (slot->block.filters)
                        lzma_filters_free(slot->filters, NULL);
                free_pieces(slot->first);
                free(slot->input);
        }
        free_pieces(team->spare);
        pthread_cond_destroy(&team->changed);
        pthread_mutex_destroy(&team->lock);
        free(team);
        return NULL;
}

bool xz_team_is_busy(const XzTeam *team) {
        return team && team->n_busy > 0;
}

bool xz_team_has_room(const XzTeam *team, uint64_t cost) {
        return team->n_busy < team->n_slots && (team->n_busy == 0 || team->cost + cost <= XZ_TEAM_COST_MAX);
}

static Slot *next_slot(XzTeam *team) {
        return &team->slots[(team->oldest + team->n_busy) % team->n_slots];
}

uint8_t *xz_team_buffer(XzTeam *team, size_t size) {
        Slot *slot = next_slot(team);

        free(slot->input);
        slot->input = malloc(size);
        return slot->input;
}

void xz_team_start(XzTeam *team, const lzma_block *block, size_t size, uint64_t cost) {
        Slot *slot = next_slot(team);

        pthread_mutex_lock(&team->lock);
        memcpy(slot->filters, block->filters, sizeof(slot->filters));
        slot->block = *block;
        slot->block.filters = slot->filters;
        slot->size = size;
        slot->cost = cost;
        slot->over = false;
        slot->given = true;
        team->cost += cost;
        team->n_busy++;
        pthread_cond_broadcast(&team->changed);
        pthread_mutex_unlock(&team->lock);
}

/* An idle slot has no memory, else all slots' together would be more than the blocks' cost. */
static void end_oldest(XzTeam *team, XzBlockEnd *ret) {
        Slot *slot = &team->slots[team->oldest];

        *ret = (XzBlockEnd){
                .result = slot->result,
                .unpadded = lzma_block_unpadded_size(&slot->block),
                .uncompressed = slot->block.uncompressed_size,
        };
        lzma_end(&slot->stream);
        free(steal_pointer(&slot->input));
        lzma_filters_free(slot->filters, NULL);
        slot->block.filters = NULL;
        team->cost -= slot->cost;
        team->n_busy--;
        team->oldest = (team->oldest + 1) % team->n_slots;
        pthread_cond_broadcast(&team->changed);
}

static size_t take_bytes(Slot *slot, void *buffer, size_t size) {
        XzTeam *team = slot->team;
        Piece *piece = slot->first;
        size_t n = piece->size - piece->taken;

        n = n < size ? n : size;
        memcpy(buffer, piece->data + piece->taken, n);
        piece->taken += n;
        if (piece->taken < piece->size)
                return n;
        slot->first = piece->next;
        if (!slot->first)
                slot->last = &slot->first;
        slot->n_pieces--;
        piece->next = team->spare;
        team->spare = piece;
        team->n_pieces--;
        pthread_cond_broadcast(&team->changed);
        return n;
}

size_t xz_team_read(XzTeam *team, void *buffer, size_t size, XzBlockEnd *ret) {
        Slot *slot = &team->slots[team->oldest];
        size_t n = 0;

        pthread_mutex_lock(&team->lock);
        for (;;) {
                while (!slot->first && !slot->over)
                        pthread_cond_wait(&team->changed, &team->lock);
                if (!slot->first)
                        break;
                n = take_bytes(slot, buffer, size);
                if (n > 0) /* a block's last piece may be empty */
                        break;
        }
        if (n == 0)
                end_oldest(team, ret);
        pthread_mutex_unlock(&team->lock);
        return n;
}
