/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why something did not work, as lxssd or we would tell a person: the name of a
 * D-Bus error (shared/error.h has ours) and a sentence. */

#include "client/lxss/lxss.h"
#include "shared/error.h"
#include "shared/util.h"

#define _cleanup_failure_ _cleanup_(lxss_failure_clear)

/* Sets it, unless something is known already; failure may be NULL. Returns r, for `return failure_set(…)`. */
int failure_set(LxssFailure *failure, LxssError kind, int r, const char *format, ...) _printf_(4, 5);

/* The same with a name from elsewhere. Copies both; either may be empty. */
int failure_copy(LxssFailure *failure, int r, const char *name, const char *message);
