/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sees to it that no packet for a loopback address leaves the caller's network namespace by this interface, whose
 * gateway (IPv4, as text) stays its only neighbour. Wants CAP_NET_ADMIN over the namespace. 0 or negative errno. */
int network_guard(const char *interface, const char *gateway);
