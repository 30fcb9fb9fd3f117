/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The candidate that was probably meant by word: the nearest by edit distance,
 * or the only one that it begins. NULL where none is near. The list ends with NULL. */
const char *suggest_word(const char *word, const char *const *candidates);
