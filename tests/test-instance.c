/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of an instance: who waits, who is told what, and that the last to go
 * ends it. The container is a fake, and the test speaks as /init. */

#include "tests/instance-fixture.h"

START_TEST(the_first_launch_starts_the_instance_from_the_loop) {
        set_up();
        launch(1, &anna);
        ck_assert_ptr_null(fake.container);
        assert_story("starting ");
        ck_assert_ptr_nonnull(fake.container);
        ck_assert_str_eq(fake.root, distribution.rootfs);
        ck_assert(fake.host);
        ck_assert_str_eq(hear(), "");
        say_ready();
        ck_assert_str_eq(hear(), "launch:1");
        assert_story("running ");
        ck_assert_int_eq(instance_leader(instance), 4711);
        tear_down();
}
END_TEST

START_TEST(launches_while_it_starts_wait_for_ready_in_their_order) {
        set_up();
        launch(1, &anna);
        launch(2, &bert);
        settle();
        launch(3, &anna);
        assert_story("starting ");
        ck_assert_str_eq(hear(), "");
        say_ready();
        ck_assert_str_eq(hear(), "launch:1");
        ck_assert_str_eq(hear(), "launch:2");
        ck_assert_str_eq(hear(), "launch:3");
        assert_story("running ");
        ck_assert_uint_eq(fake.n_starts, 1);
        ck_assert_uint_eq(instance_n_clients(instance), 2);
        ck_assert_uint_eq(instance_n_processes(instance), 3);
        tear_down();
}
END_TEST

START_TEST(a_running_instance_is_shared_at_once) {
        set_up_running();
        launch(2, &bert);
        ck_assert_str_eq(hear(), "launch:2");
        say_started(2);
        assert_story("started:2 ");
        ck_assert_uint_eq(fake.n_starts, 1);
        tear_down();
}
END_TEST

static void on_held(Instance *i, const sd_bus_error *error, void *userdata) {
        tell("held:%s%s", (const char *)userdata, error ? "-" : "");
        if (error)
                tell("%s", error->name + strlen(LXSS_ERROR_PREFIX));
}

START_TEST(a_container_that_cannot_be_made_fails_everybody_who_waits) {
        set_up();
        launch(1, &anna);
        launch(2, &bert);
        instance_hold(instance, &bert, on_held, (void *)"h");
        settle();
        fake.container->events.failed(fake.container, "mounting", EPERM, fake.container->userdata);
        assert_story("starting failed:1:InstanceFailed failed:2:InstanceFailed held:h- InstanceFailed stopped gone ");
        ck_assert_ptr_null(instance);
        tear_down();
}
END_TEST

START_TEST(no_process_at_all_fails_everybody_who_waits) {
        set_up();
        fake.start_error = EAGAIN;
        launch(1, &anna);
        assert_story("starting failed:1:InstanceFailed stopped gone ");
        tear_down();
}
END_TEST

START_TEST(an_init_that_ends_before_ready_fails_everybody_who_waits) {
        set_up();
        launch(1, &anna);
        settle();
        closep(&fake.init);
        fake.container->events.started(fake.container, fake.container->userdata);
        settle();
        ck_assert(fake.container->killed);
        container_ends();
        assert_story("starting failed:1:InstanceFailed stopped gone ");
        tear_down();
}
END_TEST

START_TEST(a_missing_user_namespace_is_told_as_it_is) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        set_up();
        host.base->held_back = true;
        launch(1, &anna);
        settle();
        error_set(&error, LXSS_ERROR_HOST_UNSUITABLE, "No.");
        fake_base_answer(host.base, &error);
        assert_story("starting failed:1:HostUnsuitable stopped gone ");
        tear_down();
}
END_TEST

START_TEST(files_of_other_ids_are_not_started_on) {
        set_up();
        distribution.id_mode = ID_MODE_SUBIDS;
        launch(1, &anna);
        assert_story("starting failed:1:HostUnsuitable stopped gone ");
        ck_assert_uint_eq(fake.n_starts, 0);
        tear_down();
}
END_TEST

