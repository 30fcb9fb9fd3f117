/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl move`: opens the directory itself, so that lxssd never resolves a path on
 * our behalf, and stands by until the files are there. */

#include <sys/statvfs.h>

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/objects.h"
#include "client/text.h"

enum {
        MOVE_BACK = OPTION_OWN,
        MOVE_TERMINATE,
};

static const Option option_table[] = {
        { MOVE_BACK, 0, "back", NULL, false, "to the usual place" },
        { MOVE_TERMINATE, 0, "terminate", NULL, false, "end its programs first, if it runs" },
        { 0 },
};

typedef struct Move {
        const char *words[2]; /* name, directory */
        bool back, terminate;
} Move;

static int parse(Command *command, Move *move) {
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, 2, move->words);
                if (id < 0)
                        return id;
                move->back |= id == MOVE_BACK;
                move->terminate |= id == MOVE_TERMINATE;
        }
        if (move->words[0] && !move->words[1] == move->back)
                return 0;
        if (move->words[1])
                command->exit_code =
                                command_usage(command, "\"%s\" is one word too many beside --back.", move->words[1]);
        else
                command->exit_code =
                                command_usage(command, "Name the distribution and the directory that it is to go to: "
                                                       "lxctl move NAME DIRECTORY");
        return -EINVAL;
}

/* Returns the descriptor, or negative errno having said why. */
static int open_target(const Command *command, const Move *move) {
        _cleanup_close_ int fd = open(move->words[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statvfs fs;

        if (fd < 0) {
                int r = -errno;

                say("Cannot open the directory %s: %s", move->words[1], strerror(-r));
                return r;
        }
        if (!command->quiet && fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID))
                say("warning: %s is mounted with \"nosuid\": sudo and the like will not work in %s.", move->words[1],
                    move->words[0]);
        return steal_fd(&fd);
}

static void print_success(const Command *command, LxssClient *client, const Move *move) {
        _cleanup_result_ LxssObjects *objects = NULL;
        const LxssDistribution *d = NULL;
        Json json = JSON_ON(stdout);

        if (lxss_get_objects(client, &objects, NULL) >= 0)
                d = objects_find_distribution(objects, move->words[0]);
        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "name", move->words[0]);
                json_string(&json, "root", d ? d->root : NULL);
                json_close(&json, '}');
        } else if (!command->quiet && d) {
                text_print(stdout, d->name);
                fputs(" is now in ", stdout);
                text_print(stdout, d->root);
                fputc('\n', stdout);
        }
}

/* fd is closed as soon as lxssd has it. */
static int move_to(Command *command, const Move *move, int *fd) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_operation_ LxssOperation *operation = NULL;
        int r;

        r = command_connect(command, LXSS_FOR_INSTANCE, &client, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = lxss_move(client, move->words[0], *fd, move->terminate ? LXSS_TERMINATE : 0, &operation, &failure);
        closep(fd);
        if (r < 0)
                return command_fail(command, r, &failure);
        r = operation_wait(command, client, operation, signal_fd);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, client, move);
        return r;
}

static int run_move(Command *command) {
        _cleanup_close_ int fd = -EBADF;
        Move move = {};

        if (parse(command, &move) < 0)
                return command->exit_code;
        if (!move.back && (fd = open_target(command, &move)) < 0)
                return EXIT_SERVICE;
        return move_to(command, &move, &fd);
}

const Verb verb_move = {
        .name = "move",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[--terminate] NAME DIRECTORY | --back NAME",
        .summary = "Move a distribution's files to another directory or disk",
        .details = "They go into a new directory, lxss-NAME, below DIRECTORY: by a rename where that is the\n"
                   "same file system, else as a copy, after which the former files are removed. The\n"
                   "distribution must not run.",
        .options = option_table,
        .run = run_move,
};
