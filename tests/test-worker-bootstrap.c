/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of the host's package sources a new distribution gets, and what mmdebstrap's output means. */

#include <check.h>

#include "daemon/worker-bootstrap.h"
#include "daemon/worker-sources.h"

#define KEY "/usr/share/keyrings/debian-archive-keyring.gpg"

static const char debian_sources[] = "# comment\n"
                                     "Types: deb\n"
                                     "# another\n"
                                     "URIs: http://mirror.example/debian\n"
                                     "Suites: bookworm\n"
                                     "  bookworm-updates\n"
                                     "Components: main contrib\n"
                                     "Signed-By: " KEY "\n"
                                     "\n"
                                     "Types: deb deb-src\n"
                                     "URIs: http://mirror.example/debian-security/\n"
                                     "Suites: bookworm-security\n"
                                     "Components: main\n"
                                     "\n"
                                     "Types: deb\n"
                                     "URIs: http://mirror.example/debian\n"
                                     "Suites: bookworm-backports\n"
                                     "Components: main\n";

static void assert_lines(const SourceList *list, const char *suite, const char *vendor, const char *expected) {
        _cleanup_free_ char *lines = source_list_for_suite(list, suite, vendor);

        if (expected)
                ck_assert_str_eq(lines, expected);
        else
                ck_assert_ptr_null(lines);
}

START_TEST(the_hosts_own_lines_serve_its_suite) {
        SourceList list = { 0 };

        source_list_add_deb822(&list, debian_sources);
        assert_lines(&list, "bookworm", "debian",
                     "deb [signed-by=" KEY "] http://mirror.example/debian bookworm main contrib\n"
                     "deb [signed-by=" KEY "] http://mirror.example/debian bookworm-updates main contrib\n"
                     "deb http://mirror.example/debian-security/ bookworm-security main\n");
        source_list_done(&list);
}
END_TEST

START_TEST(another_suite_of_the_vendor_comes_from_the_same_mirror) {
        SourceList list = { 0 };

        source_list_add_deb822(&list, debian_sources);
        assert_lines(&list, "trixie", "debian",
                     "deb http://mirror.example/debian trixie main contrib\n"
                     "deb http://mirror.example/debian trixie-updates main contrib\n"
                     "deb http://mirror.example/debian-security/ trixie-security main\n");
        assert_lines(&list, "sid", "debian", "deb http://mirror.example/debian sid main\n");
        assert_lines(&list, "noble", "ubuntu", NULL);
        assert_lines(&list, "nosuch", NULL, NULL);
        source_list_done(&list);
}
END_TEST

START_TEST(the_default_mirror_is_left_to_mmdebstrap) {
        SourceList list = { 0 };

        source_list_add_one_line(&list, "deb http://deb.debian.org/debian bookworm main\n");
        assert_lines(&list, "trixie", "debian", NULL);
        assert_lines(&list, "bookworm", "debian", "deb http://deb.debian.org/debian bookworm main\n");
        source_list_done(&list);
}
END_TEST

START_TEST(one_line_style_is_read_with_its_options) {
        SourceList list = { 0 };

        source_list_add_one_line(&list,
                                 "#deb http://x/debian bookworm main\n"
                                 "deb-src http://x/debian bookworm main\n"
                                 "  deb\t[ arch=amd64 signed-by=" KEY " check-valid-until=no ]\t http://y/debian/ \t "
                                 "bookworm  main\tcontrib # why\n"
                                 "deb http://y/debian bookworm\n"
                                 "deb [broken http://y/debian bookworm main\n"
                                 "deb\n"
                                 "nonsense\n");
        assert_lines(&list, "bookworm", "debian",
                     "deb [signed-by=" KEY " check-valid-until=no] http://y/debian/ bookworm main contrib\n");
        source_list_done(&list);
}
END_TEST