START_TEST(the_last_client_to_go_ends_it) {
        set_up_running();
        launch(2, &bert);
        say_started(2);
        skip();
        instance_remove_client(instance, &anna);
        ck_assert(!fake.container->killed);
        instance_remove_client(instance, &bert);
        ck_assert(fake.container->killed);
        assert_story("stopping ");
        container_ends();
        assert_story_either("ended:1:2:9 ended:2:2:9 stopped gone ", "ended:2:2:9 ended:1:2:9 stopped gone ");
        tear_down();
}
END_TEST

START_TEST(a_program_that_ends_leaves_the_instance_to_its_client) {
        set_up_running();
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_EXITED, .second = 3 }, -1);
        assert_story("ended:1:1:3 ");
        ck_assert_int_eq(instance_state(instance), INSTANCE_RUNNING);
        instance_remove_client(instance, &anna);
        container_ends();
        assert_story("stopping stopped gone ");
        tear_down();
}
END_TEST

START_TEST(who_is_no_client_ends_nothing_by_going) {
        set_up_running();
        instance_remove_client(instance, &bert);
        ck_assert(!fake.container->killed);
        assert_story("");
        tear_down();
}
END_TEST

START_TEST(a_client_that_goes_hangs_up_its_own_programs_only) {
        Process *process = set_up_running();

        launch(2, &bert);
        ck_assert_str_eq(hear(), "launch:2");
        say_started(2);
        skip();
        instance_remove_client(instance, &anna);
        ck_assert_str_eq(hear(), "hangup:1");
        ck_assert_str_eq(hear(), "");
        ck_assert_ptr_null(process->client);
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_KILLED, .second = SIGHUP }, -1);
        assert_story("ended:1:2:1 ");
        tear_down();
}
END_TEST

START_TEST(a_program_that_starts_after_its_client_went_is_hung_up) {
        set_up_running();
        launch(2, &bert);
        ck_assert_str_eq(hear(), "launch:2");
        instance_remove_client(instance, &bert);
        ck_assert_str_eq(hear(), "hangup:2");
        say_started(2);
        ck_assert_str_eq(hear(), "hangup:2");
        assert_story("started:2 ");
        tear_down();
}
END_TEST

START_TEST(a_client_that_goes_takes_back_what_still_waits) {
        set_up();
        launch(1, &anna);
        launch(2, &bert);
        settle();
        instance_remove_client(instance, &anna);
        assert_story("starting failed:1:Canceled ");
        say_ready();
        ck_assert_str_eq(hear(), "launch:2");
        ck_assert_str_eq(hear(), "");
        tear_down();
}
END_TEST

START_TEST(the_only_client_going_ends_an_instance_that_starts) {
        set_up();
        launch(1, &anna);
        settle();
        instance_remove_client(instance, &anna);
        ck_assert(fake.container->killed);
        say((InitMessage){ .type = INIT_READY }, -1); /* too late */
        container_ends();
        assert_story("starting failed:1:Canceled stopping stopped gone ");
        tear_down();
}
END_TEST

START_TEST(the_only_client_going_ends_an_instance_that_waits_for_its_user_namespace) {
        set_up();
        host.base->held_back = true;
        launch(1, &anna);
        settle();
        instance_remove_client(instance, &anna);
        assert_story("starting failed:1:Canceled stopping stopped gone ");
        ck_assert_ptr_null(host.base->waiting);
        tear_down();
}
END_TEST

START_TEST(the_only_client_going_ends_an_instance_that_was_to_start_from_the_loop) {
        set_up();
        launch(1, &anna);
        instance_remove_client(instance, &anna);
        assert_story("starting failed:1:Canceled stopping stopped gone ");
        ck_assert_uint_eq(fake.n_starts, 0);
        tear_down();
}
END_TEST

START_TEST(a_launch_into_an_ending_instance_waits_for_the_next_one) {
        set_up_running();
        instance_stop(instance);
        launch(2, &bert);
        assert_story("stopping ");
        ck_assert_uint_eq(fake.n_starts, 1);
        container_ends();
        assert_story("ended:1:2:9 stopped starting ");
        ck_assert_uint_eq(fake.n_starts, 2);
        say_ready();
        ck_assert_str_eq(hear(), "launch:2");
        ck_assert_uint_eq(instance_n_clients(instance), 1);
        assert_story("running ");
        tear_down();
}
END_TEST

