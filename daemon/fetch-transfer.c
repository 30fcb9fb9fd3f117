/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns an archive behind a URL as a source. What the caller's rights are needed for is opened first. */

#include "daemon/fetch-transfer.h"

#include "daemon/fetch-confine.h"
#include "daemon/fetch-file.h"
#include "daemon/fetch-http.h"

/* -EPIPE: whoever unpacks it has all that it wants; whether that was enough is for it to say. */
static int take(const void *bytes, size_t n, void *userdata) {
        const FetchTransfer *transfer = userdata;

        return write_all(transfer->target, bytes, n);
}

static int fail_to_write(int r, WorkerReport *reterr) {
        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The archive cannot be passed on: %s.", strerror(-r));
}

static int get(const FetchTransfer *transfer, int file, const HttpTrust *trust, WorkerReport *reterr) {
        const HttpGet http = {
                .url = transfer->url,
                .trust = trust,
                .patience = transfer->patience,
                .progress = transfer->progress,
                .take = take,
                .userdata = (void *)transfer,
        };

        *reterr = (WorkerReport){ .kind = WORKER_REPORT_INVALID };
        (void)worker_report_text(transfer->progress->fd, WORKER_REPORT_STAGE, file >= 0 ? "extracting" : "downloading");
        return file >= 0 ? fetch_file_copy(file, transfer->progress, take, (void *)transfer, reterr) : http_get(&http, reterr);
}

int fetch_transfer(const FetchTransfer *transfer, WorkerReport *reterr) {
        _cleanup_close_ int file = -EBADF;
        HttpTrust trust = { 0 };
        int r;

        if (fetch_file_is_url(transfer->url))
                r = file = fetch_file_open(transfer->url, reterr);
        else
                r = http_trust_read(&trust, reterr);
        if (r >= 0)
                r = fetch_confine(reterr);
        if (r >= 0)
                r = get(transfer, file, &trust, reterr);
        free(trust.certificates);
        if (r == -EPIPE && reterr->kind != WORKER_REPORT_ERROR)
                return 0;
        return r < 0 && reterr->kind != WORKER_REPORT_ERROR ? fail_to_write(r, reterr) : r;
}
