/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "shared/launch-request.h"

/* Reads Launch's arguments into a value, which the caller owns. Negative errno with *reterr set. */
int receive_launch(sd_bus_message *m, LaunchRequest **ret, sd_bus_error *reterr);
