/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The "did you mean" of unknown words. */

#include "shared/suggest.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b, size_t c) {
        size_t m = a < b ? a : b;

        return m < c ? m : c;
}

#define DISTANCE_WORD_MAX 32

/* Levenshtein's distance, one row at a time. Too long a word is far from everything. */
static size_t edit_distance(const char *a, const char *b) {
        size_t row[DISTANCE_WORD_MAX + 1], n = strlen(b);

        if (n > DISTANCE_WORD_MAX || strlen(a) > DISTANCE_WORD_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t above = row[j];

                        row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
                        diagonal = above;
                }
        }
        return row[n];
}

const char *suggest_word(const char *word, const char *const *candidates) {
        const char *nearest = NULL, *begun = NULL;
        size_t best = strlen(word) <= 3 ? 2 : 3, n_begun = 0; /* exclusive */

        for (const char *const *c = candidates; *c; c++) {
                size_t distance = edit_distance(word, *c);

                if (distance < best && distance < strlen(*c)) {
                        best = distance;
                        nearest = *c;
                }
                if (*word && strncmp(*c, word, strlen(word)) == 0) {
                        begun = *c;
                        n_begun++;
                }
        }
        return n_begun == 1 ? begun : nearest;
}
