/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "shared/error.h"

/* sd_bus_error as the one carrier of text from where a cause is known to the
 * client's terminal. */

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sd_bus_error, sd_bus_error_free)

/* Sets *reterr (which may be NULL) to an error of the table with this sentence.
 * Returns its errno, negative. */
int error_set(sd_bus_error *reterr, LxssError error, const char *format, ...) __attribute__((format(printf, 3, 4)));
