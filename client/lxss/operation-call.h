/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between the calls that begin operations and the operations themselves. */

#include "client/lxss/lxss-private.h"

/* Makes a call that answers with an operation, and with the name of a snapshot behind it. distribution: what it is
 * about, as far as the caller has said so; NULL or empty: not known. The caller frees *ret. */
int operation_begin(LxssClient *client, DbusWriter *call, const char *distribution, bool with_snapshot,
                    LxssOperation **ret, LxssFailure *failure);

/* Asks lxssd how the distribution is called, where that knows it. */
void operation_ask_distribution(LxssOperation *operation);
