/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the form in which a catalogue goes from lxss-fetch to lxssd, and how names are
 * found in it. On the way each entry is seven strings with a NUL behind each. It
 * must not know JSON, nor where catalogues come from. */

#include "daemon/catalogue.h"

#include <errno.h>

#include "shared/suggest.h"
#include "shared/text.h"
#include "shared/util.h"

#define TEXT_MAX 200
#define URL_MAX 2048
#define FIELDS 7

static void free_entry(void *entry) {
        catalogue_entry_free(entry);
}

Catalogue *catalogue_new(void) {
        return g_ptr_array_new_with_free_func(free_entry);
}

CatalogueEntry *catalogue_entry_free(CatalogueEntry *entry) {
        if (!entry)
                return NULL;
        g_free(entry->name);
        g_free(entry->friendly_name);
        g_free(entry->family);
        g_free(entry->url);
        g_free(entry->sha256);
        g_free(entry->catalogue);
        g_free(entry);
        return NULL;
}

static bool is_text(const char *s, size_t min) {
        size_t n = s ? strlen(s) : 0;

        return s && n >= min && n <= TEXT_MAX && text_is_printable(s, n);
}

static bool is_file(const char *url) {
        return g_ascii_strncasecmp(url, "file://", strlen("file://")) == 0;
}

static bool is_url(const char *s) {
        size_t n = s ? strlen(s) : 0;

        if (n == 0 || n > URL_MAX)
                return false;
        for (const char *c = s; *c; c++)
                if (!g_ascii_isgraph(*c))
                        return false;
        return is_file(s) || g_ascii_strncasecmp(s, "http://", strlen("http://")) == 0 ||
               g_ascii_strncasecmp(s, "https://", strlen("https://")) == 0;
}

static bool is_sha256(const char *s) {
        return s && (!*s || (strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64));
}

bool catalogue_entry_is_valid(const CatalogueEntry *entry) {
        return is_text(entry->name, 1) && is_text(entry->friendly_name, 1) && is_text(entry->family, 0) &&
               is_sha256(entry->sha256) && is_url(entry->catalogue) && is_url(entry->url) &&
               (is_file(entry->catalogue) || !is_file(entry->url));
}

bool catalogue_add(Catalogue *catalogue, CatalogueEntry *entry) {
        for (guint i = 0; i < catalogue->len; i++) {
                const CatalogueEntry *other = catalogue->pdata[i];

                if (other->legacy != entry->legacy || g_ascii_strcasecmp(other->name, entry->name) != 0)
                        continue;
                free_entry(catalogue->pdata[i]);
                catalogue->pdata[i] = entry;
                return true;
        }
        g_ptr_array_add(catalogue, entry);
        return false;
}

static void put(GByteArray *bytes, const char *s) {
        g_byte_array_append(bytes, (const guint8 *)s, (guint)strlen(s) + 1);
}

GByteArray *catalogue_encode(const Catalogue *catalogue) {
        GByteArray *bytes = g_byte_array_new();

        for (guint i = 0; i < catalogue->len; i++) {
                const CatalogueEntry *entry = catalogue->pdata[i];
                g_autofree char *flags = g_strconcat(entry->family_default ? "d" : "", entry->standard ? "s" : "",
                                                     entry->legacy ? "l" : "", entry->foreign ? "f" : "", NULL);

                put(bytes, entry->name);
                put(bytes, entry->friendly_name);
                put(bytes, entry->family);
                put(bytes, entry->url);
                put(bytes, entry->sha256);
                put(bytes, entry->catalogue);
                put(bytes, flags);
        }
        return bytes;
}

static CatalogueEntry *decode_entry(const char *const *fields) {
        g_autoptr(CatalogueEntry) entry = g_new0(CatalogueEntry, 1);
        const char *flags = fields[6];

        *entry = (CatalogueEntry){
                .name = g_strdup(fields[0]),
                .friendly_name = g_strdup(fields[1]),
                .family = g_strdup(fields[2]),
                .url = g_strdup(fields[3]),
                .sha256 = g_strdup(fields[4]),
                .catalogue = g_strdup(fields[5]),
                .family_default = strchr(flags, 'd'),
                .standard = strchr(flags, 's'),
                .legacy = strchr(flags, 'l'),
                .foreign = strchr(flags, 'f'),
        };
        return catalogue_entry_is_valid(entry) ? g_steal_pointer(&entry) : NULL;
}

int catalogue_decode(const void *bytes, size_t size, Catalogue **ret) {
        g_autoptr(Catalogue) catalogue = catalogue_new();
        const char *next = size > 0 ? bytes : "", *end = next + size; /* nothing may be NULL */

        if (size > CATALOGUE_SIZE_MAX || (size > 0 && end[-1] != '\0'))
                return -EBADMSG;
        while (next < end) {
                const char *fields[FIELDS];
                CatalogueEntry *entry;

                for (size_t i = 0; i < FIELDS; i++) {
                        if (next >= end)
                                return -EBADMSG;
                        fields[i] = next;
                        next += strlen(next) + 1;
                }
                entry = decode_entry(fields);
                if (!entry)
                        return -EBADMSG;
                g_ptr_array_add(catalogue, entry);
        }
        *ret = g_steal_pointer(&catalogue);
        return 0;
}

static const CatalogueEntry *find(const Catalogue *catalogue, const char *name, bool legacy, bool family) {
        for (guint i = 0; i < catalogue->len; i++) {
                const CatalogueEntry *entry = catalogue->pdata[i];

                if (entry->legacy == legacy &&
                    (family ? entry->family_default && g_ascii_strcasecmp(entry->family, name) == 0 :
                              g_ascii_strcasecmp(entry->name, name) == 0))
                        return entry;
        }
        return NULL;
}

const CatalogueEntry *catalogue_find(const Catalogue *catalogue, const char *name, bool legacy) {
        if (legacy || str_empty(name))
                return str_empty(name) ? NULL : find(catalogue, name, true, false);
        return find(catalogue, name, false, false) ?: find(catalogue, name, false, true) ?: find(catalogue, name, true, false);
}

const char *catalogue_suggest(const Catalogue *catalogue, const char *name) {
        g_autofree char *wanted = g_ascii_strdown(name, -1);
        g_autoptr(GPtrArray) lower = g_ptr_array_new_with_free_func(g_free);
        const char *meant;

        for (guint i = 0; i < catalogue->len; i++)
                g_ptr_array_add(lower, g_ascii_strdown(((const CatalogueEntry *)catalogue->pdata[i])->name, -1));
        g_ptr_array_add(lower, NULL);
        meant = suggest_word(wanted, (const char *const *)lower->pdata);
        for (guint i = 0; meant && i < catalogue->len; i++)
                if (lower->pdata[i] == meant)
                        return ((const CatalogueEntry *)catalogue->pdata[i])->name;
        return NULL;
}
