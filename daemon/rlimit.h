/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* lxssd holds several descriptors for each process, so it raises its soft limit
 * of open files to the hard one; what it starts gets the old one back, since
 * programs that use select(2) fail beyond 1024 (systemd, file-hierarchy "fd limits"). */
void rlimit_raise_nofile(void);
void rlimit_restore_nofile(void);
