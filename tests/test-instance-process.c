/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The programs of an instance: what they are given, what is told of them, and
 * what a /init under the control of the instance's root cannot bring about. */

#include <fcntl.h>

#include "daemon/log.h"
#include "tests/instance-fixture.h"
#include "tests/lingering.h"

/* The request as /init would decode it. */
static LaunchRequest *hear_request(void) {
        LxbusIncoming in = { .memory = -EBADF };
        static char packet[LXBUS_PACKET_MAX];
        LaunchRequest *request = NULL;
        const void *body;
        InitMessage m;
        size_t size;

        ck_assert_int_eq(lxbus_packet_receive(fake.init, packet, sizeof(packet), &in), 0);
        ck_assert_int_eq(init_message_decode(in.frame.payload, in.frame.header.size, &m, &body, &size), 0);
        ck_assert_int_eq(init_launch_decode(body, size, in.fds, in.n_fds, &request), 0);
        return request;
}

static void assert_heard_cwd(const char *cwd, const char *expected) {
        _cleanup_launch_request_ LaunchRequest *request = new_request(), *heard = NULL;
        static uint64_t id = 100;

        request->cwd = cwd ? strdup(cwd) : NULL;
        launch_request(id++, &anna, steal_pointer(&request));
        heard = hear_request();
        if (expected)
                ck_assert_str_eq(heard->cwd, expected);
        else
                ck_assert_ptr_null(heard->cwd);
}

START_TEST(the_callers_directory_is_seen_through_the_host_tree) {
        set_up_running();
        assert_heard_cwd("/home/anna", "/mnt/host/home/anna");
        assert_heard_cwd("/", "/mnt/host/");
        assert_heard_cwd("relative", NULL);
        assert_heard_cwd(NULL, NULL);
        tear_down();
}
END_TEST

START_TEST(a_directory_within_the_root_is_itself) {
        set_up_running();
        assert_heard_cwd("/data/distributions/debian/rootfs", "/");
        assert_heard_cwd("/data/distributions/debian/rootfs/etc", "/etc");
        assert_heard_cwd("/data/distributions/debian/rootfs2", "/mnt/host/data/distributions/debian/rootfs2");
        tear_down();
}
END_TEST

START_TEST(an_isolated_instance_is_not_told_of_the_host) {
        set_up();
        distribution.settings.isolated = true;
        launch(1, &anna);
        say_ready();
        ck_assert(!fake.host);
        hear();
        assert_heard_cwd("/home/anna", NULL);
        assert_heard_cwd("/data/distributions/debian/rootfs/etc", "/etc");
        tear_down();
}
END_TEST

START_TEST(the_user_is_the_one_asked_for_or_the_distributions_or_root) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request = new_request();

        set_up();
        launch(1, &anna);
        say_ready();
        heard = hear_request();
        ck_assert_str_eq(heard->user, "root");
        heard = launch_request_free(heard);
        distribution.default_user = (char *)"anna";
        launch(2, &anna);
        heard = hear_request();
        ck_assert_str_eq(heard->user, "anna");
        heard = launch_request_free(heard);
        request->user = strdup("bert");
        launch_request(3, &anna, request);
        heard = hear_request();
        ck_assert_str_eq(heard->user, "bert");
        tear_down();
}
END_TEST

START_TEST(the_distributions_own_default_user_is_that_of_launches_that_waited_and_of_later_ones) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;
        LaunchRequest *request = new_request();
        Process *process;

        set_up();
        distribution.default_user = (char *)"anna";
        process = launch(1, &anna);
        request->user = strdup("bert");
        launch_request(2, &anna, request);
        settle();
        say_text((InitMessage){ .type = INIT_READY }, "carla");
        heard = hear_request();
        ck_assert_str_eq(heard->user, "carla");
        ck_assert_str_eq(process->user, "carla");
        heard = launch_request_free(heard);
        heard = hear_request();
        ck_assert_str_eq(heard->user, "bert");
        heard = launch_request_free(heard);
        launch(3, &anna);
        heard = hear_request();
        ck_assert_str_eq(heard->user, "carla");
        tear_down();
}
END_TEST

