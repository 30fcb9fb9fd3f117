/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd's end of the channel, with a /init at the other end that answers well,
 * badly, or not at all. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/init-channel.h"
#include "shared/fd-socket.h"
#include "tests/test.h"

static sd_event *event;
static InitChannel *channel;
static int init; /* /init's end */
static GString *story;
static int last_fd; /* the last descriptor that an event brought */
static size_t fds_before;

static void keep_fd(int fd) {
        closep(&last_fd);
        last_fd = fd;
}

static void on_ready(bool without_host, const char *user, int bus, void *userdata) {
        keep_fd(bus);
        g_string_append_printf(story, "ready%s%s%s%s ", without_host ? "-host" : "", user ? ":" : "", user ?: "",
                               bus >= 0 ? "+fd" : "");
}

static void on_warning(const char *text, void *userdata) {
        g_string_append_printf(story, "warning:%s ", text);
}

static void on_started(uint64_t id, pid_t pid, int pidfd, void *userdata) {
        keep_fd(pidfd);
        g_string_append_printf(story, "started:%" G_GUINT64_FORMAT "%s ", id, pidfd >= 0 ? "+fd" : "");
}

static void on_failed(uint64_t id, InitStep step, int error, int program, void *userdata) {
        keep_fd(program);
        g_string_append_printf(story, "failed:%" G_GUINT64_FORMAT ":%d:%d%s ", id, step, error, program >= 0 ? "+fd" : "");
}

static void on_stopped(uint64_t id, int signal, void *userdata) {
        g_string_append_printf(story, "stopped:%" G_GUINT64_FORMAT ":%d ", id, signal);
}

static void on_exited(uint64_t id, int code, int status, void *userdata) {
        g_string_append_printf(story, "exited:%" G_GUINT64_FORMAT ":%d:%d ", id, code, status);
}

static void on_closed(void *userdata) {
        g_string_append(story, "closed ");
}

static void set_up(void) {
        static const InitChannelEvents events = { on_ready, on_warning, on_started, on_failed, on_stopped, on_exited, on_closed };
        int pair[2];

        fds_before = count_fds();
        last_fd = -EBADF;
        story = g_string_new(NULL);
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        init = pair[1];
        ck_assert_int_eq(init_channel_new(event, pair[0], &events, NULL, &channel), 0);
}

static void tear_down(void) {
        channel = init_channel_free(channel);
        closep(&init);
        closep(&last_fd);
        g_string_free(story, TRUE);
        event = sd_event_unref(event);
        ck_assert_uint_eq(count_fds(), fds_before);
}

/* Everything is local: what was sent is there already. */
static void settle(void) {
        while (sd_event_run(event, 0) > 0)
                ;
}

static void say(InitHeader header, int fd) {
        struct iovec part = { .iov_base = &header, .iov_len = sizeof(header) };

        ck_assert_int_eq(fd_socket_send(init, &part, 1, &fd, fd >= 0), 0);
}

static void say_bytes(const void *bytes, size_t size, const int *fds, size_t n_fds) {
        struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };

        ck_assert_int_eq(fd_socket_send(init, &part, 1, fds, n_fds), 0);
}

static void assert_story(const char *expected) {
        settle();
        ck_assert_str_eq(story->str, expected);
        g_string_truncate(story, 0);
}

static void say_text(InitHeader header, const char *text, size_t size) {
        struct iovec parts[] = { { .iov_base = &header, .iov_len = sizeof(header) },
                                 { .iov_base = (void *)text, .iov_len = size } };

        header.size = size;
        ck_assert_int_eq(fd_socket_send(init, parts, ELEMENTSOF(parts), NULL, 0), 0);
}

