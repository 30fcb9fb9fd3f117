/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between a port of LxBus and programs that read and write bytes. */

#include <stdbool.h>

#include "client/lxss/lxbus.h"

/* Carries what comes from `in` to the port, in messages as it was read, and what the port brings
 * to `out`, until the port has ended and all is written; or, where that is wanted, until `in` has.
 * Neither direction waits for the other. Takes in and out over. 0 or negative errno. */
int bus_relay(LxBusPort *port, int in, int out, bool until_input_ends);
