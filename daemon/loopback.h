/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The loopback of a new network namespace is down. Raises that of the caller's. 0 or negative errno. */
int loopback_raise(void);
