/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See client/lxss/result.h. Pieces hang in a list behind the first, which is what callers know. */

#include "client/lxss/result.h"

typedef struct Piece {
        struct Piece *next;
        max_align_t data[];
} Piece;

static Piece *piece_of(void *result) {
        return (Piece *)((char *)result - offsetof(Piece, data));
}

void *result_new(size_t size) {
        Piece *piece = calloc(1, sizeof(Piece) + size);

        return piece ? piece->data : NULL;
}

void *result_add(void *result, size_t size) {
        Piece *first = piece_of(result), *piece = calloc(1, sizeof(Piece) + size);

        if (!piece)
                return NULL;
        piece->next = first->next;
        first->next = piece;
        return piece->data;
}

char *result_add_string(void *result, const char *s) {
        size_t size = strlen(s) + 1;
        char *copy = result_add(result, size);

        return copy ? memcpy(copy, s, size) : NULL;
}

int result_array_push(void *result, ResultArray *array, void *item) {
        if (array->n + 2 > array->allocated) {
                size_t n = array->allocated ? 2 * array->allocated : 8;
                void **grown = result_add(result, n * sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                if (array->n > 0)
                        memcpy(grown, array->items, array->n * sizeof(*grown)); /* the other goes with the result */
                array->items = grown;
                array->allocated = n;
        }
        array->items[array->n++] = item;
        return 0;
}

void *result_array_end(void *result, ResultArray *array) {
        if (!array->items)
                array->items = result_add(result, sizeof(*array->items));
        return array->items;
}

void *lxss_free(void *result) {
        for (Piece *p = result ? piece_of(result) : NULL, *next; p; p = next) {
                next = p->next;
                free(p);
        }
        return NULL;
}
