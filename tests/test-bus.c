/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The D-Bus side, with a client at the other end of a socketpair: no bus daemon,
 * no distribution, no namespace. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/bus.h"
#include "tests/test.h"

static char *directory;
static sd_event *event;
static Bus *bus;
static Manager *manager;
static sd_bus *client;
static unsigned n_idle;

static void on_idle(void *userdata) {
        n_idle++;
}

static sd_bus *connect_client(void) {
        sd_bus *connection = NULL;
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        ck_assert_int_ge(bus_add_connection(bus, pair[0]), 0);
        ck_assert_int_ge(sd_bus_new(&connection), 0);
        ck_assert_int_ge(sd_bus_set_fd(connection, pair[1], pair[1]), 0);
        ck_assert_int_ge(sd_bus_negotiate_fds(connection, true), 0);
        ck_assert_int_ge(sd_bus_start(connection), 0);
        ck_assert_int_ge(sd_bus_attach_event(connection, event, 0), 0);
        while (sd_bus_is_ready(connection) == 0) /* before that, sd-bus waits for us where descriptors are sent */
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
        return connection;
}

/* lxss-base is at work from the beginning, and what it hands over would be counted as somebody else's. */
static void wait_for_base(void) {
        siginfo_t info;

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
                ck_assert_int_ge(sd_event_run(event, 10 * 1000), 0);
}

static void set_up(void) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *conf = NULL;
        Registry *registry;

        directory = make_directory_for_test();
        conf = g_build_filename(directory, "lxss.conf", NULL);
        ck_assert_int_ge(sd_event_new(&event), 0);
        ck_assert_int_eq(registry_open(directory, conf, &registry, &error), 0);
        bus = bus_new(event, on_idle, NULL);
        ck_assert_msg(manager_new(event, registry, bus_manager_events(), bus, &manager, &error) >= 0, "%s", error.message);
        bus_set_manager(bus, manager);
        wait_for_base();
        client = connect_client();
}

static void tear_down(void) {
        client = sd_bus_close_unref(client);
        while (sd_event_run(event, 0) > 0)
                ;
        bus = bus_free(bus);
        manager = manager_free(manager);
        event = sd_event_unref(event);
        remove_directory(directory);
}

typedef struct Answer {
        sd_bus_message *message;
} Answer;

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        Answer *answer = userdata;

        answer->message = sd_bus_message_ref(m);
        return 1;
}

/* Runs the loop until the answer is there. */
static sd_bus_message *call(sd_bus_message *m) {
        Answer answer = { NULL };

        ck_assert_int_ge(sd_bus_call_async(client, NULL, m, on_answer, &answer, 0), 0);
        while (!answer.message)
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
        return answer.message;
}

static sd_bus_message *new_call(const char *path, const char *interface, const char *member) {
        sd_bus_message *m = NULL;

        ck_assert_int_ge(sd_bus_message_new_method_call(client, &m, NULL, path, interface, member), 0);
        return m;
}

static sd_bus_message *call_simply(const char *path, const char *interface, const char *member) {
        g_autoptr(sd_bus_message) m = new_call(path, interface, member);

        return call(m);
}

static void assert_error(sd_bus_message *answer, const char *name, const char *words) {
        const sd_bus_error *error = sd_bus_message_get_error(answer);

        ck_assert_ptr_nonnull(error);
        ck_assert_str_eq(error->name, name);
        ck_assert_msg(!words || strstr(error->message, words), "\"%s\" does not say %s", error->message, words);
}

START_TEST(empty_lists_are_lists) {
        static const char *const methods[][2] = { { "ListDistributions", "a(sso)" },
                                                  { "ListInstances", "a(ssuo)" },
                                                  { "ListProcesses", "a(suso)" },
                                                  { "ListOperations", "a(sssdo)" } };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                g_autoptr(sd_bus_message) answer = call_simply(BUS_PATH, BUS_INTERFACE, methods[i][0]);

                ck_assert_ptr_null(sd_bus_message_get_error(answer));
                ck_assert_str_eq(sd_bus_message_get_signature(answer, true), methods[i][1]);
                ck_assert_int_gt(sd_bus_message_enter_container(answer, 'a', NULL), 0);
                ck_assert_int_gt(sd_bus_message_at_end(answer, false), 0);
        }
        tear_down();
}
END_TEST

START_TEST(the_manager_says_what_it_is) {
        g_autoptr(sd_bus_message) m = NULL, answer = NULL;
        const char *version;

        set_up();
        m = new_call(BUS_PATH, "org.freedesktop.DBus.Properties", "Get");
        ck_assert_int_ge(sd_bus_message_append(m, "ss", BUS_INTERFACE, "Version"), 0);
        answer = call(m);
        ck_assert_int_gt(sd_bus_message_read(answer, "v", "s", &version), 0);
        ck_assert_str_eq(version, PACKAGE_VERSION);
        tear_down();
}
END_TEST

