/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Times commands against each other: in every round each runs once, in an order
 * that is another one in the next round, so that whatever else the machine does
 * falls on all of them alike. A process is timed from before its making to after
 * its reaping; between two of them nothing happens but what prepares the next one,
 * which is not timed.
 *
 * Reads, on its standard input, what each contestant is, in lines of words
 * separated by tabulators:
 *
 *   contestant NAME
 *   user UID GID             who it runs as; default: whoever runs this
 *   directory PATH
 *   env NAME=VALUE           its whole environment, one by one; default: ours
 *   prepare WORD...          run before each of its runs
 *   absent PATH              waited for before each of its runs
 *   command WORD...
 *
 * Prints a line for each run: NAME, a tabulator, nanoseconds. A command that fails
 * ends it all.
 *
 *   stopwatch ROUNDS [WARM-UP ROUNDS] <CONTESTANTS */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64
#define CONTESTANTS_MAX 32

typedef struct Contestant {
        char *name, *directory, *absent;
        uid_t uid;
        gid_t gid;
        char *environment[WORDS_MAX], *prepare[WORDS_MAX], *command[WORDS_MAX];
        size_t n_environment;
} Contestant;

static Contestant contestants[CONTESTANTS_MAX];
static size_t n_contestants;
static int output;

static void die(const char *what, const char *why) {
        fprintf(stderr, "stopwatch: %s: %s\n", what, why);
        exit(EXIT_FAILURE);
}

static uint64_t now_ns(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

static void take_words(char *rest, char **words) {
        size_t n = 0;

        for (char *word; n < WORDS_MAX - 1 && (word = strsep(&rest, "\t"));)
                words[n++] = word;
        words[n] = NULL;
}

static void take_line(char *line) {
        char *rest = line, *what = strsep(&rest, "\t");
        Contestant *c = n_contestants > 0 ? &contestants[n_contestants - 1] : NULL;

        if (!rest)
                return;
        if (strcmp(what, "contestant") == 0 && n_contestants < CONTESTANTS_MAX)
                contestants[n_contestants++] = (Contestant){ .name = rest, .uid = getuid(), .gid = getgid() };
        else if (c && strcmp(what, "user") == 0) {
                c->uid = strtoul(strsep(&rest, "\t"), NULL, 10);
                c->gid = rest ? strtoul(rest, NULL, 10) : c->uid;
        } else if (c && strcmp(what, "directory") == 0)
                c->directory = rest;
        else if (c && strcmp(what, "absent") == 0)
                c->absent = rest;
        else if (c && strcmp(what, "env") == 0 && c->n_environment < WORDS_MAX - 1)
                c->environment[c->n_environment++] = rest;
        else if (c && strcmp(what, "prepare") == 0)
                take_words(rest, c->prepare);
        else if (c && strcmp(what, "command") == 0)
                take_words(rest, c->command);
        else
                die(what, "what is that?");
}

static void read_contestants(void) {
        for (;;) {
                char *line = NULL;
                size_t size = 0;
                ssize_t n = getline(&line, &size, stdin);

                if (n <= 0)
                        return;
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                take_line(line);
        }
}

/* Between vfork and exec: the system calls themselves, since glibc's functions tell other threads. */
static void become(Contestant *c, char **words) {
        if (c->uid != getuid() && (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, c->gid, c->gid, c->gid) < 0 ||
                                   syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0))
                _exit(125);
        if (c->directory && chdir(c->directory) < 0)
                _exit(125);
        execvpe(words[0], words, c->n_environment > 0 ? c->environment : environ);
        _exit(127);
}

static void run(Contestant *c, char **words) {
        siginfo_t info = { 0 };
        pid_t pid = vfork();

        if (pid == 0)
                become(c, words);
        while (waitid(P_PID, pid, &info, WEXITED) < 0 && errno == EINTR)
                ;
        if (info.si_code != CLD_EXITED || info.si_status != 0) {
                fprintf(stderr, "stopwatch: %s: %s ended with %d\n", c->name, words[0], info.si_status);
                exit(EXIT_FAILURE);
        }
}

static void run_one(Contestant *c, int counts) {
        uint64_t start, end;

        if (c->prepare[0])
                run(c, c->prepare);
        while (c->absent && access(c->absent, F_OK) == 0)
                (void)usleep(500);
        start = now_ns();
        run(c, c->command);
        end = now_ns();
        if (counts)
                dprintf(output, "%s\t%" PRIu64 "\n", c->name, end - start);
}

/* What the commands say goes nowhere; ours stays on a descriptor of its own. */
static void set_up_output(void) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
        if (null < 0 || output < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
                die("/dev/null", strerror(errno));
}

int main(int argc, char **argv) {
        int rounds = argc > 1 ? atoi(argv[1]) : 0, warm_up = argc > 2 ? atoi(argv[2]) : 1;

        read_contestants();
        if (rounds <= 0 || n_contestants == 0)
                die("usage", "stopwatch ROUNDS [WARM-UP ROUNDS] <CONTESTANTS");
        for (size_t i = 0; i < n_contestants; i++)
                if (!contestants[i].command[0])
                        die(contestants[i].name, "it has no command");
        set_up_output();
        for (int round = -warm_up; round < rounds; round++)
                for (size_t i = 0; i < n_contestants; i++)
                        run_one(&contestants[(i + round + warm_up) % n_contestants], round >= 0);
        return EXIT_SUCCESS;
}
