/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standing by while lxssd carries out long work for us. */

#include <systemd/sd-bus.h>

/* Shows progress until the operation at `path` is finished. Ctrl-C (or SIGTERM,
 * SIGHUP) cancels it, and is answered with -ECANCELED and the signal in
 * *ret_signal when lxssd has cleaned up; signal_fd is signals_block_termination()'s.
 * 0: done. Otherwise negative errno, with reterr as the operation says. */
int operation_follow(sd_bus *bus, const char *path, int signal_fd, bool quiet, int *ret_signal,
                     sd_bus_error *reterr);
