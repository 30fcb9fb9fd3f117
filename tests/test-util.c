/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The helpers that everything else leans on. */

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/test.h"

START_TEST(stealing_leaves_nothing_behind) {
        int fd = 7;
        char *s = strdup("x"), *stolen = steal_pointer(&s);

        ck_assert_int_eq(steal_fd(&fd), 7);
        ck_assert_int_lt(fd, 0);
        ck_assert_ptr_null(s);
        ck_assert_str_eq(stolen, "x");
        free(stolen);
}
END_TEST

START_TEST(closing_keeps_errno_and_forgets_the_descriptor) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;

        errno = ENOSPC;
        closep(&fd);
        ck_assert_int_eq(errno, ENOSPC);
        ck_assert_int_lt(fd, 0);
        ck_assert_int_eq(fcntl(number, F_GETFD), -1);
        errno = ENOSPC;
        closep(&fd);
        ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(a_string_array_grows_and_is_freed) {
        _cleanup_strv_free_ char **v = NULL;

        ck_assert_uint_eq(strv_length(NULL), 0);
        ck_assert_int_eq(strv_push_copy(&v, "a"), 0);
        ck_assert_int_eq(strv_push_copy(&v, ""), 0);
        ck_assert_int_eq(strv_consume(&v, strdup("c")), 0);
        ck_assert_uint_eq(strv_length(v), 3);
        ck_assert_str_eq(v[0], "a");
        ck_assert_str_eq(v[1], "");
        ck_assert_str_eq(v[2], "c");
        ck_assert_ptr_null(v[3]);
}
END_TEST

START_TEST(a_string_that_could_not_be_made_is_no_memory) {
        char **v = NULL;

        ck_assert_int_eq(strv_consume(&v, NULL), -ENOMEM);
        ck_assert_ptr_null(v);
        ck_assert_ptr_null(strv_free(NULL));
}
END_TEST

START_TEST(reading_goes_on_after_short_reads_until_the_end) {
        char buffer[8] = "";
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        ck_assert_int_eq(write_all(fds[1], "abc", 3), 0);
        ck_assert_int_eq(write_all(fds[1], "de", 2), 0);
        ck_assert_int_eq(read_up_to(fds[0], buffer, 4), 4);
        ck_assert_mem_eq(buffer, "abcd", 4);
        closep(&fds[1]);
        ck_assert_int_eq(read_up_to(fds[0], buffer, sizeof(buffer)), 1);
        ck_assert_int_eq(read_up_to(fds[0], buffer, sizeof(buffer)), 0);
        closep(&fds[0]);
}
END_TEST

START_TEST(failed_writes_and_reads_say_why) {
        char byte;
        int fds[2];

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        ck_assert_int_eq(write_all(fds[0], "x", 1), -EBADF);
        ck_assert_int_eq(read_up_to(fds[1], &byte, 1), -EBADF);
        ck_assert_int_eq(write_all(-1, "", 0), 0);
        closep(&fds[0]);
        closep(&fds[1]);
}
END_TEST

static char *directory;

static int read_here(const char *name, size_t limit, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return read_regular_file(fd, name, limit, ret, ret_size);
}

START_TEST(a_file_is_read_whole_with_a_terminating_nul) {
        _cleanup_free_ char *contents = NULL, *empty = NULL;
        size_t size = 0;

        directory = make_directory_for_test();
        write_file(directory, "file", "hello");
        write_file(directory, "empty", "");
        ck_assert_int_eq(read_here("file", 100, &contents, &size), 0);
        ck_assert_uint_eq(size, 5);
        ck_assert_str_eq(contents, "hello");
        ck_assert_int_eq(read_here("empty", 0, &empty, NULL), 0);
        ck_assert_str_eq(empty, "");
        remove_directory(directory);
}
END_TEST

START_TEST(a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not) {
        char *contents = (char *)1;
        size_t size = 99;

        directory = make_directory_for_test();
        write_file(directory, "file", "hello");
        ck_assert_int_eq(read_here("file", 4, &contents, &size), -EFBIG);
        ck_assert_ptr_eq(contents, (char *)1);
        ck_assert_uint_eq(size, 99);
        ck_assert_int_eq(read_here("file", 5, &contents, &size), 0);
        free(contents);
        ck_assert_int_eq(read_here("file", SIZE_MAX, &contents, &size), 0);
        free(contents);
        remove_directory(directory);
}
END_TEST

START_TEST(only_regular_files_are_read_and_none_blocks) {
        _cleanup_free_ char *link = NULL, *fifo = NULL;
        char *contents = NULL;

        directory = make_directory_for_test();
        write_file(directory, "file", "hello");
        ck_assert_int_ge(asprintf(&link, "%s/link", directory), 0);
        ck_assert_int_ge(asprintf(&fifo, "%s/fifo", directory), 0);
        ck_assert_int_eq(symlink("file", link), 0);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        ck_assert_int_eq(read_here("link", 100, &contents, NULL), -ELOOP);
        ck_assert_int_eq(read_here("fifo", 100, &contents, NULL), -EINVAL);
        ck_assert_int_eq(read_here(".", 100, &contents, NULL), -EINVAL);
        ck_assert_int_eq(read_here("missing", 100, &contents, NULL), -ENOENT);
        ck_assert_ptr_null(contents);
        remove_directory(directory);
}
END_TEST

START_TEST(a_copy_of_strings_is_another_array_with_the_same) {
        char *const words[] = { (char *)"a", (char *)"", (char *)"c", NULL };
        _cleanup_strv_free_ char **copy = NULL, **empty = NULL, **none = NULL;

        ck_assert_int_eq(strv_copy(words, &copy), 0);
        ck_assert_uint_eq(strv_length(copy), 3);
        for (size_t i = 0; i < 3; i++) {
                ck_assert_str_eq(copy[i], words[i]);
                ck_assert_ptr_ne(copy[i], words[i]);
        }
        ck_assert_int_eq(strv_copy(words + 3, &empty), 0);
        ck_assert_uint_eq(strv_length(empty), 0);
        ck_assert_int_eq(strv_copy(NULL, &none), 0);
        ck_assert_uint_eq(strv_length(none), 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("util", a_copy_of_strings_is_another_array_with_the_same,
                         stealing_leaves_nothing_behind, closing_keeps_errno_and_forgets_the_descriptor,
                         a_string_array_grows_and_is_freed, a_string_that_could_not_be_made_is_no_memory,
                         reading_goes_on_after_short_reads_until_the_end, failed_writes_and_reads_say_why,
                         a_file_is_read_whole_with_a_terminating_nul,
                         a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not,
                         only_regular_files_are_read_and_none_blocks);
}