START_TEST(a_distribution_that_wants_no_host_is_not_told_of_it) {
        set_up();
        launch(1, &anna);
        settle();
        say((InitMessage){ .type = INIT_READY, .first = 1 }, -1);
        ck_assert(fake.host);
        hear();
        assert_heard_cwd("/home/anna", NULL);
        assert_heard_cwd("/data/distributions/debian/rootfs/etc", "/etc");
        tear_down();
}
END_TEST

START_TEST(warnings_are_kept_printable_and_the_first_in_the_instance_is_told) {
        set_up();
        launch(1, &anna);
        launch(2, &bert);
        settle();
        say_text((InitMessage){ .type = INIT_WARNING }, "one\n\x1b[31m\xff");
        say_text((InitMessage){ .type = INIT_WARNING }, "two");
        assert_story("starting ");
        say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("running warned:1 ");
        ck_assert_uint_eq(strv_length(instance_warnings(instance)), 2);
        ck_assert_str_eq(instance_warnings(instance)[0], "one\\x0a\\x1b[31m\\xff");
        ck_assert_str_eq(instance_warnings(instance)[1], "two");
        say_text((InitMessage){ .type = INIT_WARNING }, "too late");
        assert_story("");
        ck_assert_uint_eq(strv_length(instance_warnings(instance)), 2);
        tear_down();
}
END_TEST

static void on_held(Instance *i, const sd_bus_error *error, void *userdata) {
        tell("held");
}

START_TEST(warnings_wait_for_the_first_launch_where_nobody_launched_at_the_start) {
        set_up();
        instance_hold(instance, &anna, on_held, NULL);
        settle();
        say_text((InitMessage){ .type = INIT_WARNING }, "one");
        say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("starting running held ");
        launch(1, &bert);
        assert_story("warned:1 ");
        launch(2, &bert);
        assert_story("");
        tear_down();
}
END_TEST

START_TEST(a_flood_of_warnings_is_cut) {
        set_up();
        launch(1, &anna);
        settle();
        for (int i = 0; i < 500; i++)
                say_text((InitMessage){ .type = INIT_WARNING }, "again");
        ck_assert_uint_eq(strv_length(instance_warnings(instance)), 32);
        tear_down();
}
END_TEST

START_TEST(the_next_instance_begins_without_the_wishes_and_warnings_of_the_last) {
        _cleanup_launch_request_ LaunchRequest *heard = NULL;

        set_up();
        launch(1, &anna);
        settle();
        say_text((InitMessage){ .type = INIT_WARNING }, "old");
        say_text((InitMessage){ .type = INIT_READY, .first = 1 }, "carla");
        hear();
        instance_stop(instance);
        launch(2, &bert);
        container_ends();
        skip();
        say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("running ");
        ck_assert_ptr_null(instance_warnings(instance));
        heard = hear_request();
        ck_assert_str_eq(heard->user, "root");
        assert_heard_cwd("/home/anna", "/mnt/host/home/anna");
        tear_down();
}
END_TEST

START_TEST(too_many_descriptors_fail_the_launch_alone) {
        LaunchRequest *request = new_request();

        set_up_running();
        for (unsigned i = 0; i <= INIT_FDS_MAX; i++)
                launch_request_add_fd(request, i, open("/dev/null", O_RDONLY | O_CLOEXEC));
        launch_request(2, &anna, request);
        launch(3, &anna);
        ck_assert_str_eq(hear(), "launch:3");
        assert_story("failed:2:ArgumentsTooLong ");
        tear_down();
}
END_TEST

