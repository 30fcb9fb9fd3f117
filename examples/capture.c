/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Launches a program in a distribution, captures what it prints, and ends as it did:
 *
 *   cc capture.c -o capture $(pkg-config --cflags --libs lxss)
 *   ./capture cat /etc/os-release */

#include <errno.h>
#include <lxss.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(int r, LxssFailure *failure) {
        fprintf(stderr, "capture: %s\n", failure->message ? failure->message : strerror(-r));
        lxss_failure_clear(failure);
        return 125;
}

static int launch(LxssClient *client, char **argv, int output, LxssProcess **ret, LxssFailure *failure) {
        const LxssFd fds[] = { { 0, STDIN_FILENO }, { 1, output }, { 2, STDERR_FILENO } };
        const LxssLaunch launch = { .argv = argv, .fds = fds, .n_fds = 3 };

        return lxss_launch(client, &launch, ret, failure);
}

static size_t copy(int fd) {
        char buffer[4096];
        size_t sum = 0;
        ssize_t n;

        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                sum += fwrite(buffer, 1, n, stdout);
        return sum;
}

int main(int argc, char **argv) {
        LxssFailure failure = LXSS_FAILURE_NONE;
        LxssProcess *process;
        LxssClient *client;
        LxssExit end;
        int pair[2], r;

        if (argc < 2 || pipe(pair) < 0) {
                fputs("capture PROGRAM [ARGUMENT...]\n", stderr);
                return 2;
        }
        r = lxss_connect(0, &client, &failure);
        if (r == 0)
                r = launch(client, argv + 1, pair[1], &process, &failure);
        if (r < 0)
                return fail(r, &failure);
        close(pair[1]);
        fprintf(stderr, "capture: %zu bytes\n", copy(pair[0]));
        r = lxss_process_wait(process, -1, &end);
        lxss_process_free(process);
        lxss_disconnect(client);
        if (r < 0)
                return fail(r, &failure);
        return end.code == CLD_EXITED ? end.status : 128 + end.status;
}
