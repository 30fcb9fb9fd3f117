/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The client's side of D-Bus with sd-bus as the service, over a socketpair: both
 * must mean the same by every byte. The service runs in a child. */

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "client/lxss/connection.h"
#include "tests/test.h"

#define PATH "/org/lxss/test"
#define INTERFACE "org.lxss.Test"

/* Gives back what it gets, in a form that has everything in it. */
static int method_echo(sd_bus_message *m, void *userdata _unused_, sd_bus_error *reterr _unused_) {
        sd_bus_message *reply = NULL;
        const char *s;
        const void *bytes;
        size_t n;
        uint32_t u;
        int r, fd;

        if ((r = sd_bus_message_read(m, "su", &s, &u)) < 0 || (r = sd_bus_message_read_array(m, 'y', &bytes, &n)) < 0 ||
            (r = sd_bus_message_read(m, "h", &fd)) < 0)
                return r;
        if ((r = sd_bus_message_new_method_return(m, &reply)) >= 0 &&
            (r = sd_bus_message_append(reply, "yxbd", 7, INT64_C(-5), true, 2.5)) >= 0 &&
            (r = sd_bus_message_append(reply, "a{sv}", 3, "text", "s", s, "number", "u", u, "odd", "(ya{sv})", 1, 1, "in",
                                       "as", 2, "a", "b")) >= 0 &&
            (r = sd_bus_message_append_array(reply, 'y', bytes, n)) >= 0 &&
            (r = sd_bus_message_append(reply, "h", fd)) >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int method_fail(sd_bus_message *m, void *userdata _unused_, sd_bus_error *reterr) {
        (void)m;
        return sd_bus_error_set(reterr, "org.lxss.Error.NoSuchUser", "There is none.");
}

/* A signal before the answer and one behind it. */
static int method_signal(sd_bus_message *m, void *userdata _unused_, sd_bus_error *reterr _unused_) {
        sd_bus *bus = sd_bus_message_get_bus(m);

        (void)sd_bus_emit_signal(bus, PATH, INTERFACE, "News", "i", 1);
        (void)sd_bus_reply_method_return(m, "i", 10);
        return sd_bus_emit_signal(bus, PATH, INTERFACE, "News", "i", 2);
}

static int method_quit(sd_bus_message *m _unused_, void *userdata _unused_, sd_bus_error *reterr _unused_) {
        _exit(EXIT_SUCCESS);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Echo", "suayh", "yxbda{sv}ayh", method_echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Fail", "", "", method_fail, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Signal", "", "i", method_signal, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Quit", "", "", method_quit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("News", "i", 0),
        SD_BUS_VTABLE_END,
};

_Noreturn static void serve(int fd) {
        sd_bus *bus = NULL;
        sd_id128_t id;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sd_id128_randomize(&id) < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, true, id) < 0 || sd_bus_negotiate_fds(bus, true) < 0 || sd_bus_start(bus) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, PATH, INTERFACE, vtable, NULL) < 0)
                _exit(EXIT_FAILURE);
        for (;;) {
                int r = sd_bus_process(bus, NULL);

                if (r < 0)
                        _exit(EXIT_SUCCESS);
                if (r == 0)
                        (void)sd_bus_wait(bus, UINT64_MAX);
        }
}

static pid_t service;

static Connection *connect_service(void) {
        Connection *connection = NULL;
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        service = fork();
        if (service == 0) {
                closep(&pair[0]);
                serve(pair[1]);
        }
        closep(&pair[1]);
        ck_assert_int_eq(connection_new(pair[0], &connection), 0);
        return connection;
}

static void disconnect(Connection *connection) {
        connection_free(connection);
        ck_assert_int_eq(waitpid(service, NULL, 0), service);
}

static void read_entries(DbusReader *r) {
        DbusReader entries = dbus_enter_array(r, '{');
        unsigned n = 0;

        while (dbus_more(&entries, r)) {
                const char *name, *type, *s;
                uint32_t u;

                dbus_get_struct(&entries);
                ck_assert_int_eq(dbus_get(&entries, "s", &name), 0);
                type = dbus_get_variant(&entries);
                if (streq(name, "text")) {
                        ck_assert_int_eq(dbus_get(&entries, "s", &s), 0);
                        ck_assert_str_eq(s, "grüße");
                } else if (streq(name, "number")) {
                        ck_assert_int_eq(dbus_get(&entries, "u", &u), 0);
                        ck_assert_uint_eq(u, 0xdeadbeef);
                } else
                        dbus_skip(&entries, type);
                n++;
        }
        ck_assert_int_eq(r->error, 0);
        ck_assert_uint_eq(n, 3);
}

static void echo(Connection *connection, size_t n_bytes) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        _cleanup_free_ uint8_t *bytes = malloc(n_bytes + 1);
        _cleanup_close_ int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct stat ours, theirs;
        DbusReader r, array;
        uint8_t y;
        int64_t x;
        double d;
        bool b;
        int fd;

        for (size_t i = 0; i < n_bytes; i++)
                bytes[i] = i * 7;
        dbus_begin_call(&w, PATH, INTERFACE, "Echo", "suayh");
        dbus_put(&w, "su", "grüße", 0xdeadbeef);
        dbus_put_bytes(&w, bytes, n_bytes);
        dbus_put(&w, "h", file);
        ck_assert_int_eq(connection_call(connection, &w, &answer), 0);
        ck_assert_int_eq(answer->message.type, DBUS_METHOD_RETURN);
        ck_assert_str_eq(answer->message.signature, "yxbda{sv}ayh");
        r = incoming_read(answer);
        ck_assert_int_eq(dbus_get(&r, "yxbd", &y, &x, &b, &d), 0);
        ck_assert_uint_eq(y, 7);
        ck_assert_int_eq(x, -5);
        ck_assert(b);
        ck_assert_double_eq(d, 2.5);
        read_entries(&r);
        array = dbus_enter_array(&r, 'y');
        ck_assert_uint_eq(array.end - array.next, n_bytes);
        ck_assert_mem_eq(array.next, bytes, n_bytes);
        ck_assert_int_eq(dbus_get(&r, "h", &fd), 0);
        ck_assert_int_eq(fstat(fd, &theirs), 0);
        ck_assert_int_eq(fstat(file, &ours), 0);
        ck_assert_uint_eq(ours.st_rdev, theirs.st_rdev);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