START_TEST(a_hold_on_an_ending_instance_gets_the_next_one) {
        set_up_running();
        instance_stop(instance);
        instance_hold(instance, &bert, on_held, (void *)"h");
        container_ends();
        assert_story("stopping ended:1:2:9 stopped starting ");
        say_ready();
        assert_story("running held:h ");
        tear_down();
}
END_TEST

START_TEST(a_launch_withdrawn_from_an_ending_instance_starts_no_next_one) {
        set_up_running();
        instance_stop(instance);
        launch(2, &bert);
        instance_remove_client(instance, &bert);
        container_ends();
        assert_story("stopping failed:2:Canceled ended:1:2:9 stopped gone ");
        tear_down();
}
END_TEST

static void on_instance_gone(void *userdata) {
        tell("waiter:%s", (const char *)userdata);
}

START_TEST(who_waits_for_the_end_is_told_even_if_a_next_one_starts) {
        set_up_running();
        instance_when_gone(instance, on_instance_gone, (void *)"a");
        instance_stop(instance);
        instance_stop(instance);
        instance_when_gone(instance, on_instance_gone, (void *)"b");
        launch(2, &bert);
        container_ends();
        assert_story("stopping ended:1:2:9 stopped waiter:a waiter:b starting ");
        tear_down();
}
END_TEST

START_TEST(stopping_while_it_starts_fails_who_waits) {
        set_up();
        launch(1, &anna);
        instance_hold(instance, &bert, on_held, (void *)"h");
        settle();
        instance_stop(instance);
        container_ends();
        assert_story("starting failed:1:InstanceEnded held:h- InstanceEnded stopping stopped gone ");
        tear_down();
}
END_TEST

START_TEST(a_hold_keeps_it_up_without_any_program) {
        set_up_running();
        instance_hold(instance, &bert, on_held, (void *)"h");
        assert_story("held:h ");
        instance_remove_client(instance, &anna);
        say((InitMessage){ .type = INIT_EXITED, .id = 1, .first = CLD_EXITED }, -1);
        ck_assert(!fake.container->killed);
        instance_remove_client(instance, &bert);
        ck_assert(fake.container->killed);
        container_ends();
        assert_story("ended:1:1:0 stopping stopped gone ");
        tear_down();
}
END_TEST

START_TEST(a_hold_that_was_given_up_is_not_told) {
        set_up();
        instance_hold(instance, &anna, on_held, (void *)"a");
        instance_hold(instance, &bert, on_held, (void *)"b");
        instance_cancel_ready(instance, (void *)"a");
        instance_remove_client(instance, &anna);
        say_ready();
        assert_story("starting running held:b ");
        tear_down();
}
END_TEST

START_TEST(a_lingering_program_outlives_its_client) {
        Process *process;

        set_up_running();
        process = launch_lingering(2, &bert, LINGER_FOREVER);
        ck_assert_str_eq(hear(), "launch:2");
        say_started(2);
        instance_remove_client(instance, &bert);
        instance_remove_client(instance, &anna);
        ck_assert_str_eq(hear(), "hangup:1");
        ck_assert_str_eq(hear(), "");
        assert_story("started:2 ");
        ck_assert(!fake.container->killed);
        ck_assert_ptr_null(process->client);
        instance_stop(instance);
        container_ends();
        assert_story_either("stopping ended:2:2:9 ended:1:2:9 stopped gone ", "stopping ended:1:2:9 ended:2:2:9 stopped gone ");
        tear_down();
}
END_TEST

