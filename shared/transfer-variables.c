/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of shared/transfer-variables.h. HTTP_PROXY is missing on purpose: in a
 * CGI program it is a header that anyone can send, and curl(1) heeds no such one. */

#include "shared/transfer-variables.h"

#include <string.h>

const char *const transfer_variables[] = { "http_proxy", "https_proxy",    "HTTPS_PROXY",   "all_proxy", "ALL_PROXY",
                                           "no_proxy",   "NO_PROXY",       "SSL_CERT_FILE", "CURL_CA_BUNDLE",
                                           NULL };

bool transfer_variable_is_known(const char *assignment) {
        for (const char *const *name = transfer_variables; *name; name++) {
                size_t n = strlen(*name);

                if (strncmp(assignment, *name, n) == 0 && assignment[n] == '=')
                        return true;
        }
        return false;
}
