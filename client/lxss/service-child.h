/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Makes this process what a service manager would start a service from: leader
 * of a session of its own, in "/", with no signal blocked, ignored or handled,
 * umask 022, and the limits and scheduling that a login gives, whatever our
 * caller's are (signal(7), getrlimit(2), sched(7)). Hard limits stay as they are,
 * and so does what takes a privilege to set back, as a raised nice value does.
 * Returns 0, or -errno where it cannot leave its session or directory. */
int service_child_prepare(void);
