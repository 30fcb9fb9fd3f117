/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The language that WSL's configuration files have in common (wsl.conf,
 * wsl-distribution.conf): foreign bytes → values, by a table of keys, and a
 * warning for each line that says nothing sensible. */

#include <stdbool.h>
#include <stddef.h>

#include "shared/util.h"

/* Beyond so many warnings a last one says that there are more. */
#define INI_WARNINGS_MAX 16

/* How much of a foreign word a warning repeats. */
#define INI_SHOWN "%.64s"

/* A file that is being read. */
typedef struct Ini Ini;

typedef struct IniKey {
        const char *section, *name;
        void (*set)(Ini *ini, const struct IniKey *key, const char *value); /* NULL: means nothing here */
        size_t offset; /* of what `set` fills */
} IniKey;

/* One of the files. */
typedef struct IniSchema {
        const char *path; /* for the warnings: "PATH:LINE: " stands before each */
        const IniKey *keys;
        size_t n_keys;
} IniSchema;

/* Reads `size` bytes of any kind. `values` is what the keys' offsets are in;
 * warnings are added to *warnings. Lines that say nothing sensible have one each,
 * and the others apply. Returns 0 or -ENOMEM; *values and *warnings can be used either way. */
int ini_parse(const IniSchema *schema, const char *text, size_t size, void *values, char ***warnings);

/* For setters. The first is what lies at an offset in the values. */
void *ini_member(Ini *ini, size_t offset);
unsigned ini_line(const Ini *ini);
void ini_warn(Ini *ini, const char *format, ...) _printf_(2, 3);

/* Setters of a bool, and of a malloc'ed string, for which an empty value is as if it were not there. */
void ini_set_bool(Ini *ini, const IniKey *key, const char *value);
void ini_set_string(Ini *ini, const IniKey *key, const char *value);

/* Whether it is one; warns where it is none. */
bool ini_read_bool(Ini *ini, const IniKey *key, const char *value, bool *ret);
