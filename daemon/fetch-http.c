/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transfers by HTTP, through libcurl. Owns what may be followed and trusted, and how
 * a transfer that broke is taken up again: what was taken is with whoever unpacks
 * it, so the rest must be that of the same thing (RFC 9110, If-Range), or there
 * is none. */

#include "daemon/fetch-http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "daemon/fetch-http-error.h"
#include "shared/source-name.h"

#define RESUMPTIONS_MAX 5
#define CERTIFICATES_MAX (4 * 1024 * 1024)

typedef struct Transfer {
        const HttpGet *get;
        CURL *curl;
        HttpTrouble trouble;
        char detail[CURL_ERROR_SIZE];
        char *validator;     /* what tells whether it is still the same: a strong ETag or a date; NULL: nothing */
        uint64_t taken;
        curl_off_t total;    /* negative: not known */
        bool judged;         /* the answer that comes now is the one asked for, or: */
        int verdict;         /* why it is not; 0 */
        unsigned resumptions;
        WorkerReport *reterr;
} Transfer;

static void curl_cleanup(CURL **curl) {
        curl_easy_cleanup(*curl);
}

static void slist_free(struct curl_slist **list) {
        curl_slist_free_all(*list);
}

int http_trust_read(HttpTrust *ret, WorkerReport *reterr) {
        const char *path = getenv("CURL_CA_BUNDLE");
        int r;

        if (str_empty(path))
                path = getenv("SSL_CERT_FILE");
        if (str_empty(path))
                return 0;
        /* lxssd's directory is not the caller's. */
        r = *path == '/' ? read_linked_file(path, CERTIFICATES_MAX, &ret->certificates, &ret->size) : -EINVAL;
        if (r == 0)
                return 0;
        return worker_report_fail(
                        reterr, LXSS_ERROR_INVALID_ARGUMENT,
                        "The certificates in %s, which SSL_CERT_FILE or CURL_CA_BUNDLE names, cannot be read: %s. "
                        "It must be a file with a path from / on.",
                        path, strerror(-r));
}

/* Of the answer that is being read, after all redirects; NULL where it is missing. */
static const char *header(const Transfer *transfer, const char *name) {
        struct curl_header *found;

        return curl_easy_header(transfer->curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : NULL;
}

static long status_of(const Transfer *transfer) {
        long status = 0;

        (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

static int fail(Transfer *transfer, const char *why) {
        return worker_report_fail(transfer->reterr, LXSS_ERROR_TRANSFER_FAILED, "%s: %s", transfer->trouble.url, why);
}

/* A weak ETag (W/"…") promises less than the same bytes. */
static const char *find_validator(const Transfer *transfer) {
        const char *tag = header(transfer, "ETag");

        return tag && *tag == '"' ? tag : header(transfer, "Last-Modified");
}

static int begin(Transfer *transfer) {
        const char *validator = find_validator(transfer);

        (void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &transfer->total);
        transfer->validator = validator ? strdup(validator) : NULL;
        return 0;
}

/* Whether "bytes FIRST-LAST/TOTAL" is the rest of what we have the beginning of. */
static bool is_the_rest(const Transfer *transfer) {
        const char *range = header(transfer, "Content-Range"), *tag = header(transfer, "ETag");
        unsigned long long first, last, total;

        if (!range || sscanf(range, "bytes %llu-%llu/%llu", &first, &last, &total) != 3)
                return false;
        return first == transfer->taken && last + 1 == total &&
               (transfer->total < 0 || (curl_off_t)total == transfer->total) &&
               (!tag || *transfer->validator != '"' || streq(tag, transfer->validator));
}

static int judge_resumption(Transfer *transfer, long status) {
        const char *validator = find_validator(transfer);

        if (status == 206)
                return is_the_rest(transfer) ? 0
                                             : fail(transfer, "the transfer broke, and the server goes on with "
                                                              "something else. Try again.");
        if (status == 200 && validator && streq(validator, transfer->validator))
                return fail(transfer, "the transfer broke, and the server cannot go on in the middle. Try again.");
        if (status == 200 || status == 412 || status == 416)
                return fail(transfer, "the transfer broke, and what the server has has changed meanwhile. Try again.");
        return http_explain_status(status, &transfer->trouble, transfer->reterr);
}

/* Whether an answer is what was asked for, before a byte of it is taken. */
static int judge(Transfer *transfer) {
        long status = status_of(transfer);

        transfer->judged = true;
        if (transfer->resumptions > 0)
                return judge_resumption(transfer, status);
        return status == 200 ? begin(transfer) : http_explain_status(status, &transfer->trouble, transfer->reterr);
}

static size_t on_bytes(char *bytes, size_t one _unused_, size_t n, void *userdata) {
        Transfer *transfer = userdata;

        if (!transfer->judged)
                transfer->verdict = judge(transfer);
        if (transfer->verdict == 0)
                transfer->verdict = transfer->get->take(bytes, n, transfer->get->userdata);
        if (transfer->verdict < 0)
                return CURL_WRITEFUNC_ERROR;
        transfer->taken += n;
        if (transfer->get->progress && transfer->total > 0)
                worker_progress_update_part(transfer->get->progress, transfer->taken, (uint64_t)transfer->total);
        return n;
}

/* https is never left for http, nor either of them for a file of this machine. */
static bool limit_protocols(Transfer *transfer) {
        bool secure = strncasecmp(transfer->get->url, "https:", strlen("https:")) == 0;

        return curl_easy_setopt(transfer->curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl_easy_setopt(transfer->curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https") ==
                               CURLE_OK;
}

/* A login goes to the host of the URL only, which is libcurl's default, and no other secret is sent. */
static int prepare(Transfer *transfer) {
        const HttpTrust *trust = transfer->get->trust;
        CURL *curl = transfer->curl;
        struct curl_blob blob = { .data = trust->certificates, .len = trust->size, .flags = CURL_BLOB_NOCOPY };
        long patience = transfer->get->patience;

        if (limit_protocols(transfer) && curl_easy_setopt(curl, CURLOPT_URL, transfer->get->url) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_USERAGENT, "lxss/" PACKAGE_VERSION) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, patience) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, patience) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
            (!trust->certificates || curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK))
                return 0;
        return fail(transfer, "that URL cannot be transferred. Look at how it is spelled.");
}

/* For an answer without a body, and for what the proxy says. */
static int judge_end(Transfer *transfer, CURLcode code) {
        long proxy = 0, number = 0;

        (void)curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_CONNECTCODE, &proxy);
        (void)curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &number);
        if (transfer->verdict < 0)
                return transfer->verdict;
        if (code == CURLE_OK)
                return transfer->judged ? 0 : judge(transfer);
        if (proxy >= 400)
                return http_explain_status(proxy, &transfer->trouble, transfer->reterr);
        if (code == CURLE_COULDNT_CONNECT && number > 0) /* libcurl leaves out which of the reasons it was */
                transfer->trouble.detail = strerror((int)number);
        return http_explain_code(code, &transfer->trouble, transfer->reterr);
}

