/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opens lxssd's own cgroup where systemd delegated it (Delegate= in
 * systemd.resource-control(5)): only there do instances get cgroups, since
 * systemd removes them, whatever becomes of lxssd. Returns a directory, the
 * caller's, or negative errno: -ENOENT where there is none. */
int cgroup_open_delegated(void);
