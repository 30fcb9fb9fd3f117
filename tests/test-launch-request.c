/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The request as a value: who owns its descriptors, and which requests make sense. */

#include <fcntl.h>

#include "shared/launch-request.h"
#include "tests/test.h"

static int open_null(void) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

static char **words(const char *first, const char *second) {
        char **v = NULL;

        ck_assert_int_eq(strv_push_copy(&v, first), 0);
        if (second)
                ck_assert_int_eq(strv_push_copy(&v, second), 0);
        return v;
}

START_TEST(an_empty_request_owns_nothing_and_is_valid) {
        LaunchRequest *request = launch_request_new();

        ck_assert_int_lt(request->terminal_socket, 0);
        ck_assert_uint_eq(request->n_fds, 0);
        ck_assert_ptr_null(launch_request_validate(request));
        ck_assert_ptr_null(launch_request_free(request));
        ck_assert_ptr_null(launch_request_free(NULL));
}
END_TEST

START_TEST(descriptors_are_kept_ascending_and_closed_with_the_request) {
        static const int numbers[] = { 7, 0, 200, 1, 3 }, sorted[] = { 0, 1, 3, 7, 200 };
        LaunchRequest *request = launch_request_new();
        size_t before = count_fds();

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                ck_assert_int_eq(launch_request_add_fd(request, numbers[i], open_null()), 0);
        request->terminal_socket = open_null();
        for (size_t i = 0; i < ELEMENTSOF(sorted); i++)
                ck_assert_int_eq(request->fds[i].number, sorted[i]);
        ck_assert_uint_eq(count_fds(), before + 6);
        launch_request_free(request);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(a_refused_descriptor_is_closed) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        size_t before;

        ck_assert_int_eq(launch_request_add_fd(request, 5, open_null()), 0);
        before = count_fds();
        ck_assert_int_eq(launch_request_add_fd(request, 5, open_null()), -EEXIST);
        ck_assert_int_eq(launch_request_add_fd(request, -1, open_null()), -EINVAL);
        ck_assert_uint_eq(count_fds(), before);
        ck_assert_uint_eq(request->n_fds, 1);
}
END_TEST

START_TEST(a_terminal_needs_a_socket_and_only_standard_descriptors) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

        request->terminal_mask = 1;
        ck_assert_ptr_nonnull(launch_request_validate(request));
        request->terminal_socket = open_null();
        ck_assert_ptr_null(launch_request_validate(request));
        request->terminal_mask = 8;
        ck_assert_ptr_nonnull(launch_request_validate(request));
        request->terminal_mask = 7;
        ck_assert_ptr_null(launch_request_validate(request));
}
END_TEST

START_TEST(a_descriptor_is_either_passed_or_the_terminal) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

        request->terminal_mask = 1 << 1;
        request->terminal_socket = open_null();
        launch_request_add_fd(request, 0, open_null());
        launch_request_add_fd(request, 40, open_null());
        ck_assert_ptr_null(launch_request_validate(request));
        launch_request_add_fd(request, 1, open_null());
        ck_assert_ptr_nonnull(launch_request_validate(request));
}
END_TEST

START_TEST(a_closed_descriptor_is_neither_passed_nor_the_terminal) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

        request->closed_mask = 8;
        ck_assert_ptr_nonnull(launch_request_validate(request));
        request->closed_mask = 1 << 1;
        ck_assert_ptr_null(launch_request_validate(request));
        request->terminal_socket = open_null();
        request->terminal_mask = 3;
        ck_assert_ptr_nonnull(launch_request_validate(request));
        request->terminal_mask = 1;
        launch_request_add_fd(request, 2, open_null());
        ck_assert_ptr_null(launch_request_validate(request));
        launch_request_add_fd(request, 1, open_null());
        ck_assert_ptr_nonnull(launch_request_validate(request));
}
END_TEST

START_TEST(the_shell_has_words) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

        request->shell = true;
        ck_assert_ptr_nonnull(launch_request_validate(request));
        request->argv = words("echo", "");
        ck_assert_ptr_null(launch_request_validate(request));
}
END_TEST

START_TEST(environment_entries_have_a_name_and_a_value) {
        static const char *const good[] = { "A=b", "A=", "A==", "\xff=\xfe" }, *const bad[] = { "", "A", "=", "=A" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

                request->env = words("X=y", good[i]);
                ck_assert_msg(!launch_request_validate(request), "%s", good[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_launch_request_ LaunchRequest *request = launch_request_new();

                request->env = words("X=y", bad[i]);
                ck_assert_msg(launch_request_validate(request), "%s", bad[i]);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("launch-request", an_empty_request_owns_nothing_and_is_valid,
                         descriptors_are_kept_ascending_and_closed_with_the_request, a_refused_descriptor_is_closed,
                         a_terminal_needs_a_socket_and_only_standard_descriptors,
                         a_descriptor_is_either_passed_or_the_terminal,
                         a_closed_descriptor_is_neither_passed_nor_the_terminal,
                         the_shell_has_words, environment_entries_have_a_name_and_a_value);
}
