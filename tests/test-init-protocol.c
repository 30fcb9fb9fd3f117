/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The codec between lxssd and /init: everything arrives as it was sent, and
 * nothing else is taken for it. */

#include <fcntl.h>

#include "shared/init-protocol.h"
#include "tests/test.h"

static int decode_message(InitMessage message, InitMessage *ret) {
        const void *body = NULL;
        size_t size = 9;
        int r = init_message_decode(&message, sizeof(message), ret, &body, &size);

        ck_assert_uint_eq(size, r == 0 ? 0 : 9);
        return r;
}

START_TEST(messages_of_every_known_type_are_accepted_and_no_others) {
        for (uint32_t type = 0; type < 64; type++) {
                bool known = (type >= INIT_LAUNCH && type <= INIT_FOREGROUND) || (type >= INIT_READY && type <= INIT_WARNING);
                InitMessage message = { .type = type, .id = 77, .first = -1, .second = 5 }, back;

                ck_assert_int_eq(decode_message(message, &back), known ? 0 : -EBADMSG);
                if (known)
                        ck_assert_mem_eq(&back, &message, sizeof(message));
        }
}
END_TEST

START_TEST(a_truncated_message_is_refused_at_every_byte) {
        for (size_t n = 0; n < sizeof(InitMessage); n++) {
                _cleanup_free_ char *payload = malloc(n + 1);
                InitMessage message = { .type = INIT_READY }, back = { .id = 9 };
                const void *body = payload;
                size_t size = 5;

                memcpy(payload, &message, n);
                ck_assert_int_eq(init_message_decode(payload, n, &back, &body, &size), -EBADMSG);
                ck_assert_uint_eq(back.id, 9);
                ck_assert_ptr_eq(body, payload);
                ck_assert_uint_eq(size, 5);
        }
}
END_TEST

START_TEST(the_body_is_all_that_follows) {
        const struct {
                InitMessage message;
                char text[5];
        } payload = { { .type = INIT_WARNING }, "abcd" };
        InitMessage back;
        const void *body;
        size_t size;

        for (size_t n = 0; n <= sizeof(payload.text); n++) {
                ck_assert_int_eq(init_message_decode(&payload, sizeof(payload.message) + n, &back, &body, &size), 0);
                ck_assert_ptr_eq(body, payload.text);
                ck_assert_uint_eq(size, n);
        }
}
END_TEST

START_TEST(what_is_reserved_is_zero) {
        InitMessage back;

        for (int bit = 0; bit < 32; bit++)
                ck_assert_int_eq(decode_message((InitMessage){ .type = INIT_READY, .reserved = 1u << bit }, &back),
                                 -EBADMSG);
}
END_TEST

START_TEST(only_a_program_that_started_is_a_process_among_the_objects) {
        for (uint32_t type = 0; type < 64; type++) {
                bool fd = type == INIT_LAUNCH || type == INIT_READY || type == INIT_FAILED;

                ck_assert_uint_eq(init_object_kind(type), type == INIT_STARTED ? LXBUS_KIND_PROCESS
                                                          : fd                 ? LXBUS_KIND_FD
                                                                               : 0);
        }
}
END_TEST

/* A LAUNCH as its body, which the caller frees. */
static int encode(const LaunchRequest *request, void **ret, size_t *ret_size) {
        _cleanup_free_ void *payload = NULL;
        const void *body;
        InitMessage m;
        size_t size;
        int r;

        r = init_launch_encode(77, request, &payload, &size);
        if (r < 0)
                return r;
        ck_assert_int_eq(init_message_decode(payload, size, &m, &body, &size), 0);
        ck_assert_uint_eq(m.type, INIT_LAUNCH);
        ck_assert_uint_eq(m.id, 77);
        *ret = malloc(size);
        memcpy(*ret, body, size);
        *ret_size = size;
        return 0;
}

