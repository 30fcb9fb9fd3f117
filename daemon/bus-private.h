/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* The server's end of a D-Bus connection without a bus daemon, on an accepted
 * socket (taken over), attached to the loop. The caller adds its handlers at
 * once: nothing is read before the loop runs. Ends with
 * sd_bus_close_unref(). Negative errno. */
int private_connection_new(sd_event *event, int fd, sd_bus **ret);
