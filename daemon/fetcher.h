/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

#include "daemon/worker-report.h"

/* What lxss-fetch is to do, in the words of daemon/fetch.c's table. */
typedef struct FetchOrder {
        const char *verb;   /* static */
        GPtrArray *words;   /* its arguments, owned; without NULL at the end */
        char **environment; /* NAME=VALUE (shared/transfer-variables.h) instead of what lxssd has of these; NULL: as
                               lxssd */
        int source;         /* a directory or an archive, or -EBADF */
        int keyring, signature; /* of an archive, or -EBADF */
        int staging;        /* where an image goes, or -EBADF */
} FetchOrder;

FetchOrder *fetch_order_new(const char *verb);
/* Takes the word over; NULL is an empty one. */
void fetch_order_add(FetchOrder *order, char *word);
FetchOrder *fetch_order_free(FetchOrder *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FetchOrder, fetch_order_free)

/* One run of lxss-fetch, which writes into a pipe. */
typedef struct Fetcher Fetcher;

typedef struct FetcherEvents {
        /* What it says, decoded; DONE or ERROR is the last. */
        void (*reported)(const WorkerReport *report, void *userdata);
        /* It has ended, whether it said so or not. The fetcher may be freed, from here too. */
        void (*over)(void *userdata);
} FetcherEvents;

/* Borrows the order. *ret_output is the end of the pipe to read, the caller's.
 * Returns 0 or negative errno. */
int fetcher_start(sd_event *event, const FetchOrder *order, const FetcherEvents *events, void *userdata,
                  int *ret_output, Fetcher **ret);

/* Reports at once what it has said so far. Returns whether a signal has ended it. */
bool fetcher_drain(Fetcher *fetcher);

/* Makes it end; over comes. */
void fetcher_kill(Fetcher *fetcher);

/* Ends it where it still runs. */
Fetcher *fetcher_free(Fetcher *fetcher);