START_TEST(warnings_and_the_wishes_of_the_distribution_are_told) {
        char longest[INIT_TEXT_MAX + 1];
        g_autofree char *expected = NULL;

        memset(longest, 'x', sizeof(longest));
        longest[INIT_TEXT_MAX] = '\0';
        expected = g_strdup_printf("warning:a\xff\n warning:%s ready-host:anna ", longest);
        set_up();
        say_text((InitHeader){ .type = INIT_WARNING }, "a\xff\n", 3);
        say_text((InitHeader){ .type = INIT_WARNING }, longest, INIT_TEXT_MAX);
        say_text((InitHeader){ .type = INIT_READY, .first = 1 }, "anna", 4);
        assert_story(expected);
        tear_down();
}
END_TEST

static void assert_text_closes(InitHeader header, const char *text, size_t size) {
        set_up();
        say_text(header, text, size);
        say((InitHeader){ .type = INIT_READY }, -1);
        assert_story("closed ");
        tear_down();
}

START_TEST(a_text_that_may_not_be_closes_the_channel) {
        static const char zeros[INIT_TEXT_MAX + 100];
        char huge[INIT_TEXT_MAX + 1];

        memset(huge, 'x', sizeof(huge));
        assert_text_closes((InitHeader){ .type = INIT_WARNING }, huge, sizeof(huge));
        assert_text_closes((InitHeader){ .type = INIT_WARNING }, zeros, 1);
        assert_text_closes((InitHeader){ .type = INIT_WARNING }, zeros, sizeof(zeros));
        assert_text_closes((InitHeader){ .type = INIT_WARNING }, "a\0b", 3);
        assert_text_closes((InitHeader){ .type = INIT_WARNING }, "", 0);
        assert_text_closes((InitHeader){ .type = INIT_WARNING, .flags = INIT_FLAG_MEMFD }, "", 0);
        assert_text_closes((InitHeader){ .type = INIT_READY }, huge, sizeof(huge));
        assert_text_closes((InitHeader){ .type = INIT_READY }, "an\nna", 5);
        assert_text_closes((InitHeader){ .type = INIT_READY }, "anna\xff", 5);
        assert_text_closes((InitHeader){ .type = INIT_READY, .first = 2 }, "anna", 4);
        assert_text_closes((InitHeader){ .type = INIT_READY, .first = -1 }, "", 0);
        assert_text_closes((InitHeader){ .type = INIT_STARTED, .id = 1 }, "a", 1);
        assert_text_closes((InitHeader){ .type = INIT_EXITED, .id = 1 }, "a", 1);
}
END_TEST

START_TEST(every_event_of_init_is_told_in_order) {
        set_up();
        say((InitHeader){ .type = INIT_READY }, init);
        say((InitHeader){ .type = INIT_STARTED, .id = 1 }, init);
        say((InitHeader){ .type = INIT_STARTED, .id = UINT64_MAX }, -1);
        say((InitHeader){ .type = INIT_STOPPED, .id = 1, .first = 19 }, -1);
        say((InitHeader){ .type = INIT_EXITED, .id = 1, .first = 1, .second = 255 }, -1);
        say((InitHeader){ .type = INIT_FAILED, .id = 3, .first = INIT_STEP_EXEC, .second = ENOEXEC }, init);
        assert_story("ready+fd started:1+fd started:18446744073709551615 stopped:1:19 exited:1:1:255 failed:3:7:8+fd ");
        tear_down();
}
END_TEST

START_TEST(descriptors_that_come_uninvited_are_closed) {
        size_t before;

        set_up();
        before = count_fds();
        say((InitHeader){ .type = INIT_STOPPED, .id = 1, .first = 20 }, init);
        say((InitHeader){ .type = INIT_EXITED, .id = 1, .first = 1 }, init);
        assert_story("stopped:1:20 exited:1:1:0 ");
        ck_assert_uint_eq(count_fds(), before);
        tear_down();
}
END_TEST

START_TEST(the_end_of_init_closes_the_channel_once) {
        set_up();
        say((InitHeader){ .type = INIT_EXITED, .id = 5, .first = 1, .second = 3 }, -1);
        closep(&init);
        assert_story("exited:5:1:3 closed ");
        assert_story("");
        tear_down();
}
END_TEST

