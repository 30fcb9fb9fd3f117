/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From nothing to a connected socket at lxssd's end, starting it where it does not run. */

#include <stdbool.h>

#include "client/failure.h"

/* Connects to the private socket. Where nobody listens and `start` is set, lxssd
 * is started (DESIGN.md, "Transport and activation": the embedded default).
 * Returns 1 and a connected descriptor, whose other end belongs to our user or
 * to root, in *ret; 0 where lxssd does not run and was not to be started; or
 * negative errno with reterr set. */
int activate_connect(bool start, int *ret, Failure *reterr);
