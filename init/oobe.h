/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program "oobe FD DISTRIBUTION" that lxssd launches in the place of the first
 * login shell: runs the command that the distribution's /etc/wsl-distribution.conf
 * names, tells lxssd over FD (shared/oobe-protocol.h), and becomes that shell.
 * Returns the exit code where it cannot. */
int oobe_main(int argc, char **argv);