static bool is_break(CURLcode code) {
        switch (code) {
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_COULDNT_CONNECT:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_SSL_CONNECT_ERROR:
                return true;
        default:
                return false;
        }
}

/* The first at once, then later: the server may have to come back. */
static void wait_for_server(unsigned resumptions) {
        const struct timespec pause = { .tv_sec = resumptions > 2 ? 2 : 1 };

        if (resumptions > 1)
                (void)nanosleep(&pause, NULL);
}

static CURLcode perform(Transfer *transfer) {
        _cleanup_(slist_free) struct curl_slist *headers = NULL;
        _cleanup_free_ char *condition = NULL, *range = NULL;

        if (transfer->resumptions > 0) {
                wait_for_server(transfer->resumptions);
                if (asprintf(&condition, "If-Range: %s", transfer->validator) < 0 ||
                    asprintf(&range, "%" PRIu64 "-", transfer->taken) < 0 ||
                    !(headers = curl_slist_append(NULL, condition)))
                        return CURLE_OUT_OF_MEMORY;
                (void)curl_easy_setopt(transfer->curl, CURLOPT_RANGE, range);
                (void)curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, headers);
        }
        transfer->judged = false;
        transfer->detail[0] = '\0';
        return curl_easy_perform(transfer->curl);
}

static int run(Transfer *transfer) {
        CURLcode code = perform(transfer);

        while (transfer->verdict == 0 && is_break(code) && transfer->taken > 0 &&
               transfer->resumptions < RESUMPTIONS_MAX) {
                if (!transfer->validator)
                        return fail(transfer, "the transfer broke, and the server says nothing (no ETag or "
                                              "Last-Modified) by which "
                                              "it could be taken up again. Try again.");
                transfer->resumptions++;
                code = perform(transfer);
        }
        return judge_end(transfer, code);
}

int http_get(const HttpGet *get, WorkerReport *reterr) {
        _cleanup_free_ char *url = source_public_url(get->url);
        _cleanup_(curl_cleanup) CURL *curl = curl_easy_init();
        Transfer transfer = { .get = get, .curl = curl, .total = -1, .reterr = reterr };
        int r;

        if (!url || !curl)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "There is not enough memory.");
        transfer.trouble = (HttpTrouble){ .url = url, .detail = transfer.detail, .patience = get->patience };
        r = prepare(&transfer);
        if (r == 0)
                r = run(&transfer);
        free(transfer.validator);
        return r;
}
