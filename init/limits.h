/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a program of the instance may have less of than /init and lxssd. */

/* For this process and what it executes: makes its hard limit of open files (getrlimit(2), RLIMIT_NOFILE) a little
 * lower. Whoever sends descriptors may have no more under way, with all that is of the same user, than may be open
 * (unix(7), ETOOMANYREFS), and rootless, lxssd and lxctl are of the same user: so, whatever programs leave unread,
 * those still send some. To be called once. */
void limits_confine(void);
