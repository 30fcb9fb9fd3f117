/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns how foreign bytes become text that people see: escaping, widths, and the
 * "did you mean" of every unknown word. Knows nothing of verbs or of lxssd.
 * Escapes by code point rather than by locale, so that output does not depend on
 * the environment and wide-character tables need not be loaded. */

#include "client/text.h"

#include <stdarg.h>

char *text_escape_copy(const char *s) {
        size_t n = strlen(s), size = n * 4 + 1;
        char *escaped = malloc(size);

        if (escaped)
                text_escape(s, n, escaped, size);
        return escaped;
}

size_t text_width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += (*s & 0xc0) != 0x80;
        return n;
}

void text_print(FILE *f, const char *s) {
        _cleanup_free_ char *escaped = text_escape_copy(s);

        fputs(escaped ? escaped : "?", f);
}

static void say_v(const char *prefix, const char *format, va_list arguments) _printf_(2, 0);
static void say_v(const char *prefix, const char *format, va_list arguments) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;

        if (vasprintf(&text, format, arguments) < 0) {
                text = NULL;
                return;
        }
        escaped = text_escape_copy(text);
        fprintf(stderr, "%s%s\n", prefix, escaped ? escaped : "out of memory");
}

void say(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        say_v("lxctl: ", format, arguments);
        va_end(arguments);
}

void say_plain(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        say_v("", format, arguments);
        va_end(arguments);
}

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

const char *text_suggest(const char *word, const char *const *candidates) {
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

int text_parse_u64(const char *s, uint64_t *ret) {
        uint64_t value = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s - '0', &value))
                        return -ERANGE;
        }
        *ret = value;
        return 0;
}
