/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An instance with a fake container, two clients, and everything that it tells
 * its manager written down as one line of words. The test speaks as /init. */

#include <signal.h>

#include "daemon/instance.h"
#include "shared/fd-socket.h"
#include "shared/init-protocol.h"
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

static void say(InitHeader header, int fd) {
        struct iovec part = { .iov_base = &header, .iov_len = sizeof(header) };

        ck_assert_int_eq(fd_socket_send(fake.init, &part, 1, &fd, fd >= 0), 0);
        settle();
}

static inline _unused_ void say_text(InitHeader header, const char *text) {
        struct iovec parts[] = { { .iov_base = &header, .iov_len = sizeof(header) },
                                 { .iov_base = (void *)text, .iov_len = strlen(text) } };

        header.size = strlen(text);
        ck_assert_int_eq(fd_socket_send(fake.init, parts, ELEMENTSOF(parts), NULL, 0), 0);
        settle();
}

static void say_started(uint64_t id) {
        say((InitHeader){ .type = INIT_STARTED, .id = id }, -1);
}

static void say_ready(void) {
        settle();
        ck_assert_ptr_nonnull(fake.container);
        fake.container->events.started(fake.container, fake.container->userdata);
        say((InitHeader){ .type = INIT_READY }, -1);
}

/* The container has ended, as it does after a kill, or on its own. */
static inline _unused_ void container_ends(void) {
        siginfo_t info = { .si_code = CLD_KILLED, .si_status = SIGKILL };

        ck_assert_ptr_nonnull(fake.container);
        fake.container->events.exited(fake.container, &info, fake.container->userdata);
        settle();
}

/* The next frame that /init gets, as "launch:1", "signal:1:15:0", "hangup:1"; "" where there is none. */
static inline _unused_ const char *hear(void) {
        static char packet[sizeof(InitHeader) + INIT_INLINE_MAX], text[64];
        int fds[FD_SOCKET_MAX];
        const void *payload;
        InitHeader h;
        size_t n_fds = 0;
        ssize_t n = fd_socket_receive(fake.init, packet, sizeof(packet), fds, FD_SOCKET_MAX, &n_fds);

        if (n <= 0)
                return "";
        while (n_fds > 0)
                closep(&fds[--n_fds]);
        ck_assert_int_eq(init_frame_decode(packet, n, &h, &payload), 0);
        if (h.type == INIT_SIGNAL)
                snprintf(text, sizeof(text), "signal:%d:%d:%d", (int)h.id, h.first, h.second);
        else
                snprintf(text, sizeof(text), "%s:%d", h.type == INIT_LAUNCH ? "launch" : "hangup", (int)h.id);
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
