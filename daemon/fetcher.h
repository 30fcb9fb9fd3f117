/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/worker-report.h"

/* One run of lxss-fetch, which writes an archive into a pipe. */
typedef struct Fetcher Fetcher;

typedef struct FetcherEvents {
        /* What it says, decoded; DONE or ERROR is the last. */
        void (*reported)(const WorkerReport *report, void *userdata);
        /* It has ended, whether it said so or not. The fetcher may be freed, from here too. */
        void (*over)(void *userdata);
} FetcherEvents;

/* Of fetch.h, borrowed; negative: none. */
typedef struct FetcherFds {
        int directory, staging;
} FetcherFds;

/* argv[0] is "lxss-fetch". *ret_archive is the end of the pipe to read, the
 * caller's. Returns 0 or negative errno. */
int fetcher_start(sd_event *event, const char *const *argv, FetcherFds fds, const FetcherEvents *events, void *userdata,
                  int *ret_archive, Fetcher **ret);

/* Reports at once what it has said so far. Returns whether a signal has ended it. */
bool fetcher_drain(Fetcher *fetcher);

/* Makes it end; over comes. */
void fetcher_kill(Fetcher *fetcher);

/* Ends it where it still runs. */
Fetcher *fetcher_free(Fetcher *fetcher);