static void assert_closes(const void *bytes, size_t size, const int *fds, size_t n_fds) {
        set_up();
        say_bytes(bytes, size, fds, n_fds);
        if (size > 0) {
                say((InitHeader){ .type = INIT_READY }, -1); /* means nothing any more */
                assert_story("closed ");
        } else
                assert_story("closed ");
        tear_down();
}

START_TEST(a_broken_frame_closes_the_channel) {
        static const char zeros[sizeof(InitHeader) + 1], noise[] = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", huge[100000];
        static const InitHeader wrong[] = {
                { .type = INIT_LAUNCH, .id = 1 }, /* it is we who say these */
                { .type = INIT_SIGNAL, .id = 1 },
                { .type = INIT_HANGUP, .id = 1 },
                { .type = INIT_FOREGROUND, .id = 1 },
                { .type = INIT_WARNING + 1 },
                { .type = INIT_READY, .size = 1 },
                { .type = INIT_READY, .flags = 2 },
                { .type = INIT_READY, .flags = UINT32_MAX },
        };

        assert_closes(zeros, sizeof(zeros), NULL, 0);
        assert_closes(zeros, sizeof(InitHeader), NULL, 0);
        assert_closes(zeros, 1, NULL, 0);
        assert_closes(zeros, 0, NULL, 0);
        assert_closes(noise, sizeof(noise), NULL, 0);
        assert_closes(huge, sizeof(huge), NULL, 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_closes(&wrong[i], sizeof(wrong[i]), NULL, 0);
}
END_TEST

START_TEST(a_frame_cut_anywhere_closes_the_channel) {
        static const InitHeader header = { .type = INIT_READY };

        for (size_t n = 0; n < sizeof(header); n++)
                assert_closes(&header, n, NULL, 0);
}
END_TEST

START_TEST(a_payload_from_init_closes_the_channel) {
        char packet[sizeof(InitHeader) + 1] = { 0 };
        const InitHeader header = { .type = INIT_READY, .size = 1 },
                         memfd = { .type = INIT_STARTED, .flags = INIT_FLAG_MEMFD, .size = 1 };

        memcpy(packet, &header, sizeof(header));
        assert_closes(packet, sizeof(packet), NULL, 0);
        assert_closes(&memfd, sizeof(memfd), NULL, 0);
}
END_TEST

START_TEST(more_than_one_descriptor_closes_the_channel) {
        static const InitHeader header = { .type = INIT_STARTED, .id = 1 };
        int fds[] = { 0, 1, 2 };

        for (int i = 0; i < 3; i++)
                fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        assert_closes(&header, sizeof(header), fds, 2);
        assert_closes(&header, sizeof(header), fds, 3);
        for (int i = 0; i < 3; i++)
                closep(&fds[i]);
}
END_TEST

START_TEST(a_failure_without_a_known_step_or_errno_closes_the_channel) {
        static const int wrong[][2] = {
                { -1, EIO },          { INIT_STEP_MAX, EIO }, { INT32_MIN, EIO },          { INT32_MAX, EIO },
                { INIT_STEP_EXEC, 0 }, { INIT_STEP_EXEC, -2 }, { INIT_STEP_EXEC, 4096 }, { INIT_STEP_EXEC, INT32_MIN },
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                const InitHeader header = { .type = INIT_FAILED, .id = 1, .first = wrong[i][0], .second = wrong[i][1] };

                assert_closes(&header, sizeof(header), &(int){ STDERR_FILENO }, 1);
        }
        set_up();
        for (int step = 0; step < INIT_STEP_MAX; step++) {
                g_autofree char *expected = g_strdup_printf("failed:1:%d:4095 ", step);

                say((InitHeader){ .type = INIT_FAILED, .id = 1, .first = step, .second = 4095 }, -1);
                assert_story(expected);
        }
        tear_down();
}
END_TEST

/* What /init would read: a frame, its request decoded with the descriptors that came along. */
static LaunchRequest *hear_launch(uint64_t id) {
        static char packet[sizeof(InitHeader) + INIT_INLINE_MAX];
        int fds[FD_SOCKET_MAX], first = 0;
        LaunchRequest *request = NULL;
        const void *payload;
        InitHeader header;
        size_t n_fds;
        ssize_t n;

        n = fd_socket_receive(init, packet, sizeof(packet), fds, FD_SOCKET_MAX, &n_fds);
        ck_assert_int_gt(n, 0);
        ck_assert_int_eq(init_frame_decode(packet, n, &header, &payload), 0);
        ck_assert_uint_eq(header.type, INIT_LAUNCH);
        ck_assert_uint_eq(header.id, id);
        if (header.flags & INIT_FLAG_MEMFD) {
                ck_assert_int_eq(fcntl(fds[0], F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
                payload = mmap(NULL, header.size, PROT_READ, MAP_PRIVATE, fds[0], 0);
                ck_assert_ptr_ne(payload, MAP_FAILED);
                closep(&fds[first++]);
        }
        ck_assert_int_eq(init_launch_decode(payload, header.size, fds + first, n_fds - first, &request), 0);
        if (first)
                (void)munmap((void *)payload, header.size);
        return request;
}

static LaunchRequest *make_request(const char *word) {
        LaunchRequest *request = launch_request_new();

        ck_assert_int_eq(strv_push_copy(&request->argv, word), 0);
        return request;
}

START_TEST(a_launch_arrives_with_its_descriptors) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request = make_request("cat");
        struct stat null, here;
        size_t before;

        set_up();
        before = count_fds();
        launch_request_add_fd(request, 9, open("/dev/null", O_RDONLY | O_CLOEXEC));
        launch_request_add_fd(request, 0, open("/", O_RDONLY | O_CLOEXEC));
        request->terminal_mask = 2;
        request->terminal_socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(init_channel_launch(channel, 42, request), 0);
        ck_assert_uint_eq(count_fds(), before); /* ours are closed, theirs are in the socket */
        heard = hear_launch(42);
        ck_assert_str_eq(heard->argv[0], "cat");
        ck_assert_uint_eq(heard->n_fds, 2);
        ck_assert_int_eq(heard->fds[0].number, 0);
        ck_assert_int_eq(heard->fds[1].number, 9);
        ck_assert_int_eq(fstat(heard->fds[0].fd, &here), 0);
        ck_assert(S_ISDIR(here.st_mode));
        ck_assert_int_eq(fstat(heard->fds[1].fd, &null), 0);
        ck_assert(S_ISCHR(null.st_mode));
        ck_assert_int_ge(heard->terminal_socket, 0);
        heard = launch_request_free(heard);
        tear_down();
}
END_TEST

START_TEST(a_large_request_goes_by_sealed_memory) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request = make_request("printf");

        set_up();
        for (int i = 0; i < 10000; i++)
                ck_assert_int_eq(strv_push_copy(&request->argv, "an argument of some length"), 0);
        launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
        ck_assert_int_eq(init_channel_launch(channel, 7, request), 0);
        heard = hear_launch(7);
        ck_assert_uint_eq(strv_length(heard->argv), 10001);
        ck_assert_uint_eq(heard->n_fds, 1);
        heard = launch_request_free(heard);
        tear_down();
}
END_TEST

START_TEST(as_many_descriptors_as_a_launch_may_have_go_along_and_no_more) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request = make_request("x"), *too_many = make_request("x");

        set_up();
        for (int i = 0; i < INIT_FDS_MAX; i++)
                launch_request_add_fd(request, i + 3, open("/dev/null", O_RDONLY | O_CLOEXEC));
        for (int i = 0; i < INIT_FDS_MAX + 1; i++)
                launch_request_add_fd(too_many, i + 3, open("/dev/null", O_RDONLY | O_CLOEXEC));
        for (int i = 0; i < 3000; i++)
                ck_assert_int_eq(strv_push_copy(&request->argv, "so that the memfd needs one more"), 0);
        request->terminal_mask = 1;
        request->terminal_socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(init_channel_launch(channel, 1, request), 0);
        ck_assert_int_eq(init_channel_launch(channel, 2, too_many), -E2BIG);
        heard = hear_launch(1);
        ck_assert_uint_eq(heard->n_fds, INIT_FDS_MAX);
        ck_assert_int_ge(heard->terminal_socket, 0);
        heard = launch_request_free(heard);
        tear_down();
}
END_TEST

