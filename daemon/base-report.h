/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/id-map.h"

/* What lxss-base tells lxssd: one packet over the SOCK_SEQPACKET socket that is
 * its descriptor 3. Unless error is set, the namespaces come along: mount
 * namespace, then user namespace (not in ID_MODE_ROOT). */

#define BASE_REPORT_FD 3
#define BASE_FDS_MAX 2

typedef struct BaseReport {
        int mode;          /* IdMode */
        IdMap uids, gids;  /* the host's ids outside; not in ID_MODE_ROOT */
        int error;         /* positive errno, or 0 */
        char step[96];     /* what failed, for people */
} BaseReport;