/* Interfaces as lines: "interface.member" and for each argument or property its type and direction. */
typedef struct Description {
        GString *interface, *member;
        GPtrArray *lines;
} Description;

static void on_element(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                       void *userdata, GError **error) {
        const char *name = "", *type = "", *direction = "", *access = "";
        Description *d = userdata;

        for (size_t i = 0; names[i]; i++) {
                if (streq(names[i], "name"))
                        name = values[i];
                else if (streq(names[i], "type"))
                        type = values[i];
                else if (streq(names[i], "direction"))
                        direction = values[i];
                else if (streq(names[i], "access"))
                        access = values[i];
        }
        if (streq(element, "interface"))
                g_string_assign(d->interface, name);
        else if (streq(element, "method") || streq(element, "signal") || streq(element, "property")) {
                g_string_printf(d->member, "%s.%s", d->interface->str, name);
                g_ptr_array_add(d->lines, g_strdup_printf("%s %s %s %s", d->member->str, element, type, access));
        } else if (streq(element, "arg"))
                g_ptr_array_add(d->lines, g_strdup_printf("%s (%s %s %s)", d->member->str, name, type, direction));
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that the XML says of interfaces of ours with this name, sorted; arguments keep their names. */
static char *describe(const char *xml, const char *interface) {
        static const GMarkupParser parser = { .start_element = on_element };
        Description d = { g_string_new(NULL), g_string_new(NULL), g_ptr_array_new_with_free_func(g_free) };
        g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, &d, NULL);
        g_autofree char *prefix = g_strdup_printf("%s.", interface);
        GString *text = g_string_new(NULL);

        ck_assert(g_markup_parse_context_parse(context, xml, -1, NULL));
        g_ptr_array_sort(d.lines, compare_lines);
        for (guint i = 0; i < d.lines->len; i++) {
                const char *line = d.lines->pdata[i];

                if (g_str_has_prefix(line, prefix) && strcspn(line + strlen(prefix), ".") >= strcspn(line + strlen(prefix), " "))
                        g_string_append_printf(text, "%s\n", line);
        }
        g_string_free(d.interface, TRUE);
        g_string_free(d.member, TRUE);
        g_ptr_array_unref(d.lines);
        return g_string_free(text, FALSE);
}

START_TEST(introspection_is_the_contract) {
        const char *sources = getenv("top_srcdir") ?: ".", *live;
        g_autofree char *path = g_build_filename(sources, "dbus", "org.lxss.Manager1.xml", NULL), *xml = NULL,
                        *promised = NULL, *kept = NULL;
        g_autoptr(sd_bus_message) answer = NULL;

        set_up();
        ck_assert_msg(g_file_get_contents(path, &xml, NULL, NULL), "%s", path);
        answer = call_simply(BUS_PATH, "org.freedesktop.DBus.Introspectable", "Introspect");
        ck_assert_int_gt(sd_bus_message_read(answer, "s", &live), 0);
        promised = describe(xml, BUS_INTERFACE);
        kept = describe(live, BUS_INTERFACE);
        ck_assert_ptr_nonnull(strstr(promised, "Launch"));
        ck_assert_str_eq(kept, promised);
        tear_down();
}
END_TEST

START_TEST(what_the_policy_does_not_list_is_refused) {
        static const char *const calls[][3] = {
                { BUS_PATH, BUS_INTERFACE, "Reboot" },
                { BUS_PATH, "org.freedesktop.DBus.Properties", "Set" },
                { BUS_PATH, "org.example.Other", "Launch" },
                { BUS_PATH, NULL, "ListDistributions" },
                { "/", BUS_INTERFACE, "Reboot" },
                { BUS_PATH "/process/1", BUS_INTERFACE ".Process", "Kill" },
        };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                g_autoptr(sd_bus_message) answer = call_simply(calls[i][0], calls[i][1], calls[i][2]);

                assert_error(answer, "org.lxss.Error.AccessDenied", NULL);
        }
        tear_down();
}
END_TEST

START_TEST(objects_that_do_not_exist_are_not_found) {
        static const char *const paths[] = { BUS_PATH "/process/1", BUS_PATH "/process/x", BUS_PATH "/process/-1",
                                             BUS_PATH "/process/18446744073709551616", BUS_PATH "/process/1/2" };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                g_autoptr(sd_bus_message) m = NULL, answer = NULL;

                if (sd_bus_object_path_is_valid(paths[i]) <= 0)
                        continue;
                m = new_call(paths[i], BUS_INTERFACE ".Process", "Signal");
                ck_assert_int_ge(sd_bus_message_append(m, "ib", 9, 0), 0);
                answer = call(m);
                assert_error(answer, "org.freedesktop.DBus.Error.UnknownObject", NULL);
        }
        tear_down();
}
END_TEST

