/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the knowledge of how skopeo(1) speaks. Its messages are those of its library
 * and of the registry, nested in each other; what they are about is told by words
 * that have been the same since it exists, and what is not recognised is shown as it is. */

#include "daemon/fetch-skopeo.h"

#include <stdio.h>
#include <string.h>

#include "shared/text.h"

#define DEFAULT_REGISTRY "docker.io"

size_t skopeo_registry(const char *reference, const char **ret) {
        size_t n = strcspn(reference, "/");

        /* Of a name without a dot, a port or this one word it is the first part. */
        if (reference[n] == '/' && (memchr(reference, '.', n) || memchr(reference, ':', n) ||
                                    (n == strlen("localhost") && strncmp(reference, "localhost", n) == 0))) {
                *ret = reference;
                return n;
        }
        *ret = DEFAULT_REGISTRY;
        return strlen(DEFAULT_REGISTRY);
}

char *skopeo_reference_by_digest(const char *reference, const char *digest) {
        const char *slash = strrchr(reference, '/');
        const char *last = slash ? slash + 1 : reference;
        char *other = NULL;

        return asprintf(&other, "%.*s@sha256:%s", (int)(last - reference + strcspn(last, ":@")), reference, digest) < 0
                               ? NULL
                               : other;
}

static bool is_word(const char *s, size_t n, const char *word) {
        return n == strlen(word) && strncmp(s, word, n) == 0;
}

/* 127.0.0.0/8, and not 127.example.org. */
static bool is_loopback_address(const char *host, size_t n) {
        return n > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= n;
}

bool skopeo_registry_is_loopback(const char *reference) {
        const char *host;
        size_t n = skopeo_registry(reference, &host);

        if (n >= 5 && strncmp(host, "[::1]", 5) == 0 && (n == 5 || host[5] == ':'))
                return true;
        for (size_t i = 0; i < n; i++)
                if (host[i] == ':')
                        n = i;
        return is_word(host, n, "localhost") || is_loopback_address(host, n);
}

/* The value of msg="…", in which Go has put \ before quotes and \n for line breaks. */
static size_t unquote(const char *s, char *ret, size_t size) {
        size_t n = 0;

        for (; *s && *s != '"' && n < size; s++) {
                if (*s != '\\' || !s[1])
                        ret[n++] = *s;
                else if (*++s == 'n' || *s == 't' || *s == 'r')
                        ret[n++] = ' ';
                else
                        ret[n++] = *s;
        }
        return n;
}

void skopeo_read_line(const char *line, char *reason, size_t size) {
        const char *message = strstr(line, " msg=\"");
        char text[2048];
        size_t n;

        if (strstr(line, "level=fatal") && message) {
                n = unquote(message + strlen(" msg=\""), text, sizeof(text));
                text_escape(text, n, reason, size);
        } else if (strncmp(line, "Copying ", 8) != 0 && strncmp(line, "Writing ", 8) != 0 &&
                   strncmp(line, "time=", 5) != 0) {
                /* An older or newer one, or the runtime of its language. */
                text_escape(line, strlen(line), reason, size);
        }
}

typedef enum Trouble {
        TROUBLE_LOGIN,
        TROUBLE_UNKNOWN_IMAGE,
        TROUBLE_TLS,
        TROUBLE_REACHING,
        TROUBLE_DIGEST,
        TROUBLE_POLICY,
        TROUBLE_MACHINE,
        TROUBLE_SPACE,
        TROUBLE_KIND,
        TROUBLE_OTHER,
} Trouble;

