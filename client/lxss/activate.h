/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From nothing to a connected socket at lxssd's end, starting it where it does not run. */

#include "client/lxss/failure.h"

typedef enum Activation {
        ACTIVATE_NEVER,
        ACTIVATE,
        ACTIVATE_FOR_INSTANCE, /* and something is to run: what that needs is made while lxssd starts */
} Activation;

/* Connects to the private socket. Where nobody listens lxssd is started, unless
 * never (DESIGN.md, "Transport and activation": the embedded default).
 * Returns 1 and a connected descriptor, whose other end belongs to our user or
 * to root, in *ret; 0 where lxssd does not run and was not to be started; or
 * negative errno with reterr set. */
int activate_connect(Activation activation, int *ret, LxssFailure *reterr);