START_TEST(a_program_is_started_stops_and_ends) {
        Process *process = set_up_running();

        ck_assert_int_eq(process->state, PROCESS_RUNNING);
        say((InitMessage){ .type = INIT_STOPPED, .id = 1, .first = SIGTSTP }, -1);
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_DUMPED, .second = SIGSEGV }, -1);
        assert_story("stopped:1:20 ended:1:3:11 ");
        ck_assert_uint_eq(instance_n_processes(instance), 0);
        tear_down();
}
END_TEST

START_TEST(exits_arrive_even_when_init_ends_behind_them) {
        set_up_running();
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_EXITED, .second = 7 }, -1);
        closep(&fake.init);
        assert_story("ended:1:1:7 stopping ");
        container_ends();
        tear_down();
}
END_TEST

START_TEST(each_step_that_fails_has_its_named_error) {
        static const struct {
                InitStep step;
                int number;
                const char *expected;
        } cases[] = {
                { INIT_STEP_REQUEST, EBADMSG, "failed:2:Failed " },
                { INIT_STEP_USER, ENOENT, "failed:2:NoSuchUser " },
                { INIT_STEP_USER, EFBIG, "failed:2:NoSuchUser " },
                { INIT_STEP_TERMINAL, ENOSPC, "failed:2:Failed " },
                { INIT_STEP_FORK, EAGAIN, "failed:2:Failed " },
                { INIT_STEP_DESCRIPTORS, EMFILE, "failed:2:Failed " },
                { INIT_STEP_CREDENTIALS, EINVAL, "failed:2:NoSuchUser " },
                { INIT_STEP_DIRECTORY, ENOENT, "failed:2:NoSuchDirectory " },
                { INIT_STEP_EXEC, ENOENT, "unexecutable:2:2 " },
        };

        set_up_running();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                launch(2, &anna);
                say((InitMessage){ .type = INIT_FAILED, .id = 2, .first = cases[i].step, .second = cases[i].number },
                    -1);
                assert_story(cases[i].expected);
                ck_assert_uint_eq(instance_n_processes(instance), 1);
        }
        tear_down();
}
END_TEST

START_TEST(what_could_not_be_executed_comes_along_and_is_closed) {
        size_t before;

        set_up_running();
        launch(2, &anna);
        ck_assert_str_eq(hear(), "launch:2");
        before = count_fds();
        say((InitMessage){ .type = INIT_FAILED, .id = 2, .first = INIT_STEP_EXEC, .second = ENOEXEC }, fake.init);
        assert_story("unexecutable:2:8+fd ");
        ck_assert_uint_eq(count_fds(), before);
        tear_down();
}
END_TEST

START_TEST(events_of_unknown_programs_mean_nothing_and_leak_nothing) {
        size_t before;

        set_up_running();
        before = count_fds();
        say((InitMessage){ .type = INIT_STARTED, .id = 99 }, fake.init);
        say((InitMessage){ .type = INIT_FAILED, .id = 99, .first = INIT_STEP_EXEC, .second = EIO }, fake.init);
        say((InitMessage){ .type = INIT_STOPPED, .id = 99, .first = SIGSTOP }, -1);
        say((InitMessage){ .type = INIT_EXITED, .id = 99, .first = CLD_EXITED }, -1);
        say((InitMessage){ .type = INIT_READY }, -1);
        assert_story("");
        ck_assert_uint_eq(count_fds(), before);
        tear_down();
}
END_TEST

START_TEST(events_out_of_order_mean_nothing) {
        size_t before;

        set_up_running();
        launch(2, &bert);
        ck_assert_str_eq(hear(), "launch:2");
        before = count_fds();
        say((InitMessage){ .type = INIT_STOPPED, .id = 2, .first = SIGSTOP }, -1);
        say((InitMessage){ .type = INIT_EXITED, .id = 2, .first = CLD_EXITED }, -1);
        say((InitMessage){ .type = INIT_STARTED, .id = 1 }, fake.init);
        say((InitMessage){ .type = INIT_FAILED, .id = 1, .first = INIT_STEP_EXEC, .second = EIO }, fake.init);
        assert_story("");
        ck_assert_uint_eq(count_fds(), before);
        say_started(2);
        assert_story("started:2 ");
        tear_down();
}
END_TEST

