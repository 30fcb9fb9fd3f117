/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#define DISTRIBUTION_NAME_MAX 64

/* Whether a distribution can be called that: letters, digits, dots, dashes and
 * underscores, a letter or digit first; 1 to DISTRIBUTION_NAME_MAX of them. */
bool distribution_name_is_valid(const char *name);
