/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "shared/launch-request.h"

/* Launch; userdata is the Bus. */
int bus_method_launch(sd_bus_message *m, void *userdata, sd_bus_error *reterr);

/* Whether a message is a call of it, with the arguments that it takes. */
bool bus_is_launch(sd_bus_message *m);