static LaunchRequest *make_request(void) {
        LaunchRequest *request = launch_request_new();

        request->user = strdup("\xff\xfe");
        request->cwd = strdup("/home/an na/\xc3");
        request->directory = strdup("");
        for (const char *const *s = (const char *const[]){ "printf", "", "%s\n", "\x80\x81", "ünï", NULL }; *s; s++)
                ck_assert_int_eq(strv_push_copy(&request->argv, *s), 0);
        ck_assert_int_eq(strv_push_copy(&request->env, "A=\xff"), 0);
        ck_assert_int_eq(strv_push_copy(&request->env, "EMPTY="), 0);
        request->background = true;
        request->closed_mask = 2;
        request->terminal_mask = 5;
        request->rows = 50;
        request->columns = 65535;
        request->x_pixels = 1280;
        request->y_pixels = 1024;
        request->shell = true;
        return request;
}

static void assert_strv_eq(char *const *a, char *const *b) {
        ck_assert_uint_eq(strv_length(a), strv_length(b));
        for (size_t i = 0; i < strv_length(a); i++)
                ck_assert_str_eq(a[i], b[i]);
}

static void assert_string_eq(const char *a, const char *b) {
        ck_assert_int_eq(a != NULL, b != NULL);
        if (a)
                ck_assert_str_eq(a, b);
}

static void assert_same(const LaunchRequest *a, const LaunchRequest *b) {
        assert_string_eq(a->user, b->user);
        assert_string_eq(a->cwd, b->cwd);
        assert_string_eq(a->directory, b->directory);
        assert_strv_eq(a->argv, b->argv);
        assert_strv_eq(a->env, b->env);
        ck_assert_int_eq(a->background, b->background);
        ck_assert_uint_eq(a->closed_mask, b->closed_mask);
        ck_assert_uint_eq(a->terminal_mask, b->terminal_mask);
        ck_assert_uint_eq(a->rows, b->rows);
        ck_assert_uint_eq(a->columns, b->columns);
        ck_assert_uint_eq(a->x_pixels, b->x_pixels);
        ck_assert_uint_eq(a->y_pixels, b->y_pixels);
        ck_assert_int_eq(a->shell, b->shell);
}

/* Numbers for descriptors of which only the value matters; taken out again before the request is freed. */
static void forget_fds(LaunchRequest *request) {
        for (size_t i = 0; i < request->n_fds; i++)
                request->fds[i].fd = -EBADF;
        request->terminal_socket = -EBADF;
}

START_TEST(everything_of_a_request_survives_the_way) {
        _cleanup_launch_request_ LaunchRequest *request = make_request(), *back = NULL;
        static const int fds[] = { 1003, 1007, 1099, 1500 };
        _cleanup_free_ void *payload = NULL;
        size_t size;

        launch_request_add_fd(request, 7, -EBADF);
        launch_request_add_fd(request, 3, -EBADF);
        launch_request_add_fd(request, INT32_MAX, -EBADF);
        ck_assert_int_eq(encode(request, &payload, &size), 0);
        ck_assert_int_eq(init_launch_decode(payload, size, fds, 4, &back), 0);
        assert_same(back, request);
        ck_assert_uint_eq(back->n_fds, 3);
        ck_assert_int_eq(back->fds[0].number, 3);
        ck_assert_int_eq(back->fds[0].fd, 1003);
        ck_assert_int_eq(back->fds[1].number, 7);
        ck_assert_int_eq(back->fds[1].fd, 1007);
        ck_assert_int_eq(back->fds[2].number, INT32_MAX);
        ck_assert_int_eq(back->fds[2].fd, 1099);
        ck_assert_int_eq(back->terminal_socket, 1500);
        forget_fds(back);
}
END_TEST

START_TEST(an_empty_request_survives_the_way) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new(), *back = NULL;
        _cleanup_free_ void *payload = NULL;
        size_t size;

        ck_assert_int_eq(encode(request, &payload, &size), 0);
        ck_assert_int_eq(init_launch_decode(payload, size, NULL, 0, &back), 0);
        assert_same(back, request);
        ck_assert_ptr_null(back->user);
        ck_assert_int_lt(back->terminal_socket, 0);
}
END_TEST

