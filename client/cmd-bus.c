/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl bus`, and all of `lxbus` in an instance: LxBus for shells. The library does the work. */

#include <signal.h>
#include <stdio.h>

#include "client/bus-relay.h"
#include "client/bus-serve.h"
#include "client/command.h"
#include "client/json.h"
#include "client/table.h"
#include "client/text.h"
#include "shared/distribution-name.h"
#include "shared/suggest.h"

enum {
        BUS_VISIBLE = OPTION_OWN,
        BUS_ONCE,
        BUS_FD,
        BUS_IN,
        BUS_WAIT,
        BUS_TIMEOUT,
};

static const Option option_table[] = {
        { BUS_VISIBLE, 0, "visible", "WHERE", false,
          "listen: \"here\", on this side alone; \"host\", there too; \"all\" (the default)" },
        { BUS_ONCE, 0, "once", NULL, false, "listen: answer one connection, and exit as its program did" },
        { BUS_IN, 0, "in", "WHERE", false, "connect, call: a server in this distribution, or of the \"host\"" },
        { BUS_WAIT, 0, "wait", NULL, false, "connect, call: until there is such a server" },
        { BUS_TIMEOUT, 0, "timeout", "SECONDS", false, "connect, call: give up after so long" },
        { BUS_FD, 0, "fd", "N", true, "connect, call: pass descriptor N; listen: take those that are passed" },
        { 0 },
};

typedef struct BusCommand {
        const char *action, *name, *where;
        char *const *program;
        LxBusVisibility visibility;
        bool visibility_given, once, take_fds;
        int flags, timeout;
        LxBusObject fds[LXBUS_MESSAGE_OBJECTS_MAX];
        size_t n_fds;
} BusCommand;

static const char *const visibilities[] = {
        [LXBUS_VISIBLE_HERE] = "here",
        [LXBUS_VISIBLE_HOST] = "host",
        [LXBUS_VISIBLE_ALL] = "all",
};

/* ---- the command line ---- */

static int take_visibility(Command *command, BusCommand *bus, const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(visibilities); i++)
                if (streq(word, visibilities[i])) {
                        bus->visibility = i;
                        bus->visibility_given = true;
                        return 0;
                }
        return command_usage(command, "A server is visible \"here\", to the \"host\" or to \"all\", not \"%s\".",
                             word);
}

static int take_fd(Command *command, BusCommand *bus, const char *word) {
        uint64_t n;

        if (!word) {
                bus->take_fds = true;
                return 0;
        }
        if (text_parse_u64(word, &n) < 0 || n > INT32_MAX || fcntl((int)n, F_GETFD) < 0)
                return command_usage(command, "\"%s\" is no open descriptor.", word);
        if (bus->n_fds == ELEMENTSOF(bus->fds))
                return command_usage(command, "More than %u descriptors cannot be passed.", LXBUS_MESSAGE_OBJECTS_MAX);
        bus->fds[bus->n_fds++] = (LxBusObject){ .kind = LXBUS_FD, .fd = (int)n };
        return 0;
}

static int take_timeout(Command *command, BusCommand *bus, const char *word) {
        uint64_t seconds;

        if (text_parse_u64(word, &seconds) < 0 || seconds > INT32_MAX / 1000)
                return command_usage(command, "\"%s\" is no number of seconds.", word);
        bus->timeout = (int)seconds * 1000;
        return 0;
}

static int take_word(Command *command, BusCommand *bus) {
        const char *word = command->parser.argument;

        if (!bus->action)
                bus->action = word;
        else if (!bus->name)
                bus->name = word;
        else if (streq(bus->action, "listen"))
                bus->program = command->parser.argv - 1; /* it and all behind it */
        else
                return command_usage(command, "\"%s\" is one word too many.", word);
        return 0;
}

static int take(Command *command, BusCommand *bus, int id) {
        const char *argument = command->parser.argument;

        switch (id) {
        case OPTION_WORD:
                return take_word(command, bus);
        case BUS_VISIBLE:
                return take_visibility(command, bus, argument);
        case BUS_ONCE:
                bus->once = true;
                return 0;
        case BUS_FD:
                return take_fd(command, bus, argument);
        case BUS_IN:
                if (!distribution_name_is_valid(argument))
                        return command_usage(command, "\"%s\" is no name of a distribution.", argument);
                bus->where = streq(argument, "host") ? "" : argument;
                return 0;
        case BUS_WAIT:
                bus->flags |= LXBUS_WAIT;
                return 0;
        default:
                return take_timeout(command, bus, argument);
        }
}

/* 0, or an exit code. */
static int parse(Command *command, BusCommand *bus) {
        int id, r;

        while (!bus->program && (id = command_next(command)) != OPTION_DONE) {
                if (id < 0)
                        return command->exit_code ?: -ECANCELED;
                r = take(command, bus, id);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ---- what went wrong ---- */

static int fail(Command *command, const BusCommand *bus, int r) {
        const char *name = bus->name ? bus->name : "";

        switch (r) {
        case -ENOENT:
                say("There is no server \"%s\"%s%s that can be seen from here. %s list shows those that there are.",
                    name, !bus->where ? "" : *bus->where ? " in " : " on the host", bus->where ? bus->where : "",
                    command->program ? command->program : "lxctl bus");
                break;
        case -EINVAL:
                say("\"%s\" cannot be the name of a server: it has at most %d letters, digits, dots, dashes and "
                    "underscores, a letter or digit first.",
                    name, LXBUS_NAME_MAX);
                break;
        case -ENOTUNIQ:
                say("Several instances have a server \"%s\". Say which with --in=DISTRIBUTION.", name);
                break;
        case -EADDRINUSE:
                say("There is a server \"%s\" already.", name);
                break;
        case -EACCES:
                say("The settings of this instance (lxbus=, isolated=) keep it from that.");
                break;
        case -EAGAIN:
                say("\"%s\" does not take its connections, and as many wait as may.", name);
                break;
        case -EDQUOT:
                say("This user has as much on LxBus as one may have, or sends descriptors faster than they are received.");
                break;
        case -ETIMEDOUT:
                say("\"%s\" did not answer in time.", name);
                break;
        case -EPIPE:
                say("The other end closed the connection.");
                break;
        default:
                say("LxBus: %s", strerror(-r));
        }
        return command->exit_code = EXIT_SERVICE;
}

/* ---- the actions ---- */

static void print_entries(const LxBusEntry *entries, size_t n) {
        static const char *const heading[] = { "NAME", "SIDE", "VISIBLE", "USER", "PID", "PORTS", NULL };
        Table table = { .n_columns = 6 };
        char number[32];

        table_add_all(&table, heading);
        for (size_t i = 0; i < n; i++) {
                table_add(&table, entries[i].name);
                table_add(&table, entries[i].instance ? entries[i].instance : "(host)");
                table_add(&table,
                          entries[i].visibility < ELEMENTSOF(visibilities) ? visibilities[entries[i].visibility] : "");
                snprintf(number, sizeof(number), "%u", (unsigned)entries[i].uid);
                table_add(&table, number);
                snprintf(number, sizeof(number), "%d", (int)entries[i].pid);
                table_add(&table, entries[i].pid > 0 ? number : "");
                snprintf(number, sizeof(number), "%u", entries[i].n_ports);
                table_add(&table, number);
        }
        table_print(&table, stdout);
        table_finish(&table);
}

static void print_entries_json(const LxBusEntry *entries, size_t n) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '[');
        for (size_t i = 0; i < n; i++) {
                json_open(&json, NULL, '{');
                json_string(&json, "name", entries[i].name);
                json_string(&json, "instance", entries[i].instance);
                json_string(&json, "visible",
                            entries[i].visibility < ELEMENTSOF(visibilities) ? visibilities[entries[i].visibility]
                                                                             : NULL);
                json_unsigned(&json, "uid", entries[i].uid);
                json_unsigned(&json, "pid", entries[i].pid);
                json_unsigned(&json, "ports", entries[i].n_ports);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static int run_list(Command *command, LxBus *bus, const BusCommand *words) {
        _cleanup_free_ LxBusEntry *entries = NULL;
        size_t n;
        int r;

        r = lxbus_list(bus, &entries, &n);
        if (r < 0)
                return fail(command, words, r);
        if (command->json)
                print_entries_json(entries, n);
        else if (n > 0)
                print_entries(entries, n);
        else if (!command->quiet)
                say_plain("There are no servers on LxBus.");
        return EXIT_SUCCESS;
}

static int run_listen(Command *command, LxBus *bus, const BusCommand *words) {
        const BusService service = {
                .argv = words->program,
                .once = words->once || !words->program,
                .take_fds = words->take_fds,
        };
        LxBusServer *server;
        int r;

        r = words->program ? bus_find_program(words->program[0]) : 0;
        if (r < 0) {
                lxbus_close(bus);
                return bus_fail_program(words->program[0], -r);
        }
        r = lxbus_register(bus, words->name, words->visibility, &server);
        if (r == -EACCES && !words->visibility_given) /* as far as the settings allow */
                r = lxbus_register(bus, words->name, LXBUS_VISIBLE_HERE, &server);
        lxbus_close(bus);
        if (r < 0)
                return fail(command, words, r);
        r = bus_serve(server, &service);
        lxbus_server_free(server);
        return r;
}

/* Descriptors go first, in a message without bytes. */
static int connect_and_pass(LxBus *bus, const BusCommand *words, LxBusPort **ret) {
        const LxBusMessage message = { .objects = (LxBusObject *)words->fds, .n_objects = words->n_fds };
        LxBusPort *port;
        int r;

        r = lxbus_connect(bus, words->name, words->where, words->flags, words->timeout, &port);
        if (r < 0)
                return r;
        r = words->n_fds > 0 ? lxbus_port_write(port, &message, -1) : 0;
        if (r < 0) {
                lxbus_port_free(port);
                return r;
        }
        *ret = port;
        return 0;
}

static int run_connect(Command *command, LxBus *bus, const BusCommand *words) {
        LxBusPort *port;
        int r;

        r = connect_and_pass(bus, words, &port);
        lxbus_close(bus);
        if (r < 0)
                return fail(command, words, r);
        r = bus_relay(port, dup(STDIN_FILENO), dup(STDOUT_FILENO), false);
        lxbus_port_free(port);
        return r < 0 ? fail(command, words, r) : EXIT_SUCCESS;
}

/* All of standard input is the question; -EMSGSIZE where it is larger than a message can be. */
static int read_question(char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = malloc(LXBUS_MESSAGE_MAX + 1);
        ssize_t n;

        if (!data)
                return -ENOMEM;
        n = read_up_to(STDIN_FILENO, data, LXBUS_MESSAGE_MAX + 1);
        if (n < 0)
                return (int)n;
        if (n > (ssize_t)LXBUS_MESSAGE_MAX)
                return -EMSGSIZE;
        *ret = steal_pointer(&data);
        *ret_size = n;
        return 0;
}

static int read_answer(LxBusPort *port, int timeout, char **ret, size_t *ret_size) {
        size_t size = 0;
        char *data;
        int r;

        r = lxbus_port_receive(port, NULL, 0, &size, timeout);
        if (r < 0 && r != -EMSGSIZE)
                return r;
        data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        if (r < 0)
                r = lxbus_port_receive(port, data, size, &size, 0);
        *ret = data;
        *ret_size = size;
        return r;
}

static int run_call(Command *command, LxBus *bus, const BusCommand *words) {
        _cleanup_free_ char *question = NULL, *answer = NULL;
        size_t question_size = 0, answer_size = 0;
        LxBusPort *port;
        int r;

        r = connect_and_pass(bus, words, &port);
        lxbus_close(bus);
        if (r < 0)
                return fail(command, words, r);
        r = read_question(&question, &question_size);
        if (r == 0)
                r = lxbus_port_send(port, question, question_size);
        lxbus_port_finish(port);
        if (r == 0)
                r = read_answer(port, words->timeout, &answer, &answer_size);
        lxbus_port_free(port);
        if (r < 0)
                return fail(command, words, r);
        r = write_all(STDOUT_FILENO, answer, answer_size);
        return r < 0 ? fail(command, words, r) : EXIT_SUCCESS;
}

static const struct {
        const char *name;
        int (*run)(Command *command, LxBus *bus, const BusCommand *words);
} actions[] = {
        { "list", run_list },
        { "listen", run_listen },
        { "connect", run_connect },
        { "call", run_call },
};

static int unknown_action(Command *command, const char *name) {
        static const char *const names[] = { "list", "listen", "connect", "call", NULL };
        const char *meant = suggest_word(name, names);

        if (meant)
                return command_usage(command, "There is no action \"%s\". Did you mean \"%s\"?", name, meant);
        return command_usage(command, "There is no action \"%s\": there are list, listen, connect and call.", name);
}

static int run_action(Command *command, const BusCommand *words) {
        for (size_t i = 0; i < ELEMENTSOF(actions); i++) {
                bool is_list = streq(actions[i].name, "list");
                LxBus *bus;
                int r;

                if (!streq(words->action, actions[i].name))
                        continue;
                if (is_list ? words->name != NULL : !words->name)
                        return is_list ? command_usage(command, "\"%s\" is one word too many.", words->name) :
                                         command_usage(command, "The name of a server is missing.");
                r = lxbus_open(&bus);
                if (r < 0)
                        return fail(command, words, r);
                r = actions[i].run(command, bus, words);
                if (is_list)
                        lxbus_close(bus);
                return r;
        }
        return unknown_action(command, words->action);
}

static int run_bus(Command *command) {
        BusCommand words = { .visibility = LXBUS_VISIBLE_ALL, .timeout = -1 };
        int r;

        r = parse(command, &words);
        if (r != 0)
                return r == -ECANCELED ? EXIT_SUCCESS : r;
        if (!words.action)
                return command_usage(command, "What is to be done? There are list, listen, connect and call.");
        return run_action(command, &words);
}

const Verb verb_bus = {
        .name = "bus",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "list | listen NAME [PROGRAM…] | connect NAME | call NAME",
        .summary = "Speak with programs in instances over LxBus",
        .details = "listen registers a server and runs PROGRAM for each connection: what the other end\n"
                   "sends is its standard input, what it prints goes back. Without PROGRAM, one connection\n"
                   "is that to our own input and output. The program finds LXBUS_PEER_INSTANCE (empty: the\n"
                   "host), LXBUS_PEER_UID and LXBUS_PEER_PID in its environment, with --fd LXBUS_FDS descriptors from "
                   "3 on.\n"
                   "connect is the other end of that. call sends its input as one message and prints the one\n"
                   "that answers. In an instance, lxbus does the same.",
        .options = option_table,
        .run = run_bus,
};
