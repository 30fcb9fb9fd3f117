/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "daemon/worker-report.h"

/* The certificates of authorities that the environment names instead of the system's. */
typedef struct HttpTrust {
        char *certificates; /* NULL: the system's */
        size_t size;
} HttpTrust;

/* Reads them, for which there may be no right later. The caller frees
 * ->certificates. Returns 0 or negative errno with the reason in *reterr. */
int http_trust_read(HttpTrust *ret, WorkerReport *reterr);

typedef struct HttpGet {
        const char *url;
        const HttpTrust *trust;
        unsigned patience;        /* seconds without a sign of life after which it is given up */
        WorkerProgress *progress; /* NULL: it is not worth a word */
        /* Gets the bytes in their order. Negative errno ends the transfer, which then returns it. */
        int (*take)(const void *bytes, size_t n, void *userdata);
        void *userdata;
} HttpGet;

/* Gets what is behind an http or https URL, through the proxy that the environment
 * names. Where a connection breaks it goes on from there with another one, a few
 * times, but only with what the server says to be the same thing. Returns 0 or
 * negative errno with the reason in *reterr (unless it came from take()). */
int http_get(const HttpGet *get, WorkerReport *reterr);
