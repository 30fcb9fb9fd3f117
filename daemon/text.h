/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Foreign bytes as text that may go to a terminal, a log or a D-Bus string:
 * valid UTF-8 stays, control characters and everything else become \xNN. At
 * most max bytes, "…" at the end where something is cut off. g_free() it. */
char *text_printable(const char *bytes, size_t max);

/* Several such words with spaces between them. */
char *text_command_line(char *const *words, size_t max);
