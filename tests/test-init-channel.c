/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd's end of the channel, with a /init at the other end that answers well,
 * badly, or not at all. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/init-channel.h"
#include "shared/fd-socket.h"
#include "shared/lxbus-packet.h"
#include "tests/crowd.h"
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

/* A message as /init sends it, but for what it says; each descriptor is an object like this one. */
static void say_whole(const void *payload, size_t size, LxbusWireObject object, const int *fds, size_t n_fds) {
        LxbusWireObject objects[] = { object, object, object };
        const LxbusOutgoing message = { payload, size, -EBADF, objects, fds, n_fds };

        ck_assert_uint_le(n_fds, ELEMENTSOF(objects));
        ck_assert_int_eq(lxbus_packet_send(init, &message), 0);
}

static void say_text(InitMessage m, const char *text, size_t size) {
        g_autofree char *payload = g_malloc(sizeof(m) + size);

        memcpy(payload, &m, sizeof(m));
        memcpy(payload + sizeof(m), text, size);
        say_whole(payload, sizeof(m) + size, (LxbusWireObject){ 0 }, NULL, 0);
}

static void say(InitMessage m, int fd) {
        say_whole(&m, sizeof(m), (LxbusWireObject){ .kind = init_object_kind(m.type) }, &fd, fd >= 0);
}

/* A packet that need not be a message. */
static void say_bytes(const void *bytes, size_t size, const int *fds, size_t n_fds) {
        struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };

        ck_assert_int_eq(fd_socket_send(init, &part, 1, fds, n_fds), 0);
}

static void assert_story(const char *expected) {
        settle();
        ck_assert_str_eq(story->str, expected);
        g_string_truncate(story, 0);
}

START_TEST(warnings_and_the_wishes_of_the_distribution_are_told) {
        char longest[INIT_TEXT_MAX + 1];
        g_autofree char *expected = NULL;

        memset(longest, 'x', sizeof(longest));
        longest[INIT_TEXT_MAX] = '\0';
        expected = g_strdup_printf("warning:a\xff\n warning:%s ready-host:anna ", longest);
        set_up();
        say_text((InitMessage){ .type = INIT_WARNING }, "a\xff\n", 3);
        say_text((InitMessage){ .type = INIT_WARNING }, longest, INIT_TEXT_MAX);
        say_text((InitMessage){ .type = INIT_READY, .first = 1 }, "anna", 4);
        assert_story(expected);
        tear_down();
}
END_TEST

static void assert_text_closes(InitMessage header, const char *text, size_t size) {
        set_up();
        say_text(header, text, size);
        say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("closed ");
        tear_down();
}

START_TEST(a_text_that_may_not_be_closes_the_channel) {
        static const char zeros[INIT_TEXT_MAX + 100];
        char huge[INIT_TEXT_MAX + 1];

        memset(huge, 'x', sizeof(huge));
        assert_text_closes((InitMessage){ .type = INIT_WARNING }, huge, sizeof(huge));
        assert_text_closes((InitMessage){ .type = INIT_WARNING }, zeros, 1);
        assert_text_closes((InitMessage){ .type = INIT_WARNING }, zeros, sizeof(zeros));
        assert_text_closes((InitMessage){ .type = INIT_WARNING }, "a\0b", 3);
        assert_text_closes((InitMessage){ .type = INIT_WARNING }, "", 0);
        assert_text_closes((InitMessage){ .type = INIT_READY }, huge, sizeof(huge));
        assert_text_closes((InitMessage){ .type = INIT_READY }, "an\nna", 5);
        assert_text_closes((InitMessage){ .type = INIT_READY }, "anna\xff", 5);
        assert_text_closes((InitMessage){ .type = INIT_READY, .first = 2 }, "anna", 4);
        assert_text_closes((InitMessage){ .type = INIT_READY, .first = -1 }, "", 0);
        assert_text_closes((InitMessage){ .type = INIT_STARTED, .id = 1 }, "a", 1);
        assert_text_closes((InitMessage){ .type = INIT_EXITED, .id = 1 }, "a", 1);
}
END_TEST