START_TEST(a_request_that_is_too_large_is_refused_and_freed) {
        LaunchRequest *request = make_request("x");
        char *huge = malloc(INIT_PAYLOAD_MAX + 1);

        set_up();
        memset(huge, 'y', INIT_PAYLOAD_MAX);
        huge[INIT_PAYLOAD_MAX] = '\0';
        ck_assert_int_eq(strv_consume(&request->argv, huge), 0);
        launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
        ck_assert_int_eq(init_channel_launch(channel, 1, request), -E2BIG);
        tear_down();
}
END_TEST

/* Far more than a socket's buffer holds, to a /init that does not read; nothing blocks, nothing is lost. */
START_TEST(what_does_not_fit_waits_and_arrives_in_order) {
        enum { N = 5000 };

        set_up();
        for (uint64_t id = 1; id <= N; id++) {
                LaunchRequest *request = make_request("x");

                launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
                if (id % 100 == 0)
                        ck_assert_int_eq(init_channel_launch(channel, id, request), 0);
                else {
                        launch_request_free(request);
                        ck_assert_int_eq(init_channel_send(channel, INIT_SIGNAL, id, 15, 1), 0);
                }
        }
        settle();
        for (uint64_t id = 1; id <= N; id++) {
                if (id % 100 == 0)
                        launch_request_free(hear_launch(id));
                else {
                        InitHeader header;

                        ck_assert_int_eq(recv(init, &header, sizeof(header), 0), sizeof(header));
                        ck_assert_uint_eq(header.type, INIT_SIGNAL);
                        ck_assert_uint_eq(header.id, id);
                        ck_assert_int_eq(header.first, 15);
                        ck_assert_int_eq(header.second, 1);
                }
                settle();
        }
        assert_story("");
        tear_down();
}
END_TEST

