/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* An lxssd that cannot start says why to those who wait in its socket, rather
 * than leaving them with a closed connection. */
typedef struct Refusal Refusal;

/* The error is copied. */
Refusal *refusal_new(sd_event *event, const sd_bus_error *error);
Refusal *refusal_free(Refusal *refusal);

/* Answers every call on this connection with the error; takes fd over. */
void refusal_add_connection(Refusal *refusal, int fd);

/* Runs the loop until everybody has been answered and is gone, or some seconds have passed. */
void refusal_run(Refusal *refusal);
