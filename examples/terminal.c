/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a program in a terminal of its own, 24 by 80, and copies what it draws there to the standard output:
 *
 *   cc terminal.c -o terminal $(pkg-config --cflags --libs lxss)
 *   ./terminal ls --color=auto / */

#include <errno.h>
#include <lxss.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int take_master(LxssProcess *process, int *ret) {
        struct pollfd p = { .fd = lxss_process_terminal(process), .events = POLLIN };

        return poll(&p, 1, -1) < 0 ? -errno : lxss_terminal_receive(p.fd, ret);
}

/* Until nobody has the other side open any more, which reads as EIO (pty(7)). */
static void copy(int master) {
        struct pollfd p = { .fd = master, .events = POLLIN };
        char buffer[4096];
        ssize_t n;

        while (poll(&p, 1, -1) > 0 && (n = read(master, buffer, sizeof(buffer))) > 0)
                fwrite(buffer, 1, n, stdout);
        close(master);
}

int main(int argc, char **argv) {
        const LxssTerminal terminal = { .mask = 7, .rows = 24, .columns = 80 };
        const LxssLaunch launch = { .argv = argv + 1, .terminal = &terminal };
        LxssFailure failure = LXSS_FAILURE_NONE;
        LxssProcess *process = NULL;
        LxssClient *client = NULL;
        LxssExit end = { 0 };
        int master, r;

        if (argc < 2)
                return 2;
        r = lxss_connect(LXSS_FOR_INSTANCE, &client, &failure);
        if (r == 0)
                r = lxss_launch(client, &launch, &process, &failure);
        if (r == 0)
                r = take_master(process, &master);
        if (r == 0) {
                copy(master);
                r = lxss_process_wait(process, -1, &end);
        }
        if (r < 0)
                fprintf(stderr, "terminal: %s\n", failure.message ? failure.message : strerror(-r));
        lxss_failure_clear(&failure);
        lxss_process_free(process);
        lxss_disconnect(client);
        if (r < 0)
                return 125;
        return end.code == CLD_EXITED ? end.status : 128 + end.status;
}