typedef struct Launch {
        const char *distribution;
        const char *argument; /* bytes of the one argument */
        size_t argument_size;
        uint32_t numbers[2]; /* of descriptors */
        size_t n_fds;
        const char *option, *signature; /* one option, with a value of the signature */
} Launch;

static void append_fds(sd_bus_message *m, const Launch *launch) {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(sd_bus_message_open_container(m, 'a', "{uh}"), 0);
        for (size_t i = 0; i < launch->n_fds; i++)
                ck_assert_int_ge(sd_bus_message_append(m, "{uh}", launch->numbers[i], fd), 0);
        ck_assert_int_ge(sd_bus_message_close_container(m), 0);
}

static void append_option(sd_bus_message *m, const Launch *launch) {
        const char *s = launch->signature;

        ck_assert_int_ge(sd_bus_message_open_container(m, 'a', "{sv}"), 0);
        if (launch->option && streq(s, "s"))
                ck_assert_int_ge(sd_bus_message_append(m, "{sv}", launch->option, s, "text"), 0);
        else if (launch->option && streq(s, "b"))
                ck_assert_int_ge(sd_bus_message_append(m, "{sv}", launch->option, s, 1), 0);
        else if (launch->option && streq(s, "au"))
                ck_assert_int_ge(sd_bus_message_append(m, "{sv}", launch->option, s, 1, 32), 0);
        else if (launch->option && streq(s, "(uu)"))
                ck_assert_int_ge(sd_bus_message_append(m, "{sv}", launch->option, s, 70000, 1), 0);
        else if (launch->option && streq(s, "ay"))
                ck_assert_int_ge(sd_bus_message_append(m, "{sv}", launch->option, s, 2, 'x', 0), 0);
        ck_assert_int_ge(sd_bus_message_close_container(m), 0);
}

static sd_bus_message *call_launch(const Launch *launch) {
        g_autoptr(sd_bus_message) m = new_call(BUS_PATH, BUS_INTERFACE, "Launch");

        ck_assert_int_ge(sd_bus_message_append(m, "s", launch->distribution ?: ""), 0);
        ck_assert_int_ge(sd_bus_message_append_array(m, 'y', "/", 1), 0);
        ck_assert_int_ge(sd_bus_message_open_container(m, 'a', "ay"), 0);
        ck_assert_int_ge(sd_bus_message_append_array(m, 'y', launch->argument ?: "true",
                                                     launch->argument ? launch->argument_size : 4),
                         0);
        ck_assert_int_ge(sd_bus_message_close_container(m), 0);
        append_fds(m, launch);
        ck_assert_int_ge(sd_bus_message_append(m, "aay", 0), 0);
        append_option(m, launch);
        return call(m);
}

static void assert_launch_error(Launch launch, const char *name, const char *words) {
        g_autoptr(sd_bus_message) answer = NULL;
        size_t before = count_fds();

        answer = call_launch(&launch);
        assert_error(answer, name, words);
        answer = sd_bus_message_unref(answer);
        ck_assert_uint_eq(count_fds(), before);
}

START_TEST(without_a_distribution_a_launch_says_what_to_type) {
        set_up();
        assert_launch_error((Launch){ 0 }, "org.lxss.Error.NothingInstalled", "lxctl install");
        assert_launch_error((Launch){ .distribution = "debian" }, "org.lxss.Error.NoSuchDistribution", "\"debian\"");
        tear_down();
}
END_TEST

START_TEST(an_option_that_is_wrong_is_named) {
        static const Launch cases[] = {
                { .option = "colour", .signature = "s" },       { .option = "user", .signature = "b" },
                { .option = "shell", .signature = "s" },        { .option = "linger", .signature = "b" },
                { .option = "closed-fds", .signature = "s" },   { .option = "closed-fds", .signature = "au" },
                { .option = "terminal", .signature = "s" },     { .option = "terminal-fds", .signature = "au" },
                { .option = "terminal-size", .signature = "(uu)" }, { .option = "directory", .signature = "ay" },
                { .option = "", .signature = "s" },
        };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autofree char *quoted = g_strdup_printf("\"%s\"", cases[i].option);

                assert_launch_error(cases[i], "org.lxss.Error.InvalidArgument", quoted);
        }
        tear_down();
}
END_TEST

