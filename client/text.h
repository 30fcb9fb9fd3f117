/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Foreign text on its way to people: names, command lines and messages come
 * from distributions and other programs, and must not drive a terminal. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/text.h"
#include "shared/util.h"

/* A copy of s as text_escape() makes it. NULL on out of memory. */
char *text_escape_copy(const char *s);

/* Columns that s takes on a terminal, one for each character. */
size_t text_width(const char *s);

/* Writes s as text_escape() makes it. */
void text_print(FILE *f, const char *s);

/* What say() puts before everything, instead of "lxctl: "; borrowed for ever. */
void say_as(const char *prefix);

/* "lxctl: …" and a newline on stderr, made harmless; say_plain() without the prefix. */
void say(const char *format, ...) _printf_(1, 2);
void say_plain(const char *format, ...) _printf_(1, 2);

/* A decimal number without sign, blanks or anything behind it. 0, -EINVAL or -ERANGE. */
int text_parse_u64(const char *s, uint64_t *ret);
