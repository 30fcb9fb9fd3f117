/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making hostile text harmless (SECURITY.md, A23). */

#include "daemon/text.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "…"

static void append_printable(GString *text, const char *bytes, size_t max) {
        for (const char *p = bytes; *p;) {
                gunichar c = g_utf8_get_char_validated(p, -1);
                bool valid = c != (gunichar)-1 && c != (gunichar)-2;

                if (text->len >= max) {
                        g_string_append(text, ELLIPSIS);
                        return;
                }
                if (valid && (g_unichar_isprint(c) || c == ' ')) {
                        g_string_append_unichar(text, c);
                        p = g_utf8_next_char(p);
                } else
                        g_string_append_printf(text, "\\x%02x", (unsigned char)*p++);
        }
}

char *text_printable(const char *bytes, size_t max) {
        GString *text = g_string_new(NULL);

        append_printable(text, bytes, max);
        return g_string_free(text, FALSE);
}

char *text_command_line(char *const *words, size_t max) {
        GString *text = g_string_new(NULL);

        for (; *words && text->len < max; words++) {
                append_printable(text, *words, max);
                if (words[1])
                        g_string_append_c(text, ' ');
        }
        return g_string_free(text, FALSE);
}