START_TEST(every_event_of_init_is_told_in_order) {
        set_up();
        say((InitMessage){ .type = INIT_READY }, init);
        say((InitMessage){ .type = INIT_STARTED, .id = 1 }, init);
        say((InitMessage){ .type = INIT_STARTED, .id = UINT64_MAX }, -1);
        say((InitMessage){ .type = INIT_STOPPED, .id = 1, .first = 19 }, -1);
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = 1, .second = 255 }, -1);
        say((InitMessage){ .type = INIT_FAILED, .id = 3, .first = INIT_STEP_EXEC, .second = ENOEXEC }, init);
        assert_story("ready+fd started:1+fd started:18446744073709551615 stopped:1:19 exited:1:1:255 failed:3:7:8+fd ");
        tear_down();
}
END_TEST

START_TEST(the_end_of_init_closes_the_channel_once) {
        set_up();
        say((InitMessage){ .type = INIT_EXITED, .id = 5, .first = 1, .second = 3 }, -1);
        closep(&init);
        assert_story("exited:5:1:3 closed ");
        assert_story("");
        tear_down();
}
END_TEST

/* Whoever broke the channel is heard no more, and nothing of what he sent stays open. */
static void assert_closed(void) {
        if (init >= 0)
                say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("closed ");
        tear_down();
}

static void assert_closes(const void *bytes, size_t size, const int *fds, size_t n_fds) {
        set_up();
        say_bytes(bytes, size, fds, n_fds);
        if (size == 0)
                closep(&init);
        assert_closed();
}

START_TEST(what_is_no_message_closes_the_channel) {
        static const char zeros[sizeof(LxbusHeader) + sizeof(InitMessage) + 1], huge[100000],
                        noise[] = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
        const LxbusHeader announcement = { .flags = LXBUS_MESSAGE_ANNOUNCE };

        assert_closes(zeros, sizeof(zeros), NULL, 0);
        assert_closes(zeros, sizeof(LxbusHeader), NULL, 0); /* one without a payload */
        assert_closes(zeros, 1, NULL, 0);
        assert_closes(zeros, 0, NULL, 0);
        assert_closes(noise, sizeof(noise), NULL, 0);
        assert_closes(huge, sizeof(huge), NULL, 0);
        assert_closes(&announcement, sizeof(announcement), NULL, 0); /* we look for descriptors without it */
}
END_TEST

