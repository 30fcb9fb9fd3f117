/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the bus starts an lxssd while another one, which is not on that bus,
 * serves the user's private socket already: asks that one to serve the bus too
 * (ConnectBus), so that there is one lxssd and everybody finds it. Returns 0, or
 * negative errno where there is no bus or the other one could not be asked. */
int handover_bus(void);