START_TEST(other_peoples_repositories_are_not_taken_over) {
        SourceList list = { 0 };

        source_list_add_one_line(&list,
                                 "deb https://apt.vendor.example bookworm main\n"
                                 "deb https://download.docker.com/linux/debian bookworm stable\n"
                                 "deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example/debian bookworm main\n"
                                 "deb file:///srv/debian bookworm main\n"
                                 "deb cdrom:[Debian]/ bookworm main\n"
                                 "deb https://packages.cloud.google.com/apt cloud-sdk-bookworm main\n");
        source_list_add_deb822(&list, "Types: deb\nURIs: https://v.example/debian\nSuites: bookworm\nComponents: main\n"
                                      "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
                                      "\nTypes: deb\nEnabled: no\nURIs: http://z/debian\nSuites: bookworm\nComponents: main\n");
        ck_assert_uint_eq(list.n_entries, 0);
        source_list_done(&list);
}
END_TEST

START_TEST(ubuntus_suites_share_one_archive) {
        SourceList list = { 0 };

        source_list_add_deb822(&list, "Types: deb\nURIs: http://de.archive.ubuntu.com/ubuntu/\n"
                                      "Suites: noble noble-updates noble-backports\nComponents: main universe\n\n"
                                      "Types: deb\nURIs: http://security.ubuntu.com/ubuntu/\nSuites: noble-security\n"
                                      "Components: main universe\n");
        assert_lines(&list, "jammy", "ubuntu",
                     "deb http://de.archive.ubuntu.com/ubuntu/ jammy main universe\n"
                     "deb http://de.archive.ubuntu.com/ubuntu/ jammy-updates main universe\n"
                     "deb http://security.ubuntu.com/ubuntu/ jammy-security main universe\n");
        source_list_done(&list);
}
END_TEST

START_TEST(output_tells_progress_and_the_first_error) {
        BootstrapOutput output = { 0 };

        ck_assert_int_eq(worker_bootstrap_read_line(&output, "I: extracting archives..."), 350);
        ck_assert_int_eq(worker_bootstrap_read_line(&output, "I: something new"), -1);
        ck_assert_int_eq(worker_bootstrap_read_line(&output, "Get:1 http://x"), -1);
        ck_assert_int_eq(worker_bootstrap_read_line(&output, "E: first \033[1m"), -1);
        ck_assert_int_eq(worker_bootstrap_read_line(&output, "E: x does not have a Release file."), -1);
        ck_assert_str_eq(output.error, "first \\x1b[1m");
        ck_assert(output.release_missing);
        ck_assert(!output.no_space);
        worker_bootstrap_read_line(&output, "tar: x: No space left on device");
        ck_assert(output.no_space);
}
END_TEST

static void assert_refused(const char *suite, const char *map_text, LxssError error) {
        WorkerReport report = { 0 };
        IdMap map;

        ck_assert_int_eq(id_map_parse(map_text, &map), 0);
        ck_assert_int_lt(worker_bootstrap_check(suite, &map, &map, &report), 0);
        ck_assert_int_eq(report.error, error);
}

START_TEST(what_cannot_work_is_refused_first) {
        assert_refused("", "0 0 65536\n", LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused("--help", "0 0 65536\n", LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused("Bookworm", "0 0 65536\n", LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused("../x", "0 0 65536\n", LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused("bookworm", "0 1000 1\n", LXSS_ERROR_HOST_UNSUITABLE);
        ck_assert_int_eq(setenv("PATH", "/nonexistent", 1), 0);
        assert_refused("bookworm", "0 0 65536\n", LXSS_ERROR_TOOL_MISSING);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-bootstrap");
        TCase *sources = tcase_create("sources"), *tool = tcase_create("mmdebstrap");
        SRunner *runner;
        int failed;

        tcase_add_test(sources, the_hosts_own_lines_serve_its_suite);
        tcase_add_test(sources, another_suite_of_the_vendor_comes_from_the_same_mirror);
        tcase_add_test(sources, the_default_mirror_is_left_to_mmdebstrap);
        tcase_add_test(sources, one_line_style_is_read_with_its_options);
        tcase_add_test(sources, other_peoples_repositories_are_not_taken_over);
        tcase_add_test(sources, ubuntus_suites_share_one_archive);
        tcase_add_test(tool, output_tells_progress_and_the_first_error);
        tcase_add_test(tool, what_cannot_work_is_refused_first);
        suite_add_tcase(suite, sources);
        suite_add_tcase(suite, tool);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
