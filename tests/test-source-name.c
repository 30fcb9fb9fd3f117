/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names that sources suggest, and what of a URL may be shown. */

#include "shared/source-name.h"
#include "tests/test.h"

START_TEST(a_distribution_is_named_after_its_archive) {
        static const struct {
                const char *path, *name;
        } cases[] = {
                { "/x/debian-12.tar.xz", "debian-12" }, { "alpine.tgz", "alpine" }, { "Ubuntu.wsl", "Ubuntu" },
                { "./plain.tar", "plain" },             { "rootfs", "rootfs" },     { "a.TAR.GZ", "a" },
                { "notes.gz", "notes" },                { ".tar", ".tar" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *name = source_default_name(cases[i].path);

                ck_assert_str_eq(name, cases[i].name);
        }
}
END_TEST

START_TEST(a_distribution_is_named_after_the_last_part_of_its_url) {
        static const struct {
                const char *url, *name;
        } cases[] = {
                { "https://example.org/a/debian-12.tar.xz", "debian-12" },
                { "https://example.org/a/Ubuntu.wsl?token=a/b.tar", "Ubuntu" },
                { "http://example.org/rootfs.tar#part/two", "rootfs" },
                { "http://example.org/a/", "a" },
                { "http://example.org", "" },
                { "http://example.org?x=/a.tar", "" },
                { "file:///srv/debian.tar.gz", "debian" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *name = source_default_name_of_url(cases[i].url);

                ck_assert_str_eq(name, cases[i].name);
        }
}
END_TEST

START_TEST(a_url_is_shown_without_its_secrets) {
        static const struct {
                const char *url, *shown;
        } cases[] = {
                { "https://example.org/a.tar", "https://example.org/a.tar" },
                { "https://anna:secret@example.org/a.tar", "https://example.org/a.tar" },
                { "https://anna:se@cret@example.org:8080/a.tar", "https://example.org:8080/a.tar" },
                { "https://example.org/a@b.tar?token=secret#x", "https://example.org/a@b.tar" },
                { "https://example.org?token=secret", "https://example.org" },
                { "file:///srv/a.tar", "file:///srv/a.tar" },
                { "bootstrap:bookworm", "bootstrap:bookworm" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = source_public_url(cases[i].url);

                ck_assert_str_eq(shown, cases[i].shown);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("source-name", a_distribution_is_named_after_its_archive,
                         a_distribution_is_named_after_the_last_part_of_its_url, a_url_is_shown_without_its_secrets);
}
