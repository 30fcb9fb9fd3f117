/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl launch`: collects what the process it runs in has to offer (descriptors,
 * directory, environment), and ends as the program did. */

#include <stdio.h>
#include <sys/wait.h>

#include "client/command.h"
#include "client/launch-options.h"
#include "client/program.h"
#include "client/signals.h"
#include "client/text.h"

static int parse(Command *command, LaunchOptions *options) {
        int id, r;

        command->parser.stop_at_word = true;
        while ((id = command_next(command)) != OPTION_DONE) {
                _cleanup_free_ char *problem = NULL;

                if (id < 0)
                        return id;
                r = launch_options_take(options, id, command->parser.argument, &problem);
                if (r < 0) {
                        command->exit_code = command_usage(command, "%s", problem ? problem : "Out of memory.");
                        return r;
                }
        }
        options->argv = command->parser.argv;
        return 0;
}

static int add_descriptor(LaunchRequest *request, int number) {
        int fd = fcntl(number, F_DUPFD_CLOEXEC, 3);

        return fd < 0 ? -errno : launch_request_add_fd(request, number, fd);
}

/* Returns the exit code, 0 for success. */
static int add_descriptors(Command *command, const LaunchOptions *options, unsigned pass_mask,
                           LaunchRequest *request) {
        for (int number = 0; number < 3; number++)
                if ((pass_mask & 1u << number) && !(command->closed_mask & 1u << number)) {
                        int r = add_descriptor(request, number);

                        if (r < 0)
                                return command_fail(command, r, NULL);
                }
        for (size_t i = 0; i < options->n_fds; i++) {
                int number = options->fds[i], r;

                if (number < 3 && (command->closed_mask & 1u << number))
                        return command_usage(command, "Descriptor %d is not open.", number);
                if (number < 3)
                        continue;
                r = add_descriptor(request, number);
                if (r == -EBADF)
                        return command_usage(command, "Descriptor %d is not open.", number);
                if (r < 0)
                        return command_fail(command, r, NULL);
        }
        return 0;
}

static int make_request(Command *command, const LaunchOptions *options, LaunchRequest **ret) {
        _cleanup_launch_request_ LaunchRequest *request = NULL;
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        LaunchSurroundings surroundings = {
                .environment = environ,
                .cwd = cwd && *cwd == '/' ? cwd : NULL, /* "(unreachable)/…" is none */
                .open_mask = 7 & ~command->closed_mask,
        };
        unsigned pass_mask;
        int r;

        for (int fd = 0; fd < 3; fd++)
                if (isatty(fd))
                        surroundings.terminal_mask |= 1u << fd;
        r = launch_options_to_request(options, &surroundings, &request, &pass_mask);
        if (r < 0)
                return command_fail(command, r, NULL);
        r = add_descriptors(command, options, pass_mask, request);
        if (r != 0)
                return r;
        *ret = steal_pointer(&request);
        return 0;
}

static const char *how_instance_ended(int status) {
        switch (status) {
        case SIGINT:
                return "it was powered off from inside.";
        case SIGHUP:
                return "it was rebooted from inside.";
        default:
                return "its /init is gone.";
        }
}

static int end_as_program(const Program *program) {
        if (program->code == CLD_EXITED)
                return program->status & 0xff;
        if (program->code == 0) {
                say("The instance ended under the program: %s", how_instance_ended(program->status));
                return EXIT_SERVICE;
        }
        if (program->status <= 0 || program->status >= NSIG) {
                say("lxssd reports an end that makes no sense (code %d, status %d).", program->code,
                    program->status);
                return EXIT_SERVICE;
        }
        signal_die(program->status);
}

/* An lxssd that was just leaving took the connection and not the request: the next one gets it. */
static int start_program(Command *command, Program *program, Connection **connection, const LaunchRequest *request,
                         Failure *reterr) {
        int r = program_start(program, *connection, request, reterr);

        if (r != -ECONNRESET && r != -EPIPE)
                return r;
        failure_clear(reterr);
        *connection = connection_free(*connection);
        r = command_connect(command, ACTIVATE_FOR_INSTANCE, connection, reterr);
        return r < 0 ? r : program_start(program, *connection, request, reterr);
}

static int launch(Command *command, const LaunchOptions *options, LaunchRequest *request) {
        _cleanup_program_ Program program = PROGRAM_NONE;
        _cleanup_failure_ Failure failure = {};
        _cleanup_connection_ Connection *connection = NULL;
        const char *problem;
        int r;

        program.quiet = command->quiet;
        r = relay_prepare(&program.relay, request, options->terminal);
        if (r < 0)
                return command_fail(command, r, NULL);
        problem = launch_request_validate(request);
        if (problem)
                return command_usage(command, "%s", problem);
        r = command_connect(command, ACTIVATE_FOR_INSTANCE, &connection, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        program.signal_fd = signals_block();
        if (program.signal_fd < 0)
                return command_fail(command, program.signal_fd, NULL);
        r = start_program(command, &program, &connection, request, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        closep(&request->terminal_socket); /* so that the far end's fate shows at ours */

        r = program_run(&program);
        if (r >= 0)
                return end_as_program(&program);
        if (!program.path)
                return command_fail(command, r, &program.failure);
        say("lxssd ended, and the program with it");
        return EXIT_SERVICE;
}

static int run_launch(Command *command) {
        _cleanup_launch_options_ LaunchOptions options = {};
        _cleanup_launch_request_ LaunchRequest *request = NULL;
        int r;

        r = parse(command, &options);
        if (r < 0)
                return command->exit_code;
        r = make_request(command, &options, &request);
        if (r != 0)
                return r;
        return launch(command, &options, request);
}

const Verb verb_launch = {
        .name = "launch",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "[OPTIONS] [--] [PROGRAM ARGS…]",
        .summary = "Run a program of a distribution, or its login shell",
        .details =
                "The program gets your descriptors as they are; those that are a terminal become a\n"
                "terminal of the instance. The exit code is the program's; 125: lxctl or lxssd\n"
                "failed, 126: the program cannot be executed, 127: it was not found. The instance\n"
                "ends with its last client, unless --linger says otherwise (without SECONDS: it\n"
                "stays until it is terminated). LXENV=NAME/flags:… lists more variables to pass:\n"
                "p a path, l a list of paths, u only into the instance, w only out of it.",
        .options = launch_option_table,
        .run = run_launch,
};