/* The first that fits: a message holds the more general ones as well. */
static Trouble recognise(const char *reason) {
        static const struct {
                const char *words;
                Trouble trouble;
        } signs[] = {
                { "no space left on device", TROUBLE_SPACE },
                { "disk quota exceeded", TROUBLE_SPACE },
                { "index.json: no such file", TROUBLE_KIND },
                { "oci-layout: no such file", TROUBLE_KIND },
                { "manifest.json: file does not exist", TROUBLE_KIND },
                { "x509:", TROUBLE_TLS },
                { "tls:", TROUBLE_TLS },
                { "server gave HTTP response to HTTPS client", TROUBLE_TLS },
                { "unauthorized", TROUBLE_LOGIN },
                { "authentication required", TROUBLE_LOGIN },
                { "invalid username/password", TROUBLE_LOGIN },
                { "access to the resource is denied", TROUBLE_LOGIN },
                { "manifest unknown", TROUBLE_UNKNOWN_IMAGE },
                { "name unknown", TROUBLE_UNKNOWN_IMAGE },
                { "no descriptor found for reference", TROUBLE_UNKNOWN_IMAGE },
                { "not found in archive", TROUBLE_UNKNOWN_IMAGE },
                { "not found in the archive", TROUBLE_UNKNOWN_IMAGE },
                { "Tag \"", TROUBLE_UNKNOWN_IMAGE },
                { "rejected by policy", TROUBLE_POLICY },
                { "policy.json", TROUBLE_POLICY },
                { "signature was required", TROUBLE_POLICY },
                { "Digest did not match", TROUBLE_DIGEST },
                { "igest mismatch", TROUBLE_DIGEST },
                { "does not match", TROUBLE_DIGEST },
                { "no image found in image index for architecture", TROUBLE_MACHINE },
                { "no image found in manifest list for architecture", TROUBLE_MACHINE },
                { "dial tcp", TROUBLE_REACHING },
                { "no such host", TROUBLE_REACHING },
                { "connection refused", TROUBLE_REACHING },
                { "i/o timeout", TROUBLE_REACHING },
        };

        for (size_t i = 0; i < ELEMENTSOF(signs); i++)
                if (strstr(reason, signs[i].words))
                        return signs[i].trouble;
        return TROUBLE_OTHER;
}

static int explain_registry(Trouble trouble, const char *reference, const char *reason, WorkerReport *reterr) {
        const char *host;
        int n = (int)skopeo_registry(reference, &host);

        switch (trouble) {
        case TROUBLE_LOGIN:
                return worker_report_fail(
                                reterr, LXSS_ERROR_ACCESS_DENIED,
                                "The registry %.*s gives %s only to those who are logged in, or has no such image. "
                                "Log in: skopeo login %.*s",
                                n, host, reference, n, host);
        case TROUBLE_UNKNOWN_IMAGE:
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE, "The registry %.*s has no image %s.",
                                          n, host, reference);
        case TROUBLE_TLS:
                return worker_report_fail(
                                reterr, LXSS_ERROR_TOOL_FAILED,
                                "The registry %.*s has no certificate that can be trusted (%s). If it is to be, put "
                                "its authority's into ~/.config/containers/certs.d/%.*s/ca.crt, or name it with "
                                "SSL_CERT_FILE.",
                                n, host, reason, n, host);
        case TROUBLE_REACHING:
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "The registry %.*s cannot be reached: %s.",
                                          n, host, reason);
        default:
                return 0;
        }
}

/* One kind of archive is easily taken for the other. */
static int explain_kind(const char *transport, WorkerReport *reterr) {
        if (streq(transport, IMAGE_DOCKER_ARCHIVE))
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                          "This is not what docker save writes. Of an OCI image the file is "
                                          "oci-archive:FILE; a root file system's goes without either.");
        if (streq(transport, IMAGE_LAYOUT_ARCHIVE))
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                          "This is no OCI image in a tar. What docker save wrote is "
                                          "docker-archive:FILE; a root file system's goes without either.");
        return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE, "This directory is no OCI image layout.");
}

int skopeo_explain(const char *transport, const char *reference, const char *reason, WorkerReport *reterr) {
        Trouble trouble = recognise(reason);
        int r = streq(transport, IMAGE_REGISTRY) ? explain_registry(trouble, reference, reason, reterr) : 0;

        if (r < 0)
                return r;
        switch (trouble) {
        case TROUBLE_UNKNOWN_IMAGE:
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE, "The source has no image %s (%s).",
                                          *reference ? reference : "without a name", reason);
        case TROUBLE_DIGEST:
                return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The image is damaged: %s.", reason);
        case TROUBLE_POLICY:
                return worker_report_fail(
                                reterr, LXSS_ERROR_ACCESS_DENIED,
                                "The policy of this host (containers-policy.json(5)) does not let the image in: %s.",
                                reason);
        case TROUBLE_MACHINE:
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                          "There is no such image for this machine: %s.", reason);
        case TROUBLE_KIND:
                return explain_kind(transport, reterr);
        case TROUBLE_SPACE:
                return worker_report_fail(reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left for the image. Make room and try again.");
        default:
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "skopeo could not get the image: %s",
                                          *reason ? reason : "it gave no reason.");
        }
}
