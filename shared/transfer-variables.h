/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* The environment variables that transfers heed: which proxy, and whose
 * certificates. lxctl passes its own on, since lxssd may have been started by
 * something that has others. */

/* Their names; ends with NULL. */
extern const char *const transfer_variables[];

/* Whether this is an assignment, NAME=VALUE, to one of them. */
bool transfer_variable_is_known(const char *assignment);
