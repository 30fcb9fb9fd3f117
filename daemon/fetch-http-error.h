/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>

#include "daemon/worker-report.h"

/* What a transfer that failed knows of itself. */
typedef struct HttpTrouble {
        const char *url;     /* as it may be shown */
        const char *detail;  /* what libcurl says; may be empty */
        unsigned patience;   /* seconds that it has waited for a sign of life */
} HttpTrouble;

#define HTTP_REDIRECTS_MAX 10

/* Why a transfer failed that libcurl ended with this code. Returns negative errno. */
int http_explain_code(CURLcode code, const HttpTrouble *trouble, WorkerReport *reterr);

/* The same for a server's answer other than what was asked for. */
int http_explain_status(long status, const HttpTrouble *trouble, WorkerReport *reterr);
