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
        if (!options->shell || options->argv[0])
                return 0;
        command->exit_code = command_usage(command, "There are no words to give to the shell.");
        return -EINVAL;
}

/* What is launched, with what only it is made of. */
typedef struct Launch {
        LxssLaunch launch;
        LxssTerminal terminal;
        LxssFd *fds;        /* owned */
        char **environment; /* owned */
} Launch;

static void launch_finish(Launch *launch) {
        free(launch->fds);
        launch->environment = strv_free(launch->environment);
}

/* Returns the exit code, 0 for success. */
static int add_descriptors(Command *command, const LaunchOptions *options, unsigned pass_mask, Launch *launch) {
        LxssFd *fds = calloc(3 + options->n_fds, sizeof(*fds));
        size_t n = 0;

        if (!fds)
                return command_fail(command, -ENOMEM, NULL);
        launch->fds = fds;
        for (int number = 0; number < 3; number++)
                if ((pass_mask & 1u << number) && !(command->closed_mask & 1u << number))
                        fds[n++] = (LxssFd){ number, number };
        for (size_t i = 0; i < options->n_fds; i++) {
                int number = options->fds[i];

                if (number < 3 ? (command->closed_mask & 1u << number) != 0 : fcntl(number, F_GETFD) < 0)
                        return command_usage(command, "Descriptor %d is not open.", number);
                if (number >= 3)
                        fds[n++] = (LxssFd){ number, number };
        }
        launch->launch.fds = fds;
        launch->launch.n_fds = n;
        return 0;
}

/* Returns the exit code, 0 for success. */
static int make_launch(Command *command, const LaunchOptions *options, Launch *ret) {
        LaunchSurroundings surroundings = {
                .environment = environ,
                .open_mask = 7 & ~command->closed_mask,
        };
        LaunchDescriptors descriptors;
        int r;

        for (int fd = 0; fd < 3; fd++)
                if (isatty(fd))
                        surroundings.terminal_mask |= 1u << fd;
        r = launch_options_apply(options, &surroundings, &ret->launch, &descriptors, &ret->environment);
        if (r < 0)
                return command_fail(command, r, NULL);
        ret->terminal.mask = descriptors.terminal_mask;
        ret->launch.terminal = &ret->terminal;
        return add_descriptors(command, options, descriptors.pass_mask, ret);
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
        LxssExit end = program->exit;

        if (end.code == CLD_EXITED)
                return end.status & 0xff;
        if (end.code == 0) {
                say("The instance ended under the program: %s", how_instance_ended(end.status));
                return EXIT_SERVICE;
        }
        if (end.status <= 0 || end.status >= NSIG) {
                say("lxssd reports an end that makes no sense (code %d, status %d).", end.code, end.status);
                return EXIT_SERVICE;
        }
        signal_die(end.status);
}

/* An lxssd that was just leaving took the connection and not the request: the next one gets it. */
static int start_program(Command *command, Program *program, LxssClient **client, const LxssLaunch *launch,
                         LxssFailure *reterr) {
        int r = program_start(program, *client, launch, reterr);

        if (r != -ECONNRESET)
                return r;
        lxss_failure_clear(reterr);
        *client = lxss_disconnect(*client);
        r = command_connect(command, LXSS_FOR_INSTANCE, client, reterr);
        return r < 0 ? r : program_start(program, *client, launch, reterr);
}

static int run(Command *command, Program *program, const LxssLaunch *launch, LxssClient **client) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        int r;

        r = command_connect(command, LXSS_FOR_INSTANCE, client, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        program->signal_fd = signals_block();
        if (program->signal_fd < 0)
                return command_fail(command, program->signal_fd, NULL);
        r = start_program(command, program, client, launch, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = program_run(program);
        if (r >= 0)
                return end_as_program(program);
        if (!program->started)
                return command_fail(command, r, program->failure);
        say("lxssd ended, and the program with it");
        return EXIT_SERVICE;
}

static int launch(Command *command, const LaunchOptions *options, Launch *launch) {
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_program_ Program program = PROGRAM_NONE;
        int r;

        program.quiet = command->quiet;
        r = relay_prepare(&program.relay, &launch->terminal, options->terminal);
        if (r < 0)
                return command_fail(command, r, NULL);
        return run(command, &program, &launch->launch, &client);
}

static int run_launch(Command *command) {
        _cleanup_launch_options_ LaunchOptions options = {};
        _cleanup_(launch_finish) Launch wanted = {};
        int r;

        r = parse(command, &options);
        if (r < 0)
                return command->exit_code;
        r = make_launch(command, &options, &wanted);
        return r != 0 ? r : launch(command, &options, &wanted);
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
