/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker's datagrams: what one end writes the other reads, and nothing else is read. */

#include <check.h>
#include <stdio.h>
#include <sys/socket.h>

#include "daemon/worker-report.h"
#include "shared/text.h"

static int decode(const char *text, WorkerReport *ret) {
        return worker_report_decode(text, strlen(text), ret);
}

static void assert_round_trip(const WorkerReport *report, const char *expected) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport back;
        ssize_t n = worker_report_encode(report, buffer, sizeof(buffer));

        ck_assert_int_eq(n, strlen(expected));
        ck_assert_mem_eq(buffer, expected, n);
        ck_assert_int_eq(worker_report_decode(buffer, n, &back), 0);
        ck_assert_int_eq(back.kind, report->kind);
        ck_assert_str_eq(back.text, report->text);
        ck_assert_uint_eq(back.permille, report->permille);
}

START_TEST(every_kind_of_report_survives_the_way) {
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_STAGE, .text = "extracting" }, "stage extracting");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_PROGRESS, .permille = 0 }, "progress 0");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_PROGRESS, .permille = 1000 }, "progress 1000");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_USER, .text = "anna" }, "user anna");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_RELEASE, .text = "Debian 12 „x“" },
                          "release Debian 12 „x“");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_NAME, .text = "Ubuntu-24.04" }, "name Ubuntu-24.04");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_OOBE }, "oobe");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_SHORTCUT, .text = "png" }, "shortcut png");
        assert_round_trip(&(WorkerReport){ .kind = WORKER_REPORT_WARNING, .text = "It is odd." },
                          "warning It is odd.");
        assert_round_trip(&(WorkerReport) { .kind = WORKER_REPORT_DONE }, "done");
        assert_round_trip(
                        &(WorkerReport){ .kind = WORKER_REPORT_ERROR, .error = LXSS_ERROR_NO_SPACE, .text = "Full." },
                        "error org.lxss.Error.NoSpace\nFull.");
}
END_TEST

START_TEST(malformed_reports_are_refused) {
        static const char *const bad[] = {
                "",          " ",           "done ",         "done x",        "Done",         "stage",
                "stage ",    "stage A",     "stage a\nb",    "progress",      "progress ",    "progress -1",
                "progress 01", "progress 1001", "progress 99999999999", "progress 1 ", "progress +1", "user ",
                "user Anna", "user a b",    "user -x",       "user a\n",      "release ",     "release a\033[1m",
                "release \xff", "release \xe2\x80\xae", "error", "error x\ny", "error org.lxss.Error.Failed",
                "error org.lxss.Error.Failed\n", "error org.lxss.Error.Failed\na\nb", "error Failed\nno",
                "stages extracting", "nothing at all", "name", "name ", "name ../x", "name a b", "name -x", "oobe ",
                "oobe now",  "shortcut ",   "shortcut ico",  "shortcut ../x", "warning ",      "warning a\nb",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                WorkerReport report = { .kind = WORKER_REPORT_MAX };

                ck_assert_msg(decode(bad[i], &report) == -EBADMSG, "accepted: %s", bad[i]);
                ck_assert_int_eq(report.kind, WORKER_REPORT_MAX);
        }
}
END_TEST

START_TEST(a_zero_byte_hides_nothing) {
        WorkerReport report;

        ck_assert_int_eq(worker_report_decode("done\0", 5, &report), -EBADMSG);
        ck_assert_int_eq(worker_report_decode("user a\0b", 8, &report), -EBADMSG);
}
END_TEST

START_TEST(oversized_reports_are_refused_at_every_size) {
        char buffer[4 * WORKER_REPORT_SIZE_MAX];
        WorkerReport report;

        memset(buffer, 'x', sizeof(buffer));
        memcpy(buffer, "release ", 8);
        ck_assert_int_eq(worker_report_decode(buffer, 8 + WORKER_REPORT_TEXT_MAX, &report), 0);
        for (size_t n = 8 + WORKER_REPORT_TEXT_MAX + 1; n <= sizeof(buffer); n++)
                ck_assert_int_eq(worker_report_decode(buffer, n, &report), -EBADMSG);
}
END_TEST

START_TEST(truncated_reports_never_read_too_far) {
        static const char whole[] = "error org.lxss.Error.ArchiveDamaged\nThe archive ends too early.";

        for (size_t n = 0; n < sizeof(whole); n++) {
                _cleanup_free_ char *copy = malloc(n + 1);
                WorkerReport report;

                memcpy(copy, whole, n);
                (void)worker_report_decode(copy, n, &report);
        }
}
END_TEST

START_TEST(noise_is_never_accepted) {
        unsigned seed = 1;

        for (int i = 0; i < 200000; i++) {
                char bytes[64];
                WorkerReport report;

                for (size_t k = 0; k < sizeof(bytes); k++)
                        bytes[k] = (char)rand_r(&seed);
                ck_assert_int_eq(worker_report_decode(bytes, (size_t)rand_r(&seed) % sizeof(bytes), &report), -EBADMSG);
        }
}
END_TEST

