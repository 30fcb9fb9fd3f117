/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The relay between two ptys: "outer" is the user's terminal, "inner" the program's. */

#include <check.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "client/relay.h"

static int saved[3];
static int outer_master, outer_slave, inner_master, inner_slave;
static LxssTerminal terminal;
static int ends[2]; /* of the socket over which the master comes: /init's, ours */
static Relay relay;

static void setup(void) {
        struct winsize size = { .ws_row = 33, .ws_col = 101 };

        for (int fd = 0; fd < 3; fd++)
                saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        ck_assert_int_eq(openpty(&outer_master, &outer_slave, NULL, NULL, &size), 0);
        ck_assert_int_eq(openpty(&inner_master, &inner_slave, NULL, NULL, NULL), 0);
        terminal = (LxssTerminal){ 0 };
        ends[0] = ends[1] = -EBADF;
        relay = (Relay)RELAY_NONE;
}

static void teardown(void) {
        relay_finish(&relay);
        closep(&ends[0]);
        closep(&ends[1]);
        for (int fd = 0; fd < 3; fd++) {
                (void)dup2(saved[fd], fd);
                closep(&saved[fd]);
        }
        closep(&outer_master);
        closep(&outer_slave);
        closep(&inner_master);
        closep(&inner_slave);
}

/* Which of 0, 1 and 2 are the terminal, the others being /dev/null; as launch does it otherwise. */
static void prepare(unsigned mask) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd < 3; fd++)
                (void)dup2(mask & 1u << fd ? outer_slave : null, fd);
        terminal.mask = mask;
        ck_assert_int_eq(relay_prepare(&relay, &terminal, TERMINAL_AUTO), 0);
        if (mask == 0)
                return;
        closep(&ends[1]);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        relay.socket = ends[1];
}

static void step(void) {
        struct pollfd polls[RELAY_POLLS];
        int timeout = relay_get_polls(&relay, polls);

        ck_assert_int_ge(poll(polls, RELAY_POLLS, timeout < 0 || timeout > 100 ? 100 : timeout), 0);
        relay_process(&relay, polls);
}

static void send_descriptors(const int *fds, size_t n) {
        char control[CMSG_SPACE(2 * sizeof(int))] = {}, byte = 0;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
                                  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
        ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
}

static void begin(unsigned mask) {
        prepare(mask);
        send_descriptors(&inner_master, 1);
        while (relay.master < 0)
                step();
}

static tcflag_t outer_modes(void) {
        struct termios modes;

        ck_assert_int_eq(tcgetattr(outer_slave, &modes), 0);
        return modes.c_lflag;
}

static void set_inner_modes(tcflag_t off) {
        struct termios modes;

        ck_assert_int_eq(tcgetattr(inner_slave, &modes), 0);
        modes.c_lflag |= ICANON | ECHO;
        modes.c_lflag &= ~off;
        ck_assert_int_eq(tcsetattr(inner_slave, TCSANOW, &modes), 0);
}

static void assert_comes(int fd, const char *expected) {
        char buffer[256] = "";
        struct pollfd poll_in = { .fd = fd, .events = POLLIN };
        size_t n = 0;

        while (n < strlen(expected)) {
                ssize_t r;

                step();
                if (poll(&poll_in, 1, 0) <= 0)
                        continue;
                ck_assert_uint_lt(n, sizeof(buffer) - 1);
                r = read(fd, buffer + n, sizeof(buffer) - 1 - n);
                ck_assert_int_gt(r, 0);
                n += r;
        }
        ck_assert_str_eq(buffer, expected);
}

START_TEST(nothing_is_opened_for_a_program_without_terminals) {
        prepare(0);
        ck_assert_int_lt(relay.output, 0);
        relay_drain(&relay);
        ck_assert(relay.drained);
}
END_TEST

