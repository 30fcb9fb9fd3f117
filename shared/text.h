/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Foreign bytes (names in archives, lines of a distribution's files, paths) made
 * fit to be shown: valid UTF-8 that D-Bus accepts, without control characters,
 * line breaks, or the marks that reorder text on a terminal. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the UTF-8 character at s, of which n bytes are there (RFC 3629: no
 * overlong forms, no surrogates). Returns its length, 1 to 4, and the code
 * point; 0 where it is none. */
size_t text_decode(const char *s, size_t n, uint32_t *ret);

/* Whether s is UTF-8 that D-Bus takes as a string: without the code points that are no characters. */
bool text_is_utf8(const char *s);

/* Whether all `size` bytes are such text. */
bool text_is_printable(const char *bytes, size_t size);

/* Both write at most size - 1 bytes and a terminating NUL to ret (size > 0) and
 * cut between characters, never within one. They differ in what becomes of the
 * bytes that cannot be shown: text_escape() writes \xNN for each, text_strip() drops them. */
void text_escape(const char *bytes, size_t n, char *ret, size_t size);
void text_strip(const char *bytes, size_t n, char *ret, size_t size);
