/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How lxctl starts lxssd. A shell script stands in for it: it says by a FIFO
 * what it was given. Clients connect by the backlog, so nobody needs to accept. */

#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "client/lxss/activate.h"
#include "client/lxss/remote.h"

static char directory[64], runtime[96];

static void write_script(const char *name, const char *text) {
        char path[96];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        fputs(text, f);
        fclose(f);
        ck_assert_int_eq(chmod(path, 0700), 0);
}

static void write_program(const char *text) {
        write_script("lxssd", text);
}

static void setup(void) {
        snprintf(directory, sizeof(directory), "/tmp/test-client-activate-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(runtime, sizeof(runtime), "%s/a/run", directory);
        setenv("LXSS_RUNTIME_DIR", runtime, 1);
        setenv("LXSS_LIBEXEC_DIR", directory, 1);
        setenv("NEWS", directory, 1);
}

static void teardown(void) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", directory);
        ck_assert_int_eq(system(command), 0);
}

static void make_fifo(char *ret_path, size_t size) {
        snprintf(ret_path, size, "%s/news", directory);
        ck_assert_int_eq(mkfifo(ret_path, 0600), 0);
}

static void release(const char *path) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        ck_assert_int_eq(write_all(fd, "end\n", 4), 0);
}

static void read_news(const char *path, char *buffer, size_t size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read_up_to(fd, buffer, size - 1);

        ck_assert_int_ge(n, 0);
        buffer[n] = '\0';
}

START_TEST(nothing_is_started_unless_asked_for) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF;

        ck_assert_int_eq(activate_connect(ACTIVATE_NEVER, &fd, &failure), 0);
        ck_assert_int_lt(access(runtime, F_OK), 0);
}
END_TEST

START_TEST(a_missing_service_is_named) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF;
        char expected[160], path[160];

        ck_assert_int_eq(activate_connect(ACTIVATE, &fd, &failure), -ENOENT);
        ck_assert_str_eq(failure.name, "org.lxss.Error.ServiceUnavailable");
        snprintf(expected, sizeof(expected), "Cannot start lxssd at %s/lxssd: No such file or directory", directory);
        ck_assert_str_eq(failure.message, expected);
        snprintf(path, sizeof(path), "%s/manager", runtime);
        ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

START_TEST(the_service_gets_the_socket_and_nothing_else) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF, leak = -EBADF;
        char fifo[96], news[256];
        struct stat st;

        make_fifo(fifo, sizeof(fifo));
        write_program("#!/bin/sh\n"
                      "[ \"$LISTEN_PID\" = $$ ] && pid=own || pid=other\n"
                      "[ -S /proc/$$/fd/3 ] && three=socket || three=other\n"
                      "for n in 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && [ \"$(readlink /proc/$$/fd/$n)\" = /etc/passwd ] && leak=$n; done\n"
                      "echo \"$LISTEN_FDS $LISTEN_FDNAMES $pid $three $(pwd) leak:$leak\" >$NEWS/news\n");
        leak = open("/etc/passwd", O_RDONLY); /* without O_CLOEXEC */
        ck_assert_int_eq(activate_connect(ACTIVATE, &fd, &failure), 1);
        read_news(fifo, news, sizeof(news));
        ck_assert_str_eq(news, "1 manager own socket / leak:\n");
        ck_assert_int_eq(stat(runtime, &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0700);
}
END_TEST

/* Something is to run: lxss-base is started beside lxssd, and the two have a socketpair. */
START_TEST(for_an_instance_its_namespaces_are_made_meanwhile) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF;
        char fifo[96], news[256];

        make_fifo(fifo, sizeof(fifo));
        write_script("lxss-base", "#!/bin/sh\n"
                                  "echo \"$# $(basename $1) $(pwd)\" >&3\n");
        write_program("#!/bin/sh\n"
                      "said=$(head -c 100 <&4)\n" /* whole packets */
                      "echo \"$LISTEN_FDS $LISTEN_FDNAMES $said\" >$NEWS/news\n");
        ck_assert_int_eq(activate_connect(ACTIVATE_FOR_INSTANCE, &fd, &failure), 1);
        read_news(fifo, news, sizeof(news));
        ck_assert_str_eq(news, "2 manager:base 1 lxinit /\n");
}
END_TEST

START_TEST(without_lxss_base_lxssd_is_started_all_the_same) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF;
        char fifo[96], news[256];

        make_fifo(fifo, sizeof(fifo));
        write_program("#!/bin/sh\n"
                      "said=$(head -c 100 <&4)\n" /* whole packets */
                      "echo \"$LISTEN_FDNAMES <$said>\" >$NEWS/news\n");
        ck_assert_int_eq(activate_connect(ACTIVATE_FOR_INSTANCE, &fd, &failure), 1);
        read_news(fifo, news, sizeof(news));
        ck_assert_str_eq(news, "manager:base <>\n");
}
END_TEST

/* Several at once, as after a reboot: each connects, and lxssd is started once. */
START_TEST(racing_clients_start_one_service) {
        char fifo[96], news[256];
        pid_t pids[16];
        int status;

        make_fifo(fifo, sizeof(fifo));
        write_program("#!/bin/sh\necho started >>$NEWS/count\nread end <$NEWS/news\ncat $NEWS/count >$NEWS/news\n");
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                pids[i] = fork();
                ck_assert_int_ge(pids[i], 0);
                if (pids[i] == 0) {
                        int fd;

                        _exit(activate_connect(ACTIVATE, &fd, NULL) == 1 ? 0 : 1);
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
                ck_assert_int_eq(status, 0);
        }
        release(fifo);
        read_news(fifo, news, sizeof(news));
        ck_assert_str_eq(news, "started\n");
}
END_TEST

START_TEST(a_stale_socket_is_replaced) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF, stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char parent[96], fifo[96];

        make_fifo(fifo, sizeof(fifo));
        write_program("#!/bin/sh\nread end <$NEWS/news\n");
        snprintf(parent, sizeof(parent), "%s/a", directory);
        ck_assert_int_eq(mkdir(parent, 0700), 0);
        ck_assert_int_eq(mkdir(runtime, 0700), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/manager", runtime);
        ck_assert_int_eq(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(activate_connect(ACTIVATE, &fd, &failure), 1);
        release(fifo);
}
END_TEST

START_TEST(a_directory_that_others_may_write_to_is_refused) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int fd = -EBADF;

        setenv("LXSS_RUNTIME_DIR", directory, 1);
        ck_assert_int_eq(chmod(directory, 0770), 0);
        ck_assert_int_eq(activate_connect(ACTIVATE, &fd, &failure), -EACCES);
        ck_assert_str_eq(failure.name, "org.lxss.Error.AccessDenied");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-activate");
        TCase *tcase = tcase_create("activate");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, nothing_is_started_unless_asked_for);
        tcase_add_test(tcase, a_missing_service_is_named);
        tcase_add_test(tcase, the_service_gets_the_socket_and_nothing_else);
        tcase_add_test(tcase, for_an_instance_its_namespaces_are_made_meanwhile);
        tcase_add_test(tcase, without_lxss_base_lxssd_is_started_all_the_same);
        tcase_add_test(tcase, racing_clients_start_one_service);
        tcase_add_test(tcase, a_stale_socket_is_replaced);
        tcase_add_test(tcase, a_directory_that_others_may_write_to_is_refused);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