START_TEST(the_terminal_is_raw_where_it_is_stdin_and_stdout_and_restored_afterwards) {
        struct termios before = { 0 }, after = { 0 }; /* the kernel fills not all of c_cc */

        ck_assert_int_eq(tcgetattr(outer_slave, &before), 0);
        begin(7);
        ck_assert_uint_eq(outer_modes() & (ICANON | ECHO | ISIG), 0);
        relay_finish(&relay);
        ck_assert_int_eq(tcgetattr(outer_slave, &after), 0);
        ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

START_TEST(the_window_size_goes_along) {
        struct winsize size = { .ws_row = 5, .ws_col = 6 };

        begin(7);
        ck_assert_uint_eq(terminal.rows, 33);
        ck_assert_uint_eq(terminal.columns, 101);
        ck_assert_int_eq(ioctl(outer_master, TIOCSWINSZ, &size), 0);
        relay_resize(&relay);
        ck_assert_int_eq(ioctl(inner_slave, TIOCGWINSZ, &size), 0);
        ck_assert_uint_eq(size.ws_col, 6);
}
END_TEST

START_TEST(keys_and_output_pass) {
        begin(7);
        set_inner_modes(ICANON | ECHO);
        ck_assert_int_eq(write(outer_master, "k", 1), 1);
        assert_comes(inner_slave, "k");
        ck_assert_int_eq(write(inner_slave, "out", 3), 3);
        assert_comes(outer_master, "out");
}
END_TEST

START_TEST(in_a_pipeline_the_terminal_is_raw_only_while_the_program_wants_keys) {
        begin(1 | 4);
        step();
        ck_assert_uint_ne(outer_modes() & ICANON, 0);
        set_inner_modes(ICANON);
        while (outer_modes() & ICANON)
                step();
        set_inner_modes(0);
        while (!(outer_modes() & ICANON))
                step();
}
END_TEST

START_TEST(a_password_in_a_pipeline_is_not_shown) {
        begin(1 | 4);
        set_inner_modes(ECHO);
        while (outer_modes() & ECHO)
                step();
}
END_TEST

START_TEST(a_line_in_a_pipeline_is_echoed_once) {
        begin(1 | 4);
        ck_assert_int_eq(write(outer_master, "line\n", 5), 5);
        assert_comes(inner_slave, "line\n");
        ck_assert_int_eq(write(inner_slave, "!", 1), 1);
        assert_comes(outer_master, "line\r\n!");
}
END_TEST

START_TEST(the_keyboard_is_left_alone_where_stdin_is_no_terminal) {
        int waiting;

        begin(2 | 4);
        ck_assert_int_eq(write(outer_master, "next\n", 5), 5);
        ck_assert_int_eq(write(inner_slave, "x", 1), 1);
        for (size_t i = 0; i < 5; i++)
                step();
        ck_assert_int_eq(ioctl(outer_slave, FIONREAD, &waiting), 0);
        ck_assert_int_eq(waiting, 5);
}
END_TEST

START_TEST(what_was_written_before_the_end_is_still_shown) {
        begin(7);
        ck_assert_int_eq(write(inner_slave, "last", 4), 4);
        relay_drain(&relay);
        while (!relay.drained) /* inner_slave is still open, as by a background process */
                step();
        assert_comes(outer_master, "last");
}
END_TEST

START_TEST(all_that_was_written_before_a_stop_is_shown_at_once) {
        char written[3 * 1024 + 1] = "", buffer[8192];
        size_t n = 0;

        memset(written, 'x', sizeof(written) - 1);
        prepare(7);
        send_descriptors(&inner_master, 1); /* which has not been taken over yet */
        ck_assert_int_eq(write_all(inner_slave, written, sizeof(written) - 1), 0);
        relay_catch_up(&relay);
        for (ssize_t r; n < sizeof(written) - 1; n += (size_t)r) {
                r = read(outer_master, buffer, sizeof(buffer));
                ck_assert_int_gt(r, 0);
        }
        /* A terminal that takes nothing is not waited for. */
        for (int i = 0; i < 64; i++) {
                (void)fcntl(inner_slave, F_SETFL, O_RDWR | O_NONBLOCK);
                (void)!write(inner_slave, written, sizeof(written) - 1);
                relay_catch_up(&relay);
        }
}
END_TEST

START_TEST(only_one_descriptor_and_only_a_master_is_accepted) {
        int both[] = { inner_master, inner_slave };

        prepare(7);
        send_descriptors(both, 2);
        while (relay.socket >= 0)
                step();
        ck_assert_int_lt(relay.master, 0);
        relay_finish(&relay);
        closep(&ends[0]);

        relay = (Relay)RELAY_NONE;
        prepare(7);
        send_descriptors(&inner_slave, 1);
        while (relay.socket >= 0)
                step();
        ck_assert_int_lt(relay.master, 0);
        ck_assert_uint_ne(outer_modes() & ICANON, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-relay");
        TCase *tcase = tcase_create("relay");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, nothing_is_opened_for_a_program_without_terminals);
        tcase_add_test(tcase, the_terminal_is_raw_where_it_is_stdin_and_stdout_and_restored_afterwards);
        tcase_add_test(tcase, the_window_size_goes_along);
        tcase_add_test(tcase, keys_and_output_pass);
        tcase_add_test(tcase, in_a_pipeline_the_terminal_is_raw_only_while_the_program_wants_keys);
        tcase_add_test(tcase, a_password_in_a_pipeline_is_not_shown);
        tcase_add_test(tcase, a_line_in_a_pipeline_is_echoed_once);
        tcase_add_test(tcase, the_keyboard_is_left_alone_where_stdin_is_no_terminal);
        tcase_add_test(tcase, what_was_written_before_the_end_is_still_shown);
        tcase_add_test(tcase, all_that_was_written_before_a_stop_is_shown_at_once);
        tcase_add_test(tcase, only_one_descriptor_and_only_a_master_is_accepted);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
