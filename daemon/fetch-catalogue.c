/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of all catalogues, one after the other. All of them must be there: a name that is
 * taken from one since another did not answer might be another thing. */

#include "daemon/fetch-catalogue.h"

#include <sys/utsname.h>

#include "daemon/fetch-catalogue-json.h"
#include "daemon/fetch-confine.h"
#include "daemon/fetch-file.h"
#include "daemon/fetch-http.h"

typedef struct Text {
        GByteArray *bytes;
        WorkerReport *reterr;
} Text;

static int take(const void *bytes, size_t n, void *userdata) {
        Text *text = userdata;

        if (text->bytes->len + n > CATALOGUE_JSON_MAX)
                return worker_report_fail(text->reterr, LXSS_ERROR_CATALOGUE_DAMAGED,
                                          "A catalogue has more than %d MiB. Is its address right?",
                                          CATALOGUE_JSON_MAX >> 20);
        g_byte_array_append(text->bytes, bytes, (guint)n);
        return 0;
}

static int read_one(const char *url, const HttpGet *http, int file, Text *text) {
        HttpGet get = *http;

        get.url = url;
        get.userdata = text;
        return file >= 0 ? fetch_file_copy(file, NULL, take, text, text->reterr) : http_get(&get, text->reterr);
}

static int add_one(Catalogue *catalogue, const char *url, const HttpGet *http, int file, WorkerReport *reterr) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        Text text = { .bytes = bytes, .reterr = reterr };
        struct utsname system;
        int r;

        r = read_one(url, http, file, &text);
        if (r < 0)
                return r;
        (void)uname(&system);
        return catalogue_read_json(catalogue, (const char *)bytes->data, bytes->len, system.machine, url, reterr);
}

static int write_out(const Catalogue *catalogue, int target, WorkerReport *reterr) {
        g_autoptr(GByteArray) bytes = catalogue_encode(catalogue);

        if (bytes->len > CATALOGUE_SIZE_MAX)
                return worker_report_fail(reterr, LXSS_ERROR_CATALOGUE_DAMAGED,
                                          "The catalogues have too many entries.");
        return write_all(target, bytes->data, bytes->len) < 0 ?
                       worker_report_fail(reterr, LXSS_ERROR_FAILED, "The catalogue cannot be passed on.") :
                       0;
}

/* Opened while there may still be rights that it takes. */
static int open_files(char **urls, int *ret_files, WorkerReport *reterr) {
        for (size_t i = 0; urls[i]; i++) {
                ret_files[i] = fetch_file_is_url(urls[i]) ? fetch_file_open(urls[i], reterr) : -EBADF;
                if (ret_files[i] < 0 && fetch_file_is_url(urls[i]))
                        return ret_files[i];
        }
        return 0;
}

int fetch_catalogue(const char *urls, unsigned patience, int target, WorkerReport *reterr) {
        g_autoptr(Catalogue) catalogue = catalogue_new();
        g_auto(GStrv) each = g_strsplit(urls, " ", -1);
        g_autofree int *files = g_new(int, g_strv_length(each) + 1);
        HttpTrust trust = { 0 };
        HttpGet http = { .trust = &trust, .patience = patience, .take = take };
        int r;

        r = open_files(each, files, reterr);
        if (r == 0)
                r = http_trust_read(&trust, reterr);
        if (r == 0)
                r = fetch_confine(reterr);
        for (size_t i = 0; r == 0 && each[i]; i++)
                r = add_one(catalogue, each[i], &http, files[i], reterr);
        free(trust.certificates);
        return r < 0 ? r : write_out(catalogue, target, reterr);
}
