/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* What whoever started lxssd passed along (sd_listen_fds(3)): systemd the
 * listening socket, lxctl that and perhaps the socket of an lxss-base that it
 * has started, too (client/lxss/activate.c), the bus nothing. */

#define ACTIVATION_LISTENER "manager" /* names of lxctl's; systemd's are those of its unit */
#define ACTIVATION_BASE "base"

/* The listening socket, the caller's. -ENOENT: none was passed; another negative
 * errno with *reterr set: something else was. */
int activation_take_listener(bool *ret_of_systemd, sd_bus_error *reterr);

/* lxss-base's socket, the caller's; -EBADF: none was passed. */
int activation_take_base(void);

/* Whether lxssd was started by lxctl, which knows what it is started for. */
bool activation_by_client(void);

/* Nothing more will be taken: keeps what was said of it from other programs. */
void activation_finish(void);