START_TEST(ten_thousand_arguments_survive_the_way) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new(), *back = NULL;
        _cleanup_free_ void *payload = NULL;
        size_t size;

        request->argv = calloc(10001, sizeof(char *));
        for (int i = 0; i < 10000; i++)
                ck_assert_int_ge(asprintf(&request->argv[i], "argument %d", i), 0);
        ck_assert_int_eq(encode(request, &payload, &size), 0);
        ck_assert_uint_gt(size, LXBUS_INLINE_MAX);
        ck_assert_int_eq(init_launch_decode(payload, size, NULL, 0, &back), 0);
        assert_strv_eq(back->argv, request->argv);
}
END_TEST

START_TEST(a_request_beyond_the_limit_is_not_encoded) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        char *huge = malloc(LXBUS_PAYLOAD_MAX + 2);
        void *payload = NULL;
        size_t size = 5;

        memset(huge, 'x', LXBUS_PAYLOAD_MAX + 1);
        huge[LXBUS_PAYLOAD_MAX + 1] = '\0';
        ck_assert_int_eq(strv_consume(&request->argv, huge), 0);
        ck_assert_int_eq(encode(request, &payload, &size), -E2BIG);
        huge[LXBUS_PAYLOAD_MAX / 2] = '\0';
        ck_assert_int_eq(strv_push_copy(&request->argv, huge), 0);
        ck_assert_int_eq(encode(request, &payload, &size), -E2BIG);
        ck_assert_ptr_null(payload);
        ck_assert_uint_eq(size, 5);
        huge[64] = '\0';
        ck_assert_int_eq(encode(request, &payload, &size), 0);
        free(payload);
}
END_TEST

/* The longest string with which it is exactly as large as a message may be. */
START_TEST(a_request_may_fill_a_message_to_the_last_byte) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        char *huge = malloc(LXBUS_PAYLOAD_MAX);
        void *payload = NULL;
        size_t size, rest;

        ck_assert_int_eq(strv_push_copy(&request->argv, ""), 0);
        ck_assert_int_eq(init_launch_encode(1, request, &payload, &size), 0);
        free(steal_pointer(&payload));
        rest = LXBUS_PAYLOAD_MAX - size;
        memset(huge, 'x', rest);
        huge[rest] = '\0';
        free(request->argv[0]);
        request->argv[0] = huge;
        ck_assert_int_eq(init_launch_encode(1, request, &payload, &size), 0);
        ck_assert_uint_eq(size, LXBUS_PAYLOAD_MAX);
        free(steal_pointer(&payload));
        huge[rest] = 'x';
        huge[rest + 1] = '\0';
        ck_assert_int_eq(init_launch_encode(1, request, &payload, &size), -E2BIG);
        ck_assert_ptr_null(payload);
}
END_TEST

START_TEST(a_request_has_no_more_descriptors_than_a_message) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        void *payload = NULL;
        size_t size;

        for (unsigned i = 0; i < INIT_FDS_MAX; i++)
                ck_assert_int_eq(launch_request_add_fd(request, i, -EBADF), 0);
        ck_assert_int_eq(init_launch_encode(1, request, &payload, &size), 0);
        free(steal_pointer(&payload));
        ck_assert_int_eq(launch_request_add_fd(request, INIT_FDS_MAX, -EBADF), 0);
        ck_assert_int_eq(init_launch_encode(1, request, &payload, &size), -E2BIG);
        ck_assert_ptr_null(payload);
}
END_TEST

START_TEST(a_truncated_request_is_refused_at_every_byte) {
        _cleanup_launch_request_ LaunchRequest *request = make_request();
        static const int fds[] = { 1001, 1002 };
        _cleanup_free_ void *payload = NULL;
        size_t size;

        launch_request_add_fd(request, 9, -EBADF);
        ck_assert_int_eq(encode(request, &payload, &size), 0);
        for (size_t n = 0; n < size; n++) {
                _cleanup_free_ char *copy = malloc(n + 1); /* its own, so that reading too far is noticed */
                LaunchRequest *back = (LaunchRequest *)1;

                memcpy(copy, payload, n);
                ck_assert_int_eq(init_launch_decode(copy, n, fds, 2, &back), -EBADMSG);
                ck_assert_ptr_eq(back, (LaunchRequest *)1);
        }
}
END_TEST