START_TEST(a_nul_byte_in_an_argument_is_refused) {
        set_up();
        assert_launch_error((Launch){ .argument = "a\0b", .argument_size = 3 }, "org.lxss.Error.InvalidArgument", "NUL");
        assert_launch_error((Launch){ .argument = "a\0", .argument_size = 2 }, "org.lxss.Error.InvalidArgument", "NUL");
        tear_down();
}
END_TEST

START_TEST(descriptors_are_passed_once_and_have_a_number) {
        set_up();
        assert_launch_error((Launch){ .n_fds = 2, .numbers = { 5, 5 } }, "org.lxss.Error.InvalidArgument", "5");
        assert_launch_error((Launch){ .n_fds = 1, .numbers = { UINT32_MAX } }, "org.lxss.Error.InvalidArgument", "4294967295");
        assert_launch_error((Launch){ .n_fds = 2, .numbers = { 7, 5 } }, "org.lxss.Error.NothingInstalled", NULL);
        tear_down();
}
END_TEST

START_TEST(wrong_arguments_are_refused_by_their_signature) {
        g_autoptr(sd_bus_message) m = NULL, answer = NULL;

        set_up();
        m = new_call(BUS_PATH, BUS_INTERFACE, "Launch");
        ck_assert_int_ge(sd_bus_message_append(m, "s", "debian"), 0);
        answer = call(m);
        assert_error(answer, "org.freedesktop.DBus.Error.InvalidArgs", NULL);
        tear_down();
}
END_TEST

START_TEST(unsupported_sources_are_refused_by_name) {
        g_autoptr(sd_bus_message) m = NULL, answer = NULL;

        set_up();
        m = new_call(BUS_PATH, BUS_INTERFACE, "InstallFrom");
        ck_assert_int_ge(sd_bus_message_append(m, "ssa{sv}", "ftp://example.org/x.tar", "x", 0), 0);
        answer = call(m);
        assert_error(answer, "org.lxss.Error.UnsupportedSource", "bootstrap:");
        tear_down();
}
END_TEST

START_TEST(a_client_counts_until_its_connection_closes) {
        sd_bus *other;

        set_up();
        ck_assert_uint_eq(manager_n_clients(manager), 1);
        other = connect_client();
        ck_assert_uint_eq(manager_n_clients(manager), 2);
        sd_bus_close_unref(other);
        while (manager_n_clients(manager) != 1)
                ck_assert_int_ge(sd_event_run(event, UINT64_MAX), 0);
        tear_down();
}
END_TEST

START_TEST(shutting_down_is_answered_and_refuses_what_comes_after) {
        g_autoptr(sd_bus_message) answer = NULL;

        set_up();
        answer = call_simply(BUS_PATH, BUS_INTERFACE, "Shutdown");
        ck_assert_ptr_null(sd_bus_message_get_error(answer));
        ck_assert_uint_eq(n_idle, 1);
        assert_launch_error((Launch){ 0 }, "org.lxss.Error.ServiceUnavailable", NULL);
        tear_down();
}
END_TEST

/* The only one who can be refused here is another user, and only root can be two users. */
START_TEST(a_refused_call_is_not_carried_out_even_if_it_wants_no_reply) {
        g_autoptr(sd_bus_message) m = NULL, ping = NULL;

        if (geteuid() != 0) {
                fprintf(stderr, "skipped: needs to be root\n");
                return;
        }
        set_up();
        sd_bus_close_unref(client);
        ck_assert_int_eq(seteuid(12345), 0);
        client = connect_client();
        ck_assert_int_eq(seteuid(0), 0); /* lxssd is root's again, its client is not */
        m = new_call(BUS_PATH, BUS_INTERFACE, "Shutdown");
        ck_assert_int_ge(sd_bus_message_set_expect_reply(m, false), 0);
        ck_assert_int_ge(sd_bus_send(client, m, NULL), 0);
        ping = call_simply(BUS_PATH, BUS_INTERFACE, "ListDistributions"); /* comes after it */
        assert_error(ping, "org.lxss.Error.AccessDenied", NULL);
        ck_assert_uint_eq(n_idle, 0);
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("bus", empty_lists_are_lists, the_manager_says_what_it_is, introspection_is_the_contract,
                         what_the_policy_does_not_list_is_refused, objects_that_do_not_exist_are_not_found,
                         without_a_distribution_a_launch_says_what_to_type, an_option_that_is_wrong_is_named,
                         a_nul_byte_in_an_argument_is_refused, descriptors_are_passed_once_and_have_a_number,
                         wrong_arguments_are_refused_by_their_signature, unsupported_sources_are_refused_by_name,
                         a_client_counts_until_its_connection_closes,
                         shutting_down_is_answered_and_refuses_what_comes_after,
                         a_refused_call_is_not_carried_out_even_if_it_wants_no_reply);
}
