/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl hold`: an instance without a program of ours in it, up for as long as
 * we run. */

#include <poll.h>

#include "client/command.h"
#include "client/json.h"
#include "client/signals.h"
#include "client/text.h"

/* Until a signal (0), or the instance or lxssd is gone (-EOWNERDEAD, -ECONNRESET). What lxssd may say in the
 * meantime is nothing to us. */
static int wait_for_end(LxssClient *client, int hold, int signal_fd) {
        for (;;) {
                struct pollfd polls[] = {
                        { .fd = signal_fd, .events = POLLIN },
                        { .fd = hold },
                        { .fd = lxss_fd(client), .events = POLLIN },
                };

                if (lxss_dispatch(client) < 0)
                        return -ECONNRESET;
                if (poll(polls, ELEMENTSOF(polls), -1) < 0 && errno != EINTR)
                        return -errno;
                if (polls[0].revents && signals_read(signal_fd) > 0)
                        return 0;
                if (polls[1].revents & (POLLHUP | POLLERR))
                        return -EOWNERDEAD;
        }
}

static void announce(const Command *command, const char *name) {
        Json json = JSON_ON(stdout);

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "held", name); /* null: the default one */
                json_close(&json, '}');
                fflush(stdout);
        } else if (!command->quiet)
                say_plain("%s is up until you press Ctrl-C.", name ? name : "The default distribution");
}

static int run_hold(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int hold = -EBADF, signal_fd = -EBADF;
        _cleanup_client_ LxssClient *client = NULL;
        const char *name;
        int r;

        if (command_words(command, 0, 1, &name) < 0)
                return command->exit_code;
        r = command_connect(command, LXSS_FOR_INSTANCE, &client, &failure);
        if (r >= 0)
                r = lxss_hold(client, name, &hold, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        announce(command, name);
        r = wait_for_end(client, hold, signal_fd);
        if (r == 0)
                return EXIT_SUCCESS;
        say(r == -EOWNERDEAD ? "The instance was ended by somebody else." : "lxssd ended, and the instance with it.");
        return EXIT_SERVICE;
}

const Verb verb_hold = {
        .name = "hold",
        .alias = "start",
        .group = VERB_GROUP_PROGRAMS,
        .synopsis = "[NAME]",
        .summary = "Start an instance and keep it up until you press Ctrl-C",
        .run = run_hold,
};