/* The loop runs until the time is over; nothing else can end it. */
START_TEST(it_lingers_for_its_seconds_and_ends) {
        uint64_t before, after;

        set_up();
        distribution.settings.linger_seconds = 1;
        instance_free(instance);
        instance = instance_new(&host, &distribution);
        launch(1, &anna);
        say_ready();
        skip();
        sd_event_now(host.event, CLOCK_MONOTONIC, &before);
        instance_remove_client(instance, &anna);
        ck_assert(!fake.container->killed);
        while (!fake.container->killed)
                ck_assert_int_ge(sd_event_run(host.event, UINT64_MAX), 0);
        sd_event_now(host.event, CLOCK_MONOTONIC, &after);
        ck_assert_uint_ge(after - before, G_USEC_PER_SEC * 9 / 10);
        container_ends();
        tear_down();
}
END_TEST

START_TEST(a_new_client_ends_the_lingering) {
        set_up_running();
        launch_lingering(2, &anna, 1);
        instance_remove_client(instance, &anna);
        settle();
        launch(3, &bert);
        skip();
        for (int i = 0; i < 3; i++)
                ck_assert_int_ge(sd_event_run(host.event, G_USEC_PER_SEC / 2), 0);
        assert_story("");
        ck_assert(!fake.container->killed);
        tear_down();
}
END_TEST

START_TEST(lingering_longer_than_any_clock_is_forever) {
        set_up_running();
        launch_lingering(2, &anna, UINT64_MAX / G_USEC_PER_SEC + 1);
        say_started(2);
        skip();
        instance_remove_client(instance, &anna);
        ck_assert_int_ge(sd_event_run(host.event, G_USEC_PER_SEC), 0);
        ck_assert(!fake.container->killed);
        tear_down();
}
END_TEST

START_TEST(lingering_ends_with_the_instance_it_was_asked_of) {
        set_up_running();
        launch_lingering(2, &anna, LINGER_FOREVER);
        instance_stop(instance);
        launch(3, &bert);
        container_ends();
        say_ready();
        instance_remove_client(instance, &bert);
        ck_assert(fake.container->killed);
        container_ends();
        tear_down();
}
END_TEST

START_TEST(lingering_asked_of_the_next_instance_is_granted_by_that) {
        set_up_running();
        instance_stop(instance);
        launch_lingering(2, &bert, LINGER_FOREVER);
        container_ends();
        say_ready();
        say_started(2);
        instance_remove_client(instance, &bert);
        ck_assert(!fake.container->killed);
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("instance", the_first_launch_starts_the_instance_from_the_loop,
                         launches_while_it_starts_wait_for_ready_in_their_order, a_running_instance_is_shared_at_once,
                         a_container_that_cannot_be_made_fails_everybody_who_waits,
                         no_process_at_all_fails_everybody_who_waits,
                         an_init_that_ends_before_ready_fails_everybody_who_waits,
                         a_missing_user_namespace_is_told_as_it_is, files_of_other_ids_are_not_started_on,
                         the_last_client_to_go_ends_it, a_program_that_ends_leaves_the_instance_to_its_client,
                         who_is_no_client_ends_nothing_by_going, a_client_that_goes_hangs_up_its_own_programs_only,
                         a_program_that_starts_after_its_client_went_is_hung_up,
                         a_client_that_goes_takes_back_what_still_waits,
                         the_only_client_going_ends_an_instance_that_starts,
                         the_only_client_going_ends_an_instance_that_waits_for_its_user_namespace,
                         the_only_client_going_ends_an_instance_that_was_to_start_from_the_loop,
                         a_launch_into_an_ending_instance_waits_for_the_next_one,
                         a_hold_on_an_ending_instance_gets_the_next_one,
                         a_launch_withdrawn_from_an_ending_instance_starts_no_next_one,
                         who_waits_for_the_end_is_told_even_if_a_next_one_starts, stopping_while_it_starts_fails_who_waits,
                         a_hold_keeps_it_up_without_any_program, a_hold_that_was_given_up_is_not_told,
                         a_lingering_program_outlives_its_client, it_lingers_for_its_seconds_and_ends,
                         a_new_client_ends_the_lingering, lingering_longer_than_any_clock_is_forever,
                         lingering_ends_with_the_instance_it_was_asked_of,
                         lingering_asked_of_the_next_instance_is_granted_by_that);
}
