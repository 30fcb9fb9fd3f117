/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A launch request as the call of Launch() that carries it (dbus/org.lxss.Manager1.xml). */

#include "client/lxss/dbus-message.h"
#include "shared/launch-request.h"

/* Begins and fills the message; what went wrong is in w->error. */
void launch_call_write(DbusWriter *w, const LaunchRequest *request);