START_TEST(both_ends_mean_the_same) {
        size_t before = count_fds();
        Connection *connection = connect_service();

        for (size_t n = 0; n < 20; n++)
                echo(connection, n);
        disconnect(connection);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(a_message_may_be_larger_than_any_buffer) {
        Connection *connection = connect_service();

        echo(connection, 3 << 20);
        echo(connection, 100);
        disconnect(connection);
}
END_TEST

START_TEST(an_error_has_its_name_and_its_sentence) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        Connection *connection = connect_service();
        const char *text;
        DbusReader r;

        dbus_begin_call(&w, PATH, INTERFACE, "Fail", "");
        ck_assert_int_eq(connection_call(connection, &w, &answer), 0);
        ck_assert_int_eq(answer->message.type, DBUS_ERROR);
        ck_assert_str_eq(answer->message.error_name, "org.lxss.Error.NoSuchUser");
        r = incoming_read(answer);
        ck_assert_int_eq(dbus_get(&r, "s", &text), 0);
        ck_assert_str_eq(text, "There is none.");
        disconnect(connection);
}
END_TEST

static int next_news(Connection *connection) {
        _cleanup_incoming_ Incoming *incoming = NULL;
        struct pollfd p = { .fd = connection_fd(connection), .events = POLLIN };
        DbusReader r;
        int number;

        while (connection_next(connection, &incoming) == 0)
                ck_assert_int_eq(poll(&p, 1, -1), 1);
        ck_assert(incoming_is_signal(incoming, INTERFACE, "News"));
        r = incoming_read(incoming);
        ck_assert_int_eq(dbus_get(&r, "i", &number), 0);
        return number;
}

START_TEST(what_comes_during_a_call_is_kept) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL, *none = NULL;
        Connection *connection = connect_service();

        dbus_begin_call(&w, PATH, INTERFACE, "Signal", "");
        ck_assert_int_eq(connection_call(connection, &w, &answer), 0);
        ck_assert_str_eq(answer->message.signature, "i");
        ck_assert_int_eq(next_news(connection), 1);
        ck_assert_int_eq(next_news(connection), 2);
        ck_assert_int_eq(connection_next(connection, &none), 0);
        disconnect(connection);
}
END_TEST

START_TEST(a_service_that_ends_is_noticed) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        Connection *connection = connect_service();

        dbus_begin_call(&w, PATH, INTERFACE, "Quit", "");
        ck_assert_int_eq(connection_call(connection, &w, &answer), -ECONNRESET);
        ck_assert_int_eq(connection_next(connection, &answer), -ECONNRESET);
        ck_assert_ptr_null(answer);
        disconnect(connection);
}
END_TEST

/* What somebody says who is no D-Bus service: -EPROTO, or -ECONNRESET where he then hangs up. */
static int greet(const char *words) {
        Connection *connection = NULL;
        int pair[2], r;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(write_all(pair[1], words, strlen(words)), 0);
        ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
        r = connection_new(pair[0], &connection);
        closep(&pair[1]);
        connection_free(connection);
        return r;
}

START_TEST(strangers_are_left_alone) {
        char flood[4096];

        memset(flood, 'x', sizeof(flood) - 1);
        flood[sizeof(flood) - 1] = '\0';
        ck_assert_int_eq(greet("OK 0123\r\nAGREE_UNIX_FD\r\n"), 0);
        ck_assert_int_eq(greet(""), -ECONNRESET);
        ck_assert_int_eq(greet("OK 0123\r\n"), -ECONNRESET);
        ck_assert_int_eq(greet("REJECTED EXTERNAL\r\n"), -EPROTO);
        ck_assert_int_eq(greet("OK 0123\r\nERROR no descriptors\r\n"), -EPROTO);
        ck_assert_int_eq(greet(flood), -EPROTO);
}
END_TEST

/* Too many, too few, and for a message that has none. */
START_TEST(descriptors_that_belong_to_no_message_are_closed) {
        size_t before = count_fds();
        Connection *connection = NULL;
        Incoming *incoming = NULL;
        struct iovec part = { .iov_base = (void *)"OK 0123\r\nAGREE_UNIX_FD\r\nrubbish that is no message", .iov_len = 24 };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof(control) };
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        memcpy(CMSG_DATA(&control.header), &pair[1], sizeof(int));
        ck_assert_int_gt(sendmsg(pair[1], &message, 0), 0);
        ck_assert_int_eq(connection_new(pair[0], &connection), 0);
        ck_assert_int_eq(write_all(pair[1], "rubbish that is no message", 26), 0);
        ck_assert_int_eq(connection_next(connection, &incoming), -EBADMSG);
        connection_free(connection);
        closep(&pair[1]);
        ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void) {
        return RUN_TESTS("client-connection", both_ends_mean_the_same, a_message_may_be_larger_than_any_buffer,
                         an_error_has_its_name_and_its_sentence, what_comes_during_a_call_is_kept,
                         a_service_that_ends_is_noticed, strangers_are_left_alone,
                         descriptors_that_belong_to_no_message_are_closed);
}