START_TEST(what_waits_when_init_goes_is_freed) {
        set_up();
        for (uint64_t id = 1; id <= 2000; id++)
                ck_assert_int_eq(init_channel_send(channel, INIT_HANGUP, id, 0, 0), 0);
        for (uint64_t id = 1; id <= 10; id++) {
                LaunchRequest *request = make_request("x");

                launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
                ck_assert_int_eq(init_channel_launch(channel, id, request), 0);
        }
        closep(&init);
        assert_story("closed ");
        ck_assert_int_eq(init_channel_launch(channel, 11, make_request("x")), 0);
        assert_story("");
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("init-channel", warnings_and_the_wishes_of_the_distribution_are_told,
                         a_text_that_may_not_be_closes_the_channel, every_event_of_init_is_told_in_order, descriptors_that_come_uninvited_are_closed,
                         the_end_of_init_closes_the_channel_once, a_broken_frame_closes_the_channel,
                         a_frame_cut_anywhere_closes_the_channel, a_payload_from_init_closes_the_channel,
                         more_than_one_descriptor_closes_the_channel,
                         a_failure_without_a_known_step_or_errno_closes_the_channel,
                         a_launch_arrives_with_its_descriptors, a_large_request_goes_by_sealed_memory,
                         as_many_descriptors_as_a_launch_may_have_go_along_and_no_more,
                         a_request_that_is_too_large_is_refused_and_freed,
                         what_does_not_fit_waits_and_arrives_in_order, what_waits_when_init_goes_is_freed);
}
