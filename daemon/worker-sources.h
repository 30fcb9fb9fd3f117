/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Which lines of sources.list(5) a new distribution gets, taken from the host's. */

typedef struct SourceEntry {
        char *uri, *suite, *components; /* components: separated by single spaces */
        char *options;                  /* as in one-line style, without brackets, or NULL */
} SourceEntry;

/* Those of the host's entries that are Debian's or Ubuntu's own archive. */
typedef struct SourceList {
        SourceEntry *entries;
        unsigned n_entries;
} SourceList;

void source_list_done(SourceList *list);

/* Adds what a file in one-line style (*.list) or deb822 style (*.sources) says.
 * Source packages, disabled entries, and entries that are no main archive are
 * passed over, as are lines that make no sense. */
void source_list_add_one_line(SourceList *list, const char *text);
void source_list_add_deb822(SourceList *list, const char *text);

/* All files of the host. */
void source_list_read_host(SourceList *list);

/* Whose suite this is, by distro-info-data: "debian", "ubuntu", or NULL. */
const char *source_suite_vendor(const char *suite);

/* The lines for this suite, one a line, malloc'ed: the host's own for it, else
 * the host's for another suite of that vendor with the name replaced; NULL
 * where the host has neither, so that mmdebstrap's default serves. */
char *source_list_for_suite(const SourceList *list, const char *suite, const char *vendor);
