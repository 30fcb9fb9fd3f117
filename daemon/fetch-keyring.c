/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the forms that a keyring may come in. What is in it is gpgv's business. */

#include "daemon/fetch-keyring.h"

#define KEYRING_MAX (16 * 1024 * 1024)
#define BEGINNING "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define END "-----END PGP PUBLIC KEY BLOCK-----"

/* What is between the headers, which end with an empty line, and the checksum ("=" and four characters). */
static bool decode_block(char **lines, GByteArray *keys) {
        g_autoptr(GString) body = g_string_new(NULL);
        g_autofree guchar *bytes = NULL;
        size_t i = 0;
        gsize size;

        while (lines[i] && *g_strstrip(lines[i]))
                i++;
        for (; lines[i]; i++)
                if (*g_strstrip(lines[i]) != '=')
                        g_string_append(body, lines[i]);
        if (body->len == 0 || body->len % 4 != 0)
                return false;
        bytes = g_base64_decode(body->str, &size);
        g_byte_array_append(keys, bytes, (guint)size);
        return size > 0;
}

GByteArray *fetch_keyring_dearmor(const char *text) {
        g_autoptr(GByteArray) keys = g_byte_array_new();

        while ((text = strstr(text, BEGINNING))) {
                const char *start = text + strlen(BEGINNING), *end = strstr(start, END);
                g_autofree char *block = NULL;
                g_auto(GStrv) lines = NULL;

                if (!end || *start == '\0')
                        return NULL;
                start += strcspn(start, "\n");
                if (start >= end)
                        return NULL;
                block = g_strndup(start + 1, (gsize)(end - start - 1));
                lines = g_strsplit(block, "\n", -1);
                if (!decode_block(lines, keys))
                        return NULL;
                text = end;
        }
        return keys->len > 0 ? g_steal_pointer(&keys) : NULL;
}

int fetch_keyring_read(int fd, GByteArray **ret, WorkerReport *reterr) {
        g_autofree char *text = g_malloc(KEYRING_MAX + 1);
        ssize_t n = read_up_to(fd, text, KEYRING_MAX + 1);
        GByteArray *keys;

        if (n < 0 || n > KEYRING_MAX)
                return worker_report_fail(reterr, LXSS_ERROR_BAD_SIGNATURE, "The keyring cannot be read: %s.",
                                          n < 0 ? strerror((int)-n) : "it has more than 16 MiB");
        text[n < KEYRING_MAX ? n : KEYRING_MAX] = '\0';
        if (n == 0 || !strstr(text, BEGINNING)) {
                keys = g_byte_array_new();
                g_byte_array_append(keys, (const guint8 *)text, (guint)n);
        } else
                keys = fetch_keyring_dearmor(text);
        if (!keys)
                return worker_report_fail(reterr, LXSS_ERROR_BAD_SIGNATURE,
                                          "The keyring is damaged: its armour does not hold keys.");
        *ret = keys;
        return 0;
}
