/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns how foreign bytes become text that people see: escaping and widths. Knows
 * nothing of verbs or of lxssd.
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

static const char *said_by = "lxctl: ";

void say_as(const char *prefix) {
        said_by = prefix;
}

void say(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        say_v(said_by, format, arguments);
        va_end(arguments);
}

void say_plain(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        say_v("", format, arguments);
        va_end(arguments);
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
