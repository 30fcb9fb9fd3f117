/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* What was asked for; what the distribution's maker asks for stands in its
 * /etc/wsl-distribution.conf. */
typedef struct WorkerConfigure {
        const char *user;  /* what the default user is called; NULL: none is made */
        bool user_given;   /* somebody said so: the maker's wishes about users do not count */
        bool without_oobe; /* its command for the first launch does not count */
        bool single_id;    /* there is no user but root, who is the caller */
        int directory;     /* where an icon goes */
        int report;
} WorkerConfigure;

/* Sets up what a new distribution is beyond its files, and reports it: where its shells look for
 * programs, its default user, its name, what its first launch runs, its icon, and what of its wishes could
 * not be honoured. Call it after worker_enter_root(). Returns 0 or negative errno
 * with the reason in *reterr. */
int worker_configure(const WorkerConfigure *configure, WorkerReport *reterr);