START_TEST(nothing_of_a_launch_is_taken_back_by_an_early_event) {
        set_up();
        launch(1, &anna);
        settle();
        say_started(1); /* before it was even sent */
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_EXITED }, -1);
        assert_story("starting ");
        say_ready();
        ck_assert_str_eq(hear(), "launch:1");
        say_started(1);
        assert_story("running started:1 ");
        tear_down();
}
END_TEST

START_TEST(a_descriptor_that_is_no_pidfd_is_not_kept) {
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        size_t before;
        Process *process;

        set_up_running();
        process = launch(2, &anna);
        ck_assert_str_eq(hear(), "launch:2");
        before = count_fds();
        say((InitMessage){ .type = INIT_STARTED, .id = 2 }, null);
        assert_story("started:2 ");
        ck_assert_int_lt(process->pidfd, 0);
        ck_assert_uint_eq(count_fds(), before);
        tear_down();
}
END_TEST

/* Root of the instance may send a socket of its own in the place of any descriptor. */
START_TEST(a_socket_that_lingers_does_not_hold_lxssd) {
        const InitMessage messages[] = {
                { .type = INIT_STARTED, .id = 99 },
                { .type = INIT_FAILED, .id = 99, .first = INIT_STEP_EXEC, .second = EIO },
                { .type = INIT_READY },
                { .type = INIT_STARTED, .id = 2 },
                { .type = INIT_FAILED, .id = 3, .first = INIT_STEP_EXEC, .second = EIO },
        };

        set_up_running();
        launch(2, &anna);
        launch(3, &anna);
        settle();
        for (size_t i = 0; i < ELEMENTSOF(messages); i++) {
                int reader, fd = lingering(&reader);
                double start = seconds();

                send_message(messages[i], "", fd);
                ck_assert_int_eq(close(fd), 0);
                settle();
                ck_assert(seconds() - start < 10);
                ck_assert_int_eq(close(reader), 0);
        }
        assert_story("started:2 unexecutable:3:5+fd ");
        tear_down();
}
END_TEST

/* The same of the socket of LxBus, which comes while the instance starts. */
START_TEST(a_socket_that_lingers_is_no_bus_and_does_not_hold_lxssd) {
        int reader, fd = lingering(&reader);
        double start = seconds();

        set_up();
        launch(1, &anna);
        settle();
        fake.container->events.started(fake.container, fake.container->userdata);
        send_message((InitMessage){ .type = INIT_READY }, "", fd);
        ck_assert_int_eq(close(fd), 0);
        settle();
        ck_assert(seconds() - start < 10);
        ck_assert_int_eq(close(reader), 0);
        assert_story("starting running ");
        tear_down();
}
END_TEST

START_TEST(an_init_that_breaks_the_protocol_ends_the_instance) {
        set_up_running();
        launch(2, &bert);
        say((InitMessage){ .type = INIT_LAUNCH, .id = 1 }, -1);
        ck_assert(fake.container->killed);
        assert_story("stopping ");
        container_ends();
        assert_story_either("ended:1:0:0 failed:2:InstanceEnded stopped gone ",
                            "failed:2:InstanceEnded ended:1:0:0 stopped gone ");
        tear_down();
}
END_TEST

START_TEST(an_unexpected_end_is_no_exit_of_the_programs) {
        set_up_running();
        launch(2, &bert);
        container_ends();
        assert_story_either("stopping ended:1:0:0 failed:2:InstanceEnded stopped gone ",
                            "stopping failed:2:InstanceEnded ended:1:0:0 stopped gone ");
        tear_down();
}
END_TEST

START_TEST(who_comes_after_an_unexpected_end_gets_a_fresh_one_with_expected_ends) {
        set_up_running();
        closep(&fake.init);
        settle();
        launch(2, &bert);
        container_ends();
        assert_story("stopping ended:1:0:0 stopped starting ");
        say_ready();
        say_started(2);
        instance_stop(instance);
        container_ends();
        assert_story("running started:2 stopping ended:2:2:9 stopped gone ");
        tear_down();
}
END_TEST

