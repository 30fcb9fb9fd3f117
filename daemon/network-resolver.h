/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A resolv.conf(5) for a network of its own, made of the host's: nameservers on the
 * host's loopback, which is not reached from there, are replaced by this address, once; all
 * else stays. NULL where there are none: then the host's own will do. g_free() it. */
char *network_resolver_compose(const char *host, const char *address);
