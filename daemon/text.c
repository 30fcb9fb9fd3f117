/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile text made harmless (shared/text.h), as strings of their own. */

#include "daemon/text.h"

#include <glib.h>
#include <string.h>

#include "shared/text.h"

/* What is cut off is cut off: these are words for people, not names to be used again. */
char *text_printable(const char *bytes, size_t max) {
        size_t n = strlen(bytes), size = MIN(n * 4, max) + 1;
        char *text = g_malloc(size);

        text_escape(bytes, n, text, size);
        return text;
}

char *text_command_line(char *const *words, size_t max) {
        GString *text = g_string_new(NULL);

        for (; *words && text->len < max; words++) {
                g_autofree char *word = text_printable(*words, max - text->len);

                g_string_append(text, word);
                if (words[1] && text->len < max)
                        g_string_append_c(text, ' ');
        }
        return g_string_free(text, FALSE);
}