START_TEST(a_message_that_init_may_not_say_closes_the_channel) {
        static const InitMessage wrong[] = {
                { .type = INIT_LAUNCH, .id = 1 }, /* it is we who say these */
                { .type = INIT_SIGNAL, .id = 1 },      { .type = INIT_HANGUP, .id = 1 },
                { .type = INIT_FOREGROUND, .id = 1 },  { .type = 0 },
                { .type = INIT_WARNING + 1 },          { .type = UINT32_MAX },
                { .type = INIT_READY, .reserved = 1 }, { .type = INIT_EXITED, .reserved = UINT32_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                set_up();
                say(wrong[i], -1);
                assert_closed();
        }
}
END_TEST

START_TEST(a_message_cut_anywhere_closes_the_channel) {
        const struct {
                LxbusHeader header;
                InitMessage message;
        } packet = { { .size = sizeof(InitMessage) }, { .type = INIT_READY } };

        for (size_t n = 1; n < sizeof(packet); n++)
                assert_closes(&packet, n, NULL, 0);
        for (size_t n = 0; n < sizeof(packet.message); n++) {
                set_up();
                say_whole(&packet.message, n, (LxbusWireObject){ 0 }, NULL, 0);
                assert_closed();
        }
        set_up();
        say_bytes(&packet, sizeof(packet), NULL, 0);
        assert_story("ready ");
        tear_down();
}
END_TEST

/* However good it is: what /init has to say fits into a packet, and its memory is nothing that we read. */
START_TEST(a_payload_in_memory_closes_the_channel) {
        const InitMessage m = { .type = INIT_READY };
        const LxbusHeader header = { .size = sizeof(m), .flags = LXBUS_MESSAGE_MEMFD };
        _cleanup_close_ int memory = -EBADF;

        ck_assert_int_eq(lxbus_payload_to_memory(&m, sizeof(m), &memory), 0);
        assert_closes(&header, sizeof(header), &memory, 1);
        assert_closes(&header, sizeof(header), &(int){ STDERR_FILENO }, 1);
}
END_TEST

static void assert_object_closes(InitType type, uint32_t kind, uint32_t flags, size_t n) {
        const InitMessage m = { .type = type, .id = 1, .first = type == INIT_FAILED, .second = type == INIT_FAILED };

        set_up();
        say_whole(&m, sizeof(m), (LxbusWireObject){ .kind = kind, .flags = flags }, (int[]){ init, init, init }, n);
        assert_closed();
}

START_TEST(objects_that_an_event_may_not_bring_close_the_channel) {
        static const InitType events[] = { INIT_READY,   INIT_STARTED, INIT_FAILED,
                                           INIT_STOPPED, INIT_EXITED,  INIT_WARNING };

        for (size_t i = 0; i < ELEMENTSOF(events); i++)
                for (uint32_t kind = 0; kind <= LXBUS_KIND_MAX; kind++) {
                        if (kind != init_object_kind(events[i]) || kind == 0)
                                assert_object_closes(events[i], kind, 0, 1);
                        assert_object_closes(events[i], kind, 0, 2);
                        assert_object_closes(events[i], kind, 0, 3);
                        assert_object_closes(events[i], kind, LXBUS_OBJECT_TERMINATE, 1);
                }
}
END_TEST

START_TEST(descriptors_without_objects_close_the_channel) {
        const struct {
                LxbusHeader header;
                InitMessage message;
        } packet = { { .size = sizeof(InitMessage) }, { .type = INIT_STARTED, .id = 1 } };
        int fds[FD_SOCKET_MAX];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fds[i] = STDERR_FILENO;
        assert_closes(&packet, sizeof(packet), fds, 1);
        assert_closes(&packet, sizeof(packet), fds, 2);
        assert_closes(&packet, sizeof(packet), fds, FD_SOCKET_MAX);
}
END_TEST

START_TEST(a_failure_without_a_known_step_or_errno_closes_the_channel) {
        static const int wrong[][2] = {
                { -1, EIO },          { INIT_STEP_MAX, EIO }, { INT32_MIN, EIO },          { INT32_MAX, EIO },
                { INIT_STEP_EXEC, 0 }, { INIT_STEP_EXEC, -2 }, { INIT_STEP_EXEC, 4096 }, { INIT_STEP_EXEC, INT32_MIN },
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                set_up();
                say((InitMessage){ .type = INIT_FAILED, .id = 1, .first = wrong[i][0], .second = wrong[i][1] }, init);
                assert_closed();
        }
        set_up();
        for (int step = 0; step < INIT_STEP_MAX; step++) {
                g_autofree char *expected = g_strdup_printf("failed:1:%d:4095 ", step);

                say((InitMessage){ .type = INIT_FAILED, .id = 1, .first = step, .second = 4095 }, -1);
                assert_story(expected);
        }
        tear_down();
}
END_TEST

/* What /init would read: a message, its request decoded with the descriptors that came along. */
static LaunchRequest *hear_launch(uint64_t id) {
        LxbusIncoming in = { .memory = -EBADF };
        static char packet[LXBUS_PACKET_MAX];
        const void *payload, *body;
        LaunchRequest *request = NULL;
        InitMessage m;
        size_t size;

        ck_assert_int_eq(lxbus_packet_receive(init, packet, sizeof(packet), &in), 0);
        ck_assert_int_eq(lxbus_incoming_payload(&in, &payload), 0);
        ck_assert_int_eq(in.memory >= 0, in.frame.header.size > LXBUS_INLINE_MAX);
        ck_assert_int_eq(init_message_decode(payload, in.frame.header.size, &m, &body, &size), 0);
        ck_assert_uint_eq(m.type, INIT_LAUNCH);
        ck_assert_uint_eq(m.id, id);
        for (size_t i = 0; i < in.n_fds; i++)
                ck_assert_uint_eq(lxbus_frame_object(&in.frame, i).kind, LXBUS_KIND_FD);
        ck_assert_int_eq(init_launch_decode(body, size, in.fds, in.n_fds, &request), 0);
        in.n_fds = 0; /* the request's */
        lxbus_incoming_clear(&in);
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
        for (unsigned i = 0; i < INIT_FDS_MAX; i++)
                launch_request_add_fd(request, i + 3, open("/dev/null", O_RDONLY | O_CLOEXEC));
        for (unsigned i = 0; i < INIT_FDS_MAX + 1; i++)
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
        char *huge = malloc(LXBUS_PAYLOAD_MAX + 1);

        set_up();
        memset(huge, 'y', LXBUS_PAYLOAD_MAX);
        huge[LXBUS_PAYLOAD_MAX] = '\0';
        ck_assert_int_eq(strv_consume(&request->argv, huge), 0);
        launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
        ck_assert_int_eq(init_channel_launch(channel, 1, request), -E2BIG);
        tear_down();
}
END_TEST

static void hear_signal(uint64_t id) {
        struct {
                LxbusHeader header;
                InitMessage message;
        } packet;

        ck_assert_int_eq(recv(init, &packet, sizeof(packet), 0), sizeof(packet));
        ck_assert_uint_eq(packet.header.size, sizeof(packet.message));
        ck_assert_uint_eq(packet.message.type, INIT_SIGNAL);
        ck_assert_uint_eq(packet.message.id, id);
        ck_assert_int_eq(packet.message.first, 15);
        ck_assert_int_eq(packet.message.second, 1);
}

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
                else
                        hear_signal(id);
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

START_TEST(descriptors_that_cannot_be_sent_now_are_sent_later_without_a_spin) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request;
        gint64 end;
        int pair[2];

        if (!has_pidfds())
                return;
        set_up();
        request = make_request("x");
        become_a_user();
        make_crowd(pair);
        launch_request_add_fd(request, 1, open("/dev/null", O_WRONLY | O_CLOEXEC));
        ck_assert_int_eq(init_channel_launch(channel, 1, request), 0);
        end = g_get_monotonic_time() + 50 * G_TIME_SPAN_MILLISECOND;
        for (int i = 0; g_get_monotonic_time() < end; i++) {
                ck_assert_int_lt(i, 20);
                ck_assert_int_ge(sd_event_run(event, 100 * G_TIME_SPAN_MILLISECOND), 0);
        }
        ck_assert_int_lt(recv(init, &(char){ 0 }, 1, MSG_DONTWAIT | MSG_PEEK), 0);
        close_crowd(pair);
        ck_assert_int_gt(sd_event_run(event, UINT64_MAX), 0);
        heard = hear_launch(1);
        ck_assert_uint_eq(heard->n_fds, 1);
        heard = launch_request_free(heard);
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("init-channel", warnings_and_the_wishes_of_the_distribution_are_told,
                         a_text_that_may_not_be_closes_the_channel, every_event_of_init_is_told_in_order,
                         the_end_of_init_closes_the_channel_once, what_is_no_message_closes_the_channel,
                         a_message_that_init_may_not_say_closes_the_channel, a_message_cut_anywhere_closes_the_channel,
                         a_payload_in_memory_closes_the_channel, objects_that_an_event_may_not_bring_close_the_channel,
                         descriptors_without_objects_close_the_channel,
                         a_failure_without_a_known_step_or_errno_closes_the_channel,
                         a_launch_arrives_with_its_descriptors, a_large_request_goes_by_sealed_memory,
                         as_many_descriptors_as_a_launch_may_have_go_along_and_no_more,
                         a_request_that_is_too_large_is_refused_and_freed,
                         what_does_not_fit_waits_and_arrives_in_order, what_waits_when_init_goes_is_freed,
                         descriptors_that_cannot_be_sent_now_are_sent_later_without_a_spin);
}
