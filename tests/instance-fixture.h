/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An instance with a fake container, two clients, and everything that it tells
 * its manager written down as one line of words. The test speaks as /init. */

#include <signal.h>

#include "daemon/instance.h"
#include "shared/init-protocol.h"
#include "shared/lxbus-packet.h"
#include "tests/fake-container.h"

static InstanceHost host;
static Distribution distribution;
static Instance *instance; /* NULL once it is gone */
static GString *story;
static GHashTable *processes; /* id → Process, as the manager has them */
static Client anna, bert;

static void tell(const char *format, ...) _printf_(1, 2);

static void tell(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        g_string_append_vprintf(story, format, arguments);
        g_string_append_c(story, ' ');
        va_end(arguments);
}

static void forget(Process *process) {
        ck_assert(g_hash_table_remove(processes, &process->id));
}

static void on_changed(Instance *i, void *userdata) {
        tell("%s", instance_state_to_string(instance_state(i)));
}

static void on_warned(Process *process, void *userdata) {
        tell("warned:%d", (int)process->id);
}

static void on_process_started(Process *process, void *userdata) {
        tell("started:%d", (int)process->id);
}

static void on_process_failed(Process *process, const sd_bus_error *error, void *userdata) {
        tell("failed:%d:%s", (int)process->id, error->name + strlen(LXSS_ERROR_PREFIX));
        forget(process);
}

static void on_process_unexecutable(Process *process, int error, int program, void *userdata) {
        tell("unexecutable:%d:%d%s", (int)process->id, error, program >= 0 ? "+fd" : "");
        forget(process);
}

static void on_process_stopped(Process *process, int signal, void *userdata) {
        tell("stopped:%d:%d", (int)process->id, signal);
}

static void on_process_ended(Process *process, int code, int status, void *userdata) {
        tell("ended:%d:%d:%d", (int)process->id, code, status);
        forget(process);
}

static void on_gone(Instance *i, void *userdata) {
        tell("gone");
        instance = instance_free(i);
}

static void free_process(void *p) {
        process_free(p);
}

static void set_up(void) {
        host = (InstanceHost){
                .cgroup_fd = -EBADF,
                .events = { on_changed, on_warned, on_process_started, on_process_failed, on_process_unexecutable,
                            on_process_stopped, on_process_ended, on_gone },
        };
        ck_assert_int_ge(sd_event_new(&host.event), 0);
        host.base = base_new(host.event, -EBADF);
        distribution = (Distribution){
                .name = (char *)"debian",
                .rootfs = (char *)"/data/distributions/debian/rootfs",
                .id_mode = ID_MODE_SINGLE,
                .settings.automount = true,
        };
        story = g_string_new(NULL);
        processes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_process);
        instance = instance_new(&host, &distribution);
}

static void tear_down(void) {
        instance = instance_free(instance);
        g_hash_table_unref(processes);
        g_string_free(story, TRUE);
        base_free(host.base);
        sd_event_unref(host.event);
        closep(&fake.init);
        free(fake.root);
        ck_assert_ptr_null(fake.container);
        ck_assert_uint_eq(fake.n_starts, fake.n_frees);
}

/* Everything is local: what was sent is there already. */
static void settle(void) {
        while (sd_event_run(host.event, 0) > 0)
                ;
}

static void assert_story(const char *expected) {
        settle();
        ck_assert_str_eq(story->str, expected);
        g_string_truncate(story, 0);
}

/* Programs that end together are told of in any order. */
static inline _unused_ void assert_story_either(const char *expected, const char *other) {
        settle();
        assert_story(strcmp(story->str, other) == 0 ? other : expected);
}

/* What has been told up to here is of no interest. */
static inline _unused_ void skip(void) {
        settle();
        g_string_truncate(story, 0);
}

static LaunchRequest *new_request(void) {
        LaunchRequest *request = launch_request_new();

        ck_assert_int_eq(strv_push_copy(&request->argv, "true"), 0);
        return request;
}

static Process *launch_request(uint64_t id, Client *client, LaunchRequest *request) {
        Process *process = process_new(id, client, request);

        g_hash_table_insert(processes, &process->id, process);
        instance_launch(instance, process);
        return process;
}

static Process *launch(uint64_t id, Client *client) {
        return launch_request(id, client, new_request());
}

static inline _unused_ Process *launch_lingering(uint64_t id, Client *client, uint64_t seconds) {
        LaunchRequest *request = new_request();

        request->linger_seconds = seconds;
        return launch_request(id, client, request);
}

/* As /init, with a text, and with an object of the kind that this message may have; and nobody hears it yet. */
static void send_message(InitMessage m, const char *text, int fd) {
        const LxbusWireObject object = { .kind = init_object_kind(m.type) };
        char payload[sizeof(m) + INIT_TEXT_MAX];
        LxbusOutgoing out = { payload, sizeof(m) + strlen(text), -EBADF, &object, &fd, fd >= 0 };

        memcpy(payload, &m, sizeof(m));
        memcpy(payload + sizeof(m), text, strlen(text));
        ck_assert_int_eq(lxbus_packet_send(fake.init, &out), 0);
}

static void say_all(InitMessage m, const char *text, int fd) {
        send_message(m, text, fd);
        settle();
}

static void say(InitMessage m, int fd) {
        say_all(m, "", fd);
}

static inline _unused_ void say_text(InitMessage m, const char *text) {
        say_all(m, text, -1);
}

static void say_started(uint64_t id) {
        say((InitMessage){ .type = INIT_STARTED, .id = id }, -1);
}

static void say_ready(void) {
        settle();
        ck_assert_ptr_nonnull(fake.container);
        fake.container->events.started(fake.container, fake.container->userdata);
        say((InitMessage){ .type = INIT_READY }, -1);
}

/* The container has ended, as it does after a kill, or on its own. */
static inline _unused_ void container_ends(void) {
        siginfo_t info = { .si_code = CLD_KILLED, .si_status = SIGKILL };

        ck_assert_ptr_nonnull(fake.container);
        fake.container->events.exited(fake.container, &info, fake.container->userdata);
        settle();
}

/* The next message that /init gets, as "launch:1", "signal:1:15:0", "hangup:1"; "" where there is none. */
static inline _unused_ const char *hear(void) {
        _cleanup_lxbus_incoming_ LxbusIncoming in = { .memory = -EBADF };
        static char packet[LXBUS_PACKET_MAX], text[64];
        const void *body;
        InitMessage m;
        size_t size;
        int r;

        r = lxbus_packet_receive(fake.init, packet, sizeof(packet), &in);
        ck_assert_int_ne(r, -EBADMSG);
        if (r < 0)
                return "";
        ck_assert_int_eq(init_message_decode(in.frame.payload, in.frame.header.size, &m, &body, &size), 0);
        if (m.type == INIT_SIGNAL)
                snprintf(text, sizeof(text), "signal:%d:%d:%d", (int)m.id, m.first, m.second);
        else
                snprintf(text, sizeof(text), "%s:%d", m.type == INIT_LAUNCH ? "launch" : "hangup", (int)m.id);
        return text;
}

/* An instance that runs one program of anna's. */
static inline _unused_ Process *set_up_running(void) {
        Process *process;

        set_up();
        process = launch(1, &anna);
        say_ready();
        ck_assert_str_eq(hear(), "launch:1");
        say_started(1);
        assert_story("starting running started:1 ");
        return process;
}
