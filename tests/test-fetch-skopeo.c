/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/fetch-skopeo.h"

#include "tests/test.h"

static void assert_registry(const char *reference, const char *wanted) {
        const char *host = NULL;
        size_t n = skopeo_registry(reference, &host);

        ck_assert_uint_eq(n, strlen(wanted));
        ck_assert_msg(strncmp(host, wanted, n) == 0, "%s", reference);
}

START_TEST(the_registry_is_named_or_docker_s) {
        assert_registry("debian", "docker.io");
        assert_registry("library/debian:bookworm", "docker.io");
        assert_registry("debian:5000", "docker.io");
        assert_registry("quay.io/a/b@sha256:00", "quay.io");
        assert_registry("localhost/a", "localhost");
        assert_registry("host:5000/a:b", "host:5000");
        assert_registry("[::1]:5000/a", "[::1]:5000");
        assert_registry("", "docker.io");
}
END_TEST

static void assert_by_digest(const char *reference, const char *wanted) {
        _cleanup_free_ char *found = skopeo_reference_by_digest(reference, "00");

        ck_assert_str_eq(found, wanted);
}

START_TEST(a_digest_takes_the_place_of_tag_and_digest) {
        assert_by_digest("debian", "debian@sha256:00");
        assert_by_digest("debian:bookworm", "debian@sha256:00");
        assert_by_digest("host:5000/a/b:tag", "host:5000/a/b@sha256:00");
        assert_by_digest("host:5000/a", "host:5000/a@sha256:00");
        assert_by_digest("[::1]:5000/a:tag@sha256:11", "[::1]:5000/a@sha256:00");
}
END_TEST

START_TEST(only_this_machine_is_loopback) {
        ck_assert(skopeo_registry_is_loopback("localhost/a"));
        ck_assert(skopeo_registry_is_loopback("localhost:5000/a"));
        ck_assert(skopeo_registry_is_loopback("127.0.0.1:5000/a"));
        ck_assert(skopeo_registry_is_loopback("127.1.2.3/a"));
        ck_assert(skopeo_registry_is_loopback("[::1]/a"));
        ck_assert(skopeo_registry_is_loopback("[::1]:5000/a"));
        ck_assert(!skopeo_registry_is_loopback("localhost"));
        ck_assert(!skopeo_registry_is_loopback("localhost.example.org/a"));
        ck_assert(!skopeo_registry_is_loopback("127.0.0.1.example.org/a"));
        ck_assert(!skopeo_registry_is_loopback("127.example.org:5000/a"));
        ck_assert(!skopeo_registry_is_loopback("10.0.0.1:5000/a"));
        ck_assert(!skopeo_registry_is_loopback("[::2]:5000/a"));
        ck_assert(!skopeo_registry_is_loopback("[::1]x/a"));
        ck_assert(!skopeo_registry_is_loopback("debian"));
}
END_TEST

START_TEST(the_reason_is_the_fatal_message_or_the_last_line) {
        char reason[64] = "";

        skopeo_read_line("Copying blob sha256:00", reason, sizeof(reason));
        skopeo_read_line("time=\"now\" level=warning msg=\"never mind\"", reason, sizeof(reason));
        ck_assert_str_eq(reason, "");
        skopeo_read_line("panic: something", reason, sizeof(reason));
        ck_assert_str_eq(reason, "panic: something");
        skopeo_read_line("time=\"now\" level=fatal msg=\"Get \\\"https://x\\\": no\\n\"", reason, sizeof(reason));
        ck_assert_str_eq(reason, "Get \"https://x\": no ");
        skopeo_read_line("time=\"now\" level=fatal msg=\"a\033[31m and more than there is room for, by far, as "
                         "registries like it\"",
                         reason, sizeof(reason));
        ck_assert_ptr_null(strchr(reason, '\033'));
        ck_assert_uint_lt(strlen(reason), sizeof(reason));
}
END_TEST

static void assert_explained(const char *transport, const char *reason, LxssError error, const char *words) {
        WorkerReport report;

        ck_assert_int_lt(skopeo_explain(transport, "host:5000/image:tag", reason, &report), 0);
        ck_assert_int_eq(report.error, error);
        ck_assert_msg(strstr(report.text, words), "%s", report.text);
}

START_TEST(each_trouble_gets_its_sentence) {
        assert_explained("docker", "reading manifest: unauthorized: authentication required", LXSS_ERROR_ACCESS_DENIED,
                         "skopeo login host:5000");
        assert_explained("docker", "requested access to the resource is denied", LXSS_ERROR_ACCESS_DENIED,
                         "skopeo login");
        assert_explained("docker", "manifest unknown: manifest unknown", LXSS_ERROR_UNSUPPORTED_SOURCE,
                         "no image host:5000/image:tag");
        assert_explained("docker", "dial tcp 127.0.0.1:1: connect: connection refused", LXSS_ERROR_TOOL_FAILED,
                         "cannot be reached");
        assert_explained("docker", "Get \"https://h/v2/\": x509: certificate signed by unknown authority",
                         LXSS_ERROR_TOOL_FAILED, "~/.config/containers/certs.d/host:5000/ca.crt");
        assert_explained("docker", "http: server gave HTTP response to HTTPS client", LXSS_ERROR_TOOL_FAILED,
                         "certs.d/host:5000");
        assert_explained("docker", "write: no space left on device", LXSS_ERROR_NO_SPACE, "space");
        assert_explained("oci", "Digest did not match, expected sha256:0, got sha256:1", LXSS_ERROR_ARCHIVE_DAMAGED,
                         "damaged");
        assert_explained("oci", "no descriptor found for reference \"x\"", LXSS_ERROR_UNSUPPORTED_SOURCE, "no image");
        assert_explained("oci", "Source image rejected: Running image oci:x is rejected by policy.",
                         LXSS_ERROR_ACCESS_DENIED, "policy");
        assert_explained("docker", "no image found in manifest list for architecture amd64",
                         LXSS_ERROR_UNSUPPORTED_SOURCE, "machine");
        assert_explained("oci", "something else", LXSS_ERROR_TOOL_FAILED, "something else");
        assert_explained("oci", "", LXSS_ERROR_TOOL_FAILED, "no reason");
}
END_TEST

int main(void) {
        return RUN_TESTS("fetch-skopeo", the_registry_is_named_or_docker_s, a_digest_takes_the_place_of_tag_and_digest,
                         only_this_machine_is_loopback, the_reason_is_the_fatal_message_or_the_last_line,
                         each_trouble_gets_its_sentence);
}
