/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What went wrong with a transfer, and what to do about it, by two tables. A
 * server's own words are not among them: they are a stranger's. */

#include "daemon/fetch-http-error.h"

#include <limits.h>

static const struct {
        CURLcode code;
        const char *what, *advice;
} code_table[] = {
        { CURLE_URL_MALFORMAT, "that is no URL", "Look at how it is spelled." },
        { CURLE_COULDNT_RESOLVE_HOST, "the name of the host cannot be resolved",
          "Is it spelled right, and is there a network?" },
        { CURLE_COULDNT_RESOLVE_PROXY, "the name of the proxy cannot be resolved",
          "It comes from http_proxy or https_proxy in your environment." },
        { CURLE_COULDNT_CONNECT, "the server cannot be connected to", "Is it up, and is the address right?" },
        { CURLE_PROXY, "the proxy does not serve", "It comes from http_proxy or https_proxy in your environment." },
        { CURLE_PEER_FAILED_VERIFICATION, "the server's certificate is not to be trusted",
          "Where its authority is your own, name the file with the authority's certificate in SSL_CERT_FILE." },
        { CURLE_SSL_CONNECT_ERROR, "there is no secure connection to the server",
          "Does it speak https on that port?" },
        { CURLE_UNSUPPORTED_PROTOCOL, "the server redirects to where it is not followed",
          "Only http and https are, and from https only https." },
        { CURLE_SSL_CACERT_BADFILE, "the certificates of the authorities cannot be read",
          "Which file they are in: SSL_CERT_FILE." },
        { CURLE_PARTIAL_FILE, "the transfer broke off before its end", "Try again." },
        { CURLE_RECV_ERROR, "the connection broke", "Try again." },
        { CURLE_SEND_ERROR, "the connection broke", "Try again." },
        { CURLE_GOT_NOTHING, "the server closed the connection without an answer",
          "Does it speak http on that port?" },
        { CURLE_WEIRD_SERVER_REPLY, "the server's answer makes no sense", "Does it speak http on that port?" },
};

int http_explain_code(CURLcode code, const HttpTrouble *trouble, WorkerReport *reterr) {
        const char *detail = *trouble->detail ? trouble->detail : curl_easy_strerror(code);

        if (code == CURLE_OPERATION_TIMEDOUT)
                return worker_report_fail(
                                reterr, LXSS_ERROR_TRANSFER_FAILED,
                                "%s: nothing came for %u s. Try again, or raise transfer-timeout in lxss.conf(5).",
                                trouble->url, trouble->patience);
        if (code == CURLE_TOO_MANY_REDIRECTS)
                return worker_report_fail(
                                reterr, LXSS_ERROR_TRANSFER_FAILED,
                                "%s: it is redirected more than %d times, which looks like it had no end. Is the "
                                "address right?",
                                trouble->url, HTTP_REDIRECTS_MAX);
        for (size_t i = 0; i < ELEMENTSOF(code_table); i++)
                if (code_table[i].code == code)
                        return worker_report_fail(reterr, LXSS_ERROR_TRANSFER_FAILED, "%s: %s (%s). %s", trouble->url,
                                                  code_table[i].what, detail, code_table[i].advice);
        return worker_report_fail(reterr, LXSS_ERROR_TRANSFER_FAILED, "%s cannot be transferred: %s.", trouble->url,
                                  detail);
}

int http_explain_status(long status, const HttpTrouble *trouble, WorkerReport *reterr) {
        static const struct {
                long first, last;
                LxssError error;
                const char *text;
        } table[] = {
                { 300, 399, LXSS_ERROR_TRANSFER_FAILED,
                  "the server redirects, and does not say where. Is the address right?" },
                { 401, 401, LXSS_ERROR_ACCESS_DENIED,
                  "the server wants a login. It can stand in the URL: https://USER:PASSWORD@HOST/…" },
                { 403, 403, LXSS_ERROR_ACCESS_DENIED, "the server does not give it to you. Is the address right?" },
                { 404, 404, LXSS_ERROR_NO_SUCH_SOURCE, "the server does not have it. Is the address right?" },
                { 407, 407, LXSS_ERROR_ACCESS_DENIED,
                  "the proxy wants a login. It can stand in http_proxy and https_proxy: "
                  "http://USER:PASSWORD@HOST:PORT" },
                { 410, 410, LXSS_ERROR_NO_SUCH_SOURCE, "the server no longer has it. Look for a newer address." },
                { 429, 429, LXSS_ERROR_TRANSFER_FAILED, "the server has had too many requests. Try again later." },
                { 500, 599, LXSS_ERROR_TRANSFER_FAILED, "the server has a trouble of its own. Try again later." },
                { LONG_MIN, LONG_MAX, LXSS_ERROR_TRANSFER_FAILED, "that is not what was asked for." },
        };
        size_t i = 0;

        while (status < table[i].first || status > table[i].last)
                i++;
        return worker_report_fail(reterr, table[i].error, "%s: HTTP %ld, %s", trouble->url, status, table[i].text);
}
