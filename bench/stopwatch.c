/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Times commands against each other: in every round each runs once, in an order
 * that is another one in the next round, so that whatever else the machine does
 * falls on all of them alike. A process is timed from before posix_spawn(3) to
 * after waitid(2); between two runs nothing happens but the command that prepares
 * the next one, which is not timed.
 *
 *   stopwatch ROUNDS NAME PREPARE COMMAND [NAME PREPARE COMMAND]...
 *
 * PREPARE and COMMAND are words separated by blanks (no quoting); an empty PREPARE
 * is none. Prints a line for each run: NAME, a tabulator, nanoseconds. A command
 * that fails ends it all. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 128

typedef struct Contestant {
        const char *name;
        char *prepare[WORDS_MAX], *command[WORDS_MAX];
} Contestant;

static void split(char *text, char **words) {
        size_t n = 0;

        for (char *rest = text, *word; n < WORDS_MAX - 1 && (word = strsep(&rest, " "));)
                if (*word)
                        words[n++] = word;
        words[n] = NULL;
}

static uint64_t now_ns(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static void run(const char *name, char **words) {
        siginfo_t info = { 0 };
        pid_t pid;
        int r;

        r = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);
        if (r != 0) {
                fprintf(stderr, "stopwatch: %s: %s: %s\n", name, words[0], strerror(r));
                exit(EXIT_FAILURE);
        }
        while (waitid(P_PID, pid, &info, WEXITED) < 0 && errno == EINTR)
                ;
        if (info.si_code != CLD_EXITED || info.si_status != 0) {
                fprintf(stderr, "stopwatch: %s: %s ended with %d\n", name, words[0], info.si_status);
                exit(EXIT_FAILURE);
        }
}

static void run_one(Contestant *c) {
        uint64_t start, end;

        if (c->prepare[0])
                run(c->name, c->prepare);
        start = now_ns();
        run(c->name, c->command);
        end = now_ns();
        dprintf(STDERR_FILENO + 1, "%s\t%" PRIu64 "\n", c->name, end - start);
}

/* The commands' own output goes nowhere; ours stays on a descriptor of its own. */
static void set_up_output(void) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(STDOUT_FILENO, STDERR_FILENO + 1) < 0 || dup2(null, STDIN_FILENO) < 0 ||
            dup2(null, STDOUT_FILENO) < 0 || fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC) < 0) {
                perror("stopwatch");
                exit(EXIT_FAILURE);
        }
}

int main(int argc, char **argv) {
        size_t n = argc > 4 ? (argc - 2) / 3 : 0;
        Contestant *contestants = calloc(n + 1, sizeof(*contestants));
        int rounds = argc > 1 ? atoi(argv[1]) : 0;

        if (rounds <= 0 || n == 0 || (argc - 2) % 3 != 0 || !contestants) {
                fputs("usage: stopwatch ROUNDS NAME PREPARE COMMAND [NAME PREPARE COMMAND]...\n", stderr);
                return 2;
        }
        for (size_t i = 0; i < n; i++) {
                contestants[i].name = argv[2 + 3 * i];
                split(argv[3 + 3 * i], contestants[i].prepare);
                split(argv[4 + 3 * i], contestants[i].command);
        }
        set_up_output();
        for (int round = 0; round < rounds; round++)
                for (size_t i = 0; i < n; i++)
                        run_one(&contestants[(i + round) % n]);
        free(contestants);
        return EXIT_SUCCESS;
}