START_TEST(an_error_is_made_printable_and_fits) {
        char huge[3 * WORKER_REPORT_TEXT_MAX], buffer[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport report;

        ck_assert_int_eq(worker_report_fail(&report, LXSS_ERROR_NO_SPACE, "a\n%s\033b", "ä"), -ENOSPC);
        ck_assert_str_eq(report.text, "aäb");

        memset(huge, 'y', sizeof(huge) - 1);
        huge[sizeof(huge) - 1] = '\0';
        worker_report_fail(&report, LXSS_ERROR_SERVICE_UNAVAILABLE, "%s", huge);
        ck_assert_uint_eq(strlen(report.text), WORKER_REPORT_TEXT_MAX);
        ck_assert_int_gt(worker_report_encode(&report, buffer, sizeof(buffer)), WORKER_REPORT_TEXT_MAX);
}
END_TEST

START_TEST(the_encoder_refuses_what_the_decoder_would) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];

        ck_assert_int_eq(worker_report_encode(&(WorkerReport) { .kind = WORKER_REPORT_USER, .text = "A b" }, buffer,
                                              sizeof(buffer)), -EINVAL);
        ck_assert_int_eq(worker_report_encode(&(WorkerReport) { .kind = WORKER_REPORT_PROGRESS, .permille = 1001 },
                                              buffer, sizeof(buffer)), -EINVAL);
        ck_assert_int_eq(worker_report_encode(&(WorkerReport) { .kind = WORKER_REPORT_DONE }, buffer, 4), -ENOBUFS);
}
END_TEST

START_TEST(reports_arrive_as_one_datagram_each) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];
        int fds[2];
        ssize_t n;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        ck_assert_int_eq(worker_report_text(fds[0], WORKER_REPORT_STAGE, "extracting"), 0);
        ck_assert_int_eq(worker_report_progress(fds[0], 7), 0);
        n = recv(fds[1], buffer, sizeof(buffer), 0);
        ck_assert_mem_eq(buffer, "stage extracting", n);
        n = recv(fds[1], buffer, sizeof(buffer), 0);
        ck_assert_mem_eq(buffer, "progress 7", n);
        close(fds[1]);
        ck_assert_int_eq(worker_report_progress(fds[0], 8), -EPIPE);
        close(fds[0]);
}
END_TEST

static void assert_progress(int fd, const char *wanted) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];
        ssize_t n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);

        ck_assert_msg(wanted ? n > 0 : n < 0, "%zd", n);
        buffer[n > 0 ? n : 0] = '\0';
        ck_assert_str_eq(buffer, wanted ?: "");
}

START_TEST(progress_of_a_part_stays_within_it_and_comes_to_its_end) {
        WorkerProgress progress = { .end = 400 };
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        progress.fd = fds[0];
        worker_progress_update_part(&progress, 1, 0);
        assert_progress(fds[1], NULL);
        worker_progress_update_part(&progress, 1, 2);
        assert_progress(fds[1], "progress 200");
        worker_progress_update_part(&progress, 3, 4); /* too soon */
        assert_progress(fds[1], NULL);
        worker_progress_finish(&progress);
        assert_progress(fds[1], "progress 400");
        progress.begin = 400;
        progress.end = 0;
        progress.next_moment = 0;
        worker_progress_update_part(&progress, 1, 3);
        assert_progress(fds[1], "progress 600");
        progress.next_moment = 0;
        worker_progress_update_part(&progress, 1, 4); /* not back */
        assert_progress(fds[1], NULL);
        worker_progress_finish(&progress);
        assert_progress(fds[1], "progress 1000");
        worker_progress_finish(&progress);
        assert_progress(fds[1], NULL);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

static void assert_escaped(const char *bytes, const char *expected) {
        char buffer[64];

        text_escape(bytes, strlen(bytes), buffer, sizeof(buffer));
        ck_assert_str_eq(buffer, expected);
        ck_assert(text_is_printable(buffer, strlen(buffer)));
}

START_TEST(foreign_bytes_are_escaped) {
        assert_escaped("bin/sh", "bin/sh");
        assert_escaped("a\033[2Jb\n", "a\\x1b[2Jb\\x0a");
        assert_escaped("back\\slash", "back\\slash");
        assert_escaped("ünï", "ünï");
        assert_escaped("\xff\xc3", "\\xff\\xc3");
        assert_escaped("\xc0\xaf", "\\xc0\\xaf");             /* overlong */
        assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");    /* surrogate */
        assert_escaped("\xe2\x80\xae", "\\xe2\\x80\\xae");    /* right-to-left override */
        assert_escaped("\xef\xbf\xbf", "\\xef\\xbf\\xbf");    /* noncharacter */
        assert_escaped("\xc2\x9b", "\\xc2\\x9b");             /* 8-bit CSI */
}
END_TEST

START_TEST(text_is_cut_between_characters) {
        char buffer[8];

        text_strip("aaaaaaä", strlen("aaaaaaä"), buffer, sizeof(buffer));
        ck_assert_str_eq(buffer, "aaaaaa");
        text_escape("aaaa\n", 5, buffer, sizeof(buffer));
        ck_assert_str_eq(buffer, "aaaa");
        text_strip("x", 1, buffer, 1);
        ck_assert_str_eq(buffer, "");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-report");
        TCase *reports = tcase_create("reports"), *text = tcase_create("text");
        SRunner *runner;
        int failed;

        tcase_add_test(reports, every_kind_of_report_survives_the_way);
        tcase_add_test(reports, malformed_reports_are_refused);
        tcase_add_test(reports, a_zero_byte_hides_nothing);
        tcase_add_test(reports, oversized_reports_are_refused_at_every_size);
        tcase_add_test(reports, truncated_reports_never_read_too_far);
        tcase_add_test(reports, noise_is_never_accepted);
        tcase_add_test(reports, an_error_is_made_printable_and_fits);
        tcase_add_test(reports, the_encoder_refuses_what_the_decoder_would);
        tcase_add_test(reports, reports_arrive_as_one_datagram_each);
        tcase_add_test(reports, progress_of_a_part_stays_within_it_and_comes_to_its_end);
        tcase_add_test(text, foreign_bytes_are_escaped);
        tcase_add_test(text, text_is_cut_between_characters);
        suite_add_tcase(suite, reports);
        suite_add_tcase(suite, text);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