START_TEST(an_expected_end_kills_the_programs) {
        set_up_running();
        launch(2, &bert);
        instance_stop(instance);
        ck_assert(fake.container->killed);
        container_ends();
        assert_story_either("stopping ended:1:2:9 failed:2:InstanceEnded stopped gone ",
                            "stopping failed:2:InstanceEnded ended:1:2:9 stopped gone ");
        tear_down();
}
END_TEST

START_TEST(signals_go_to_running_programs_only) {
        Process *process = set_up_running(), *other;

        ck_assert_int_eq(instance_signal(instance, process, SIGTERM, true), 0);
        ck_assert_str_eq(hear(), "signal:1:15:1");
        ck_assert_int_eq(instance_signal(instance, process, 0, false), 0);
        ck_assert_str_eq(hear(), "signal:1:0:0");
        other = launch(2, &anna);
        ck_assert_int_eq(instance_signal(instance, other, SIGTERM, false), -ESRCH);
        instance_stop(instance);
        container_ends();
        tear_down();
}
END_TEST

START_TEST(freeing_a_running_instance_leaves_no_descriptor) {
        size_t before;

        set_up();
        log_info("The journal's socket is opened by the first message.");
        before = count_fds();
        launch(1, &anna);
        say_ready();
        ck_assert_str_eq(hear(), "launch:1");
        instance = instance_free(instance);
        closep(&fake.init);
        ck_assert_uint_eq(count_fds(), before);
        tear_down();
}
END_TEST

START_TEST(states_have_names) {
        for (InstanceState s = 0; s < INSTANCE_STATE_MAX; s++)
                ck_assert_ptr_nonnull(instance_state_to_string(s));
        ck_assert_ptr_null(instance_state_to_string(INSTANCE_STATE_MAX));
        ck_assert_ptr_null(instance_state_to_string(INSTANCE_STATE_INVALID));
}
END_TEST

int main(void) {
        return RUN_TESTS("instance-process", the_callers_directory_is_seen_through_the_host_tree,
                         a_directory_within_the_root_is_itself, an_isolated_instance_is_not_told_of_the_host,
                         the_user_is_the_one_asked_for_or_the_distributions_or_root,
                         the_distributions_own_default_user_is_that_of_launches_that_waited_and_of_later_ones,
                         a_distribution_that_wants_no_host_is_not_told_of_it,
                         warnings_are_kept_printable_and_the_first_in_the_instance_is_told,
                         warnings_wait_for_the_first_launch_where_nobody_launched_at_the_start,
                         a_flood_of_warnings_is_cut,
                         the_next_instance_begins_without_the_wishes_and_warnings_of_the_last,
                         too_many_descriptors_fail_the_launch_alone, a_program_is_started_stops_and_ends,
                         exits_arrive_even_when_init_ends_behind_them, each_step_that_fails_has_its_named_error,
                         what_could_not_be_executed_comes_along_and_is_closed,
                         events_of_unknown_programs_mean_nothing_and_leak_nothing, events_out_of_order_mean_nothing,
                         nothing_of_a_launch_is_taken_back_by_an_early_event, a_descriptor_that_is_no_pidfd_is_not_kept,
                         a_socket_that_lingers_does_not_hold_lxssd,
                         a_socket_that_lingers_is_no_bus_and_does_not_hold_lxssd,
                         an_init_that_breaks_the_protocol_ends_the_instance, an_unexpected_end_is_no_exit_of_the_programs,
                         who_comes_after_an_unexpected_end_gets_a_fresh_one_with_expected_ends,
                         an_expected_end_kills_the_programs, signals_go_to_running_programs_only,
                         freeing_a_running_instance_leaves_no_descriptor, states_have_names);
}
