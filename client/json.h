/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A small emitter of JSON (RFC 8259) onto a stdio stream, indented by two. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Json {
        FILE *f;
        unsigned depth;
        bool filled; /* the innermost object or array has an element */
} Json;

#define JSON_ON(stream) { .f = (stream) }

/* In an object every value has a key; in an array, and outermost, the key is
 * NULL. A newline follows the outermost value. */
void json_open(Json *json, const char *key, char bracket); /* '{' or '[' */
void json_close(Json *json, char bracket);                 /* '}' or ']' */

/* Any bytes: what is not UTF-8 becomes U+FFFD, one for each byte. NULL: null. */
void json_string(Json *json, const char *key, const char *value);
void json_unsigned(Json *json, const char *key, uint64_t value);
void json_double(Json *json, const char *key, double value);
void json_bool(Json *json, const char *key, bool value);