START_TEST(trailing_bytes_are_refused) {
        _cleanup_launch_request_ LaunchRequest *request = make_request(), *back = NULL;
        static const int fds[] = { 1001 };
        _cleanup_free_ void *payload = NULL;
        _cleanup_free_ char *longer = NULL;
        size_t size;

        ck_assert_int_eq(encode(request, &payload, &size), 0);
        longer = calloc(1, size + 4);
        memcpy(longer, payload, size);
        for (size_t extra = 1; extra <= 4; extra++)
                ck_assert_int_eq(init_launch_decode(longer, size + extra, fds, 1, &back), -EBADMSG);
        ck_assert_ptr_null(back);
}
END_TEST

/* Words of a payload up to the strings: flags, closed and terminal masks, rows, columns, their
 * pixels, number of descriptors. */
static int decode_words(const uint32_t *words, size_t n, size_t n_fds) {
        static const int fds[] = { 1001, 1002, 1003 };
        LaunchRequest *back = NULL;
        int r = init_launch_decode(words, n * sizeof(*words), fds, n_fds, &back);

        if (r == 0) {
                forget_fds(back);
                launch_request_free(back);
        }
        return r;
}

START_TEST(the_descriptors_are_those_that_the_request_names) {
        static const uint32_t two[] = { 0, 0, 0, 0, 0, 0, 0, 2, 3, 4, 0, 0, 0, 0, 0 },
                              twice[] = { 0, 0, 0, 0, 0, 0, 0, 2, 3, 3, 0, 0, 0, 0, 0 },
                              descending[] = { 0, 0, 0, 0, 0, 0, 0, 2, 4, 3, 0, 0, 0, 0, 0 },
                              negative[] = { 0, 0, 0, 0, 0, 0, 0, 2, 3, UINT32_MAX, 0, 0, 0, 0, 0 },
                              terminal[] = { 0, 0, 1, 0, 0, 0, 0, 2, 3, 4, 0, 0, 0, 0, 0 };

        ck_assert_int_eq(decode_words(two, ELEMENTSOF(two), 2), 0);
        ck_assert_int_eq(decode_words(two, ELEMENTSOF(two), 1), -EBADMSG);
        ck_assert_int_eq(decode_words(two, ELEMENTSOF(two), 3), -EBADMSG);
        ck_assert_int_eq(decode_words(twice, ELEMENTSOF(twice), 2), -EBADMSG);
        ck_assert_int_eq(decode_words(descending, ELEMENTSOF(descending), 2), -EBADMSG);
        ck_assert_int_eq(decode_words(negative, ELEMENTSOF(negative), 2), -EBADMSG);
        ck_assert_int_eq(decode_words(terminal, ELEMENTSOF(terminal), 3), 0);
        ck_assert_int_eq(decode_words(terminal, ELEMENTSOF(terminal), 2), -EBADMSG);
        ck_assert_int_eq(decode_words(terminal, ELEMENTSOF(terminal), 0), -EBADMSG);
}
END_TEST

START_TEST(lying_counts_are_refused_before_anything_is_allocated_for_them) {
        static const uint32_t lies[] = { 1, 2, 0x3fffffff, 0x40000000, 0x7fffffff, UINT32_MAX };

        for (size_t at = 7; at < 13; at++)
                for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                        uint32_t words[13] = { 0 };

                        words[at] = lies[i];
                        ck_assert_int_eq(decode_words(words, ELEMENTSOF(words), 0), -EBADMSG);
                }
}
END_TEST

START_TEST(unknown_flags_of_a_request_are_refused) {
        for (int bit = 2; bit < 32; bit++) {
                uint32_t words[13] = { 1u << bit };

                ck_assert_int_eq(decode_words(words, ELEMENTSOF(words), 0), -EBADMSG);
        }
}
END_TEST

