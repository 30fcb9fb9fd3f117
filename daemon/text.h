/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Foreign bytes as text that may go to a terminal, a log or a D-Bus string: what
 * text_escape() of shared/text.h writes, at most max bytes. g_free() it. */
char *text_printable(const char *bytes, size_t max);

/* Several such words with spaces between them. */
char *text_command_line(char *const *words, size_t max);
