/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast bytes pass a terminal, in both directions: makes a pty, runs a command
 * on it as a terminal emulator does, and moves bytes as fast as it can.
 *
 *   terminal output COMMAND...   what the command writes, until it ends
 *   terminal input BYTES COMMAND...   so many bytes to the command, once it has said
 *                                     "ready"; it says "done" when it has them
 *
 * Prints bytes, a tabulator, nanoseconds. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what) {
        fprintf(stderr, "terminal: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

static int start(char **command, pid_t *ret_pid) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        struct winsize size = { .ws_row = 24, .ws_col = 80 };

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
                die("pty");
        *ret_pid = fork();
        if (*ret_pid == 0) {
                int slave;

                (void)setsid();
                slave = open(ptsname(master), O_RDWR);
                if (slave < 0 || dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0)
                        _exit(125);
                execvp(command[0], command);
                _exit(127);
        }
        return master;
}

static void finish(pid_t pid) {
        int status;

        (void)waitpid(pid, &status, 0);
        if (status != 0) {
                fprintf(stderr, "terminal: the command ended with status %x\n", (unsigned)status);
                exit(EXIT_FAILURE);
        }
}

/* From the first byte to the last. */
static void measure_output(char **command) {
        static char buffer[65536];
        uint64_t begin = 0, end = 0, bytes = 0;
        pid_t pid;
        int master = start(command, &pid);
        ssize_t n;

        while ((n = read(master, buffer, sizeof(buffer))) > 0) {
                if (begin == 0)
                        begin = now_ns();
                bytes += n;
                end = now_ns();
        }
        finish(pid);
        printf("%" PRIu64 "\t%" PRIu64 "\n", bytes, end - begin);
}

/* Reads until the word stands in what came. */
static void wait_for(int master, const char *word) {
        char text[65536] = "";
        size_t n = 0;

        while (!strstr(text, word)) {
                ssize_t r = read(master, text + n, sizeof(text) - 1 - n);

                if (r <= 0)
                        die(word);
                n += r;
                text[n] = '\0';
        }
}

static void measure_input(uint64_t bytes, char **command) {
        static char buffer[4096];
        uint64_t begin, left = bytes;
        pid_t pid;
        int master = start(command, &pid);

        memset(buffer, 'x', sizeof(buffer));
        wait_for(master, "ready");
        begin = now_ns();
        while (left > 0) {
                ssize_t n = write(master, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

                if (n < 0)
                        die("write");
                left -= n;
        }
        wait_for(master, "done");
        printf("%" PRIu64 "\t%" PRIu64 "\n", bytes, now_ns() - begin);
        while (read(master, buffer, sizeof(buffer)) > 0)
                ;
        finish(pid);
}

int main(int argc, char **argv) {
        if (argc > 2 && strcmp(argv[1], "output") == 0)
                measure_output(argv + 2);
        else if (argc > 3 && strcmp(argv[1], "input") == 0)
                measure_input(strtoull(argv[2], NULL, 10), argv + 3);
        else {
                fputs("usage: terminal output COMMAND... | input BYTES COMMAND...\n", stderr);
                return 2;
        }
        return EXIT_SUCCESS;
}