START_TEST(rows_and_columns_have_sixteen_bits) {
        for (size_t at = 3; at <= 6; at++) {
                uint32_t words[13] = { 0 };

                words[at] = UINT16_MAX;
                ck_assert_int_eq(decode_words(words, ELEMENTSOF(words), 0), 0);
                words[at]++;
                ck_assert_int_eq(decode_words(words, ELEMENTSOF(words), 0), -EBADMSG);
        }
}
END_TEST

START_TEST(strings_end_with_their_only_nul) {
        static const uint32_t no_nul[] = { 0, 0, 0, 0, 0, 0, 0, 0, 4, 0x78787878, 0, 0, 0, 0 },
                              early[] = { 0, 0, 0, 0, 0, 0, 0, 0, 4, 0x00780078, 0, 0, 0, 0 },
                              good[] = { 0, 0, 0, 0, 0, 0, 0, 0, 4, 0x00787878, 0, 0, 0, 0 },
                              null_argument[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 };

        ck_assert_int_eq(decode_words(good, ELEMENTSOF(good), 0), 0);
        ck_assert_int_eq(decode_words(no_nul, ELEMENTSOF(no_nul), 0), -EBADMSG);
        ck_assert_int_eq(decode_words(early, ELEMENTSOF(early), 0), -EBADMSG);
        ck_assert_int_eq(decode_words(null_argument, ELEMENTSOF(null_argument), 0), -EBADMSG);
}
END_TEST

START_TEST(refused_descriptors_stay_the_callers) {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        static const uint32_t words[] = { 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 1 };
        LaunchRequest *back = NULL;

        ck_assert_int_eq(init_launch_decode(words, sizeof(words), &fd, 1, &back), -EBADMSG);
        ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
}
END_TEST

START_TEST(a_text_is_the_whole_body_and_is_bounded) {
        char long_text[INIT_TEXT_MAX + 1], back[INIT_TEXT_MAX + 1] = "before";

        memset(long_text, 'x', sizeof(long_text));
        ck_assert_int_eq(init_text_decode(long_text, INIT_TEXT_MAX + 1, back), -EBADMSG);
        ck_assert_str_eq(back, "before");
        ck_assert_int_eq(init_text_decode(long_text, INIT_TEXT_MAX, back), 0);
        ck_assert_uint_eq(strlen(back), INIT_TEXT_MAX);
        ck_assert_int_eq(init_text_decode("h\xff\n", 3, back), 0);
        ck_assert_str_eq(back, "h\xff\n");
        ck_assert_int_eq(init_text_decode(NULL, 0, back), 0);
        ck_assert_str_eq(back, "");
}
END_TEST

START_TEST(a_text_holds_no_nul_anywhere) {
        for (size_t at = 0; at < 8; at++) {
                char text[8], back[INIT_TEXT_MAX + 1] = "before";

                memset(text, 'x', sizeof(text));
                text[at] = '\0';
                ck_assert_int_eq(init_text_decode(text, sizeof(text), back), -EBADMSG);
                ck_assert_str_eq(back, "before");
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("init-protocol", a_text_is_the_whole_body_and_is_bounded, a_text_holds_no_nul_anywhere,
                         messages_of_every_known_type_are_accepted_and_no_others,
                         a_truncated_message_is_refused_at_every_byte, the_body_is_all_that_follows,
                         what_is_reserved_is_zero, only_a_program_that_started_is_a_process_among_the_objects,
                         everything_of_a_request_survives_the_way, an_empty_request_survives_the_way,
                         ten_thousand_arguments_survive_the_way, a_request_beyond_the_limit_is_not_encoded,
                         a_request_may_fill_a_message_to_the_last_byte,
                         a_request_has_no_more_descriptors_than_a_message,
                         a_truncated_request_is_refused_at_every_byte, trailing_bytes_are_refused,
                         the_descriptors_are_those_that_the_request_names,
                         lying_counts_are_refused_before_anything_is_allocated_for_them,
                         unknown_flags_of_a_request_are_refused, rows_and_columns_have_sixteen_bits,
                         strings_end_with_their_only_nul, refused_descriptors_stay_the_callers);
}
