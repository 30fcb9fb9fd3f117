/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the rule which foreign bytes may reach a terminal, a log or the bus. It
 * must not know where they come from, nor use the locale: the rule is the same
 * whatever the user's settings are, and lxss-worker applies it after chroot(2),
 * where nothing may be loaded. */

#include "shared/text.h"

#include <stdio.h>
#include <string.h>

size_t text_decode(const char *s, size_t n, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        unsigned char lead = (unsigned char)s[0];
        size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
        uint32_t c;

        if (length == 0 || length > n)
                return 0;
        c = length == 1 ? lead : lead & (0xffu >> (length + 1));
        for (size_t i = 1; i < length; i++) {
                if (((unsigned char)s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | ((unsigned char)s[i] & 0x3f);
        }
        if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

/* sd-bus refuses a whole message for one. */
static bool is_noncharacter(uint32_t c) {
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

bool text_is_utf8(const char *s) {
        for (size_t left = strlen(s); left > 0;) {
                uint32_t c;
                size_t length = text_decode(s, left, &c);

                if (length == 0 || is_noncharacter(c))
                        return false;
                s += length;
                left -= length;
        }
        return true;
}

static bool character_is_printable(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } refused[] = {
                { 0x00, 0x1f },     { 0x7f, 0x9f },     /* controls */
                { 0x200e, 0x200f }, { 0x2028, 0x202e }, /* direction marks, line separators, overrides */
                { 0x2066, 0x2069 }, { 0xfeff, 0xfeff }, /* direction isolates, byte order mark */
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                if (c >= refused[i].first && c <= refused[i].last)
                        return false;
        return !is_noncharacter(c);
}

static size_t printable_length(const char *s, size_t n) {
        uint32_t c;
        size_t length = text_decode(s, n, &c);

        return length > 0 && character_is_printable(c) ? length : 0;
}

bool text_is_printable(const char *bytes, size_t size) {
        while (size > 0) {
                size_t length = printable_length(bytes, size);

                if (length == 0)
                        return false;
                bytes += length;
                size -= length;
        }
        return true;
}

void text_escape(const char *bytes, size_t n, char *ret, size_t size) {
        size_t used = 0;

        while (n > 0) {
                size_t length = printable_length(bytes, n);
                char escaped[8];
                const char *piece = bytes;
                size_t piece_length = length;

                if (length == 0) {
                        piece_length = snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned char)*bytes);
                        piece = escaped;
                        length = 1;
                }
                if (used + piece_length >= size)
                        break;
                memcpy(ret + used, piece, piece_length);
                used += piece_length;
                bytes += length;
                n -= length;
        }
        ret[used] = '\0';
}

void text_strip(const char *bytes, size_t n, char *ret, size_t size) {
        size_t used = 0;

        while (n > 0) {
                size_t length = printable_length(bytes, n);

                if (used + length >= size)
                        break;
                memcpy(ret + used, bytes, length);
                used += length;
                length = length > 0 ? length : 1;
                bytes += length;
                n -= length;
        }
        ret[used] = '\0';
}
