/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a person reads of an operation's stages, with sd-bus as the service. In a child it says them in
 * the order in which lxssd would. */

#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "client/lxss/operation-call.h"
#include "client/operation.h"
#include "client/signals.h"
#include "tests/test.h"

#define PATH MANAGER_PATH "/operation/1"

typedef struct Service {
        const char *stage;
        bool fails; /* the property is not there any more */
        bool asked;
} Service;

static void set_stage(sd_bus *bus, Service *service, const char *stage) {
        service->stage = stage;
        (void)sd_bus_emit_properties_changed(bus, PATH, OPERATION_INTERFACE, "Stage", NULL);
}

static int method_begin(sd_bus_message *m, void *userdata, sd_bus_error *reterr _unused_) {
        Service *service = userdata;

        if (!streq(service->stage, "queued"))
                set_stage(sd_bus_message_get_bus(m), service, "preparing");
        return sd_bus_reply_method_return(m, "o", PATH);
}

/* By the time that it is asked for the stage it is one further. */
static int get_stage(sd_bus *bus, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Service *service = userdata;

        if (sd_bus_message_is_signal(reply, NULL, NULL) > 0)
                return sd_bus_message_append(reply, "s", service->stage);
        service->asked = true;
        if (!streq(service->stage, "queued"))
                set_stage(bus, service, "removing");
        return service->fails ? sd_bus_error_set(reterr, SD_BUS_ERROR_UNKNOWN_OBJECT, "It is gone.")
                              : sd_bus_message_append(reply, "s", service->stage);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Begin", "", "o", method_begin, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("Finished", "sss", 0),
        SD_BUS_PROPERTY("Stage", "s", get_stage, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

_Noreturn static void serve(int fd, Service service) {
        sd_bus *bus = NULL;
        sd_id128_t id;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, true, id) < 0 || sd_bus_start(bus) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, PATH, OPERATION_INTERFACE, vtable, &service) < 0)
                _exit(EXIT_FAILURE);
        for (;;) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0)
                        _exit(EXIT_SUCCESS);
                if (service.asked)
                        (void)sd_bus_emit_signal(bus, PATH, OPERATION_INTERFACE, "Finished", "sss", "done", "", "");
                service.asked = false;
                if (r == 0)
                        (void)sd_bus_wait(bus, UINT64_MAX);
        }
}

/* All that stands on stderr while it is waited for, which is no terminal. */
static void follow(Service service, char *ret_text, size_t size) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_close_ int signal_fd = signals_block_termination();
        LxssOperation *operation;
        LxssClient client = { 0 };
        Command command = { 0 };
        int pair[2], output[2];
        ssize_t n;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        if (fork() == 0) {
                closep(&pair[0]);
                serve(pair[1], service);
        }
        closep(&pair[1]);
        ck_assert_int_eq(connection_new(pair[0], &client.connection), 0);
        dbus_begin_call(&w, PATH, OPERATION_INTERFACE, "Begin", "");
        ck_assert_int_eq(operation_begin(&client, &w, NULL, false, &operation, NULL), 0);
        ck_assert_int_eq(pipe(output), 0);
        ck_assert_int_ge(dup2(output[1], STDERR_FILENO), 0);
        closep(&output[1]);
        ck_assert_int_eq(operation_wait(&command, &client, operation, signal_fd), EXIT_SUCCESS);
        closep(&(int){ STDERR_FILENO });
        n = read(output[0], ret_text, size - 1);
        ck_assert_int_ge(n, 0);
        ret_text[n] = '\0';
        closep(&output[0]);
        lxss_operation_free(operation);
        connection_free(client.connection);
        ck_assert_int_gt(wait(NULL), 0);
}

START_TEST(stages_come_in_their_order_and_once) {
        char text[256];

        follow((Service){ .stage = "" }, text, sizeof(text));
        ck_assert_str_eq(text, "Preparing…\nRemoving…\n");
}
END_TEST

START_TEST(what_it_was_in_from_the_beginning_is_asked_for) {
        char text[256];

        follow((Service){ .stage = "queued" }, text, sizeof(text));
        ck_assert_str_eq(text, "Waiting for another operation…\n");
}
END_TEST

START_TEST(one_that_has_ended_before_it_is_asked_has_only_what_it_said) {
        char text[256];

        follow((Service){ .stage = "", .fails = true }, text, sizeof(text));
        ck_assert_str_eq(text, "Preparing…\nRemoving…\n");
}
END_TEST

int main(void) {
        return RUN_TESTS("client-operation", stages_come_in_their_order_and_once,
                         what_it_was_in_from_the_beginning_is_asked_for,
                         one_that_has_ended_before_it_is_asked_has_only_what_it_said);
}
