/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a distribution's poweroff, halt and reboot ask of PID 1, in whichever of
 * its ways, ends the instance by reboot(2): lxssd, which waits for PID 1, learns
 * from its status which it was (pid_namespaces(7)). */

/* Takes the signals. What is forked later has them until exec, and dies of them as by default. */
int shutdown_catch_signals(void);

/* Makes /run/initctl (initctl(5)), for root only. Returns a descriptor to wait for input at, or -errno. */
int shutdown_open_fifo(void);

/* Carries out what stands in the FIFO. Returns where that is nothing that ends the instance. */
void shutdown_read_fifo(int fd);
