/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Makes the socket through which the programs of this instance come to LxBus
 * (shared/lxbus-protocol.h), for all of its users. It is lxssd that accepts
 * connections. Returns a descriptor or negative errno. */
int bus_socket_listen(void);
