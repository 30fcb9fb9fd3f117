/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* What a catalogue offers for this machine, as lxss-fetch tells it to lxssd. */

/* Of the encoded list. Whoever writes keeps to it, whoever reads insists on it. */
#define CATALOGUE_SIZE_MAX (1024 * 1024)

typedef struct CatalogueEntry {
        char *name;          /* what a distribution is called that is made of it */
        char *friendly_name; /* for people */
        char *family;        /* another name for the family's default entry; "": none */
        char *url;           /* of the archive */
        char *sha256;        /* of the archive, in lower-case hexadecimal; "": not known */
        char *catalogue;     /* the URL of the one that it stands in */
        bool family_default; /* is what the family's name means */
        bool standard;       /* is what the catalogue suggests to who has no wish */
        bool legacy;         /* of the older section, by whose names newer entries go first */
        bool foreign;        /* legacy, and no archive but a package of Microsoft's store */
} CatalogueEntry;

/* Entries in the catalogue's order. */
typedef GPtrArray Catalogue;

Catalogue *catalogue_new(void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalogue, g_ptr_array_unref)

CatalogueEntry *catalogue_entry_free(CatalogueEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogueEntry, catalogue_entry_free)

/* Whether all strings are there, printable and of bounded length, the URL is one
 * that can be transferred, and one of a file only where the catalogue is a file as well. */
bool catalogue_entry_is_valid(const CatalogueEntry *entry);

/* Adds it, in the place of one that has the same name, whatever its case. Takes it
 * over. Returns whether it took another's place. */
bool catalogue_add(Catalogue *catalogue, CatalogueEntry *entry);

/* The bytes that stand for it. */
GByteArray *catalogue_encode(const Catalogue *catalogue);

/* Takes them apart. The bytes are hostile: nothing but valid entries is accepted.
 * Returns 0 or -EBADMSG. */
int catalogue_decode(const void *bytes, size_t size, Catalogue **ret);

/* The entry of this name, whatever its case, or else the default one of the family of
 * this name; newer ones go first. legacy: only of the older ones. NULL: there is none. */
const CatalogueEntry *catalogue_find(const Catalogue *catalogue, const char *name, bool legacy);

/* The name that was probably meant by one that is not there, or NULL. */
const char *catalogue_suggest(const Catalogue *catalogue, const char *name);
