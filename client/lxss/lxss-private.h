/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the library's launching side share. */

#include "client/lxss/lxss.h"
#include "client/lxss/remote.h"

struct LxssClient {
        Connection *connection;
        LxssProcess *processes; /* borrowed: those of this client that were not freed */
};

/* Negative errno as callers are told it, or 0. */
int lxss_result(int r);

/* A message that nobody called for: how a process ended, perhaps. */
void process_take_news(LxssClient *client, const Incoming *incoming);
