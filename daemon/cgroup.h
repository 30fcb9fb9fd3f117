/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opens lxssd's own cgroup where systemd delegated it (Delegate= in
 * systemd.resource-control(5)): only there do instances get cgroups, since
 * systemd removes them, whatever becomes of lxssd. Returns a directory, the
 * caller's, or negative errno: -ENOENT where there is none. */
int cgroup_open_delegated(void);

/* Lets cgroups below have limits, as far as the kernel's controllers were given to
 * us. What runs in this one moves to its child CGROUP_OWN, since a cgroup with
 * controllers for its children has no processes (cgroups(7), "no internal processes").
 * What cannot be shows at cgroup_write(). */
#define CGROUP_OWN "lxssd"
void cgroup_enable_controllers(int fd);

/* Writes into a file of a cgroup. Returns 0 or negative errno: -ENOENT where its controller is not enabled. */
int cgroup_write(int fd, const char *file, const char *value);
