/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the system calls or the instructions that a command costs, in itself and in
 * the daemons that serve it. Unlike a time, such a number is the same in the next run.
 *
 *   count syscalls|instructions UID:GID NOT-COUNTED PID,PID... COMMAND...
 *
 * COMMAND runs as UID and GID. What it starts is counted as well, and so are the
 * processes PID (none: "-"). A process that executes a program called NOT-COUNTED is
 * left alone from there. Counting ends when all have ended, or when COMMAND has and
 * nothing happened for a while.
 *
 * Prints a line for each program: its name (comm in proc(5)), a tabulator, the number.
 * All of it happens on one processor, on which a stop costs a tenth. Needs the right to ptrace(2) all of them and, where one of them is set-user-ID, root. */

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_SIZE 17 /* TASK_COMM_LEN, and the newline that /proc puts behind it */
#define PROCESSES_MAX 256
#define PROGRAMS_MAX 32
#define QUIET_NS 300000000L

typedef struct Program {
        char name[NAME_SIZE];
        uint64_t count;
} Program;

typedef struct Traced {
        pid_t pid;
        cpu_set_t processors; /* where it may run when we let it go */
        Program *program;
        bool inside; /* a system call, whose end comes next */
} Traced;

static Program programs[PROGRAMS_MAX];
static Traced processes[PROCESSES_MAX];
static size_t n_programs, n_processes;
static enum __ptrace_request resume = PTRACE_SYSCALL;
static const char *not_counted;

static void die(const char *what) {
        fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

/* The entry of the program that the process runs now. */
static Program *program_of(pid_t pid) {
        char path[64], name[NAME_SIZE] = "?";
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        file = fopen(path, "re");
        if (file) {
                if (fgets(name, sizeof(name), file))
                        name[strcspn(name, "\n")] = '\0';
                fclose(file);
        }
        for (size_t i = 0; i < n_programs; i++)
                if (strcmp(programs[i].name, name) == 0)
                        return &programs[i];
        if (n_programs == PROGRAMS_MAX)
                die("too many programs");
        memcpy(programs[n_programs].name, name, sizeof(name));
        return &programs[n_programs++];
}

static Traced *find(pid_t pid) {
        for (size_t i = 0; i < n_processes; i++)
                if (processes[i].pid == pid)
                        return &processes[i];
        if (n_processes == PROCESSES_MAX)
                die("too many processes");
        processes[n_processes] = (Traced){ .pid = pid, .program = program_of(pid) };
        return &processes[n_processes++];
}

static void forget(Traced *traced) {
        *traced = processes[--n_processes];
}

static void use_one_processor(pid_t pid) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(sched_getcpu(), &set);
        (void)sched_setaffinity(pid, sizeof(set), &set);
}

static void seize(pid_t pid) {
        const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

        if (ptrace(PTRACE_SEIZE, pid, NULL, options) < 0)
                die("PTRACE_SEIZE");
        (void)sched_getaffinity(pid, sizeof(cpu_set_t), &find(pid)->processors);
        use_one_processor(pid);
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                die("PTRACE_INTERRUPT");
}

static pid_t start(uid_t uid, gid_t gid, char **command) {
        int gate[2];
        sigset_t none;
        char byte = 0;
        pid_t pid;

        if (pipe(gate) < 0)
                die("pipe");
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                close(gate[1]);
                if (uid != getuid() && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
                        die("setresuid");
                (void)!read(gate[0], &byte, 1);
                close(gate[0]);
                sigemptyset(&none);
                (void)sigprocmask(SIG_SETMASK, &none, NULL);
                execvp(command[0], command);
                die(command[0]);
        }
        close(gate[0]);
        seize(pid);
        close(gate[1]);
        return pid;
}

/* What stopped goes on, with the signal that it was stopped for. */
static void on_stop(Traced *traced, int status) {
        int signal = WSTOPSIG(status), event = status >> 16;
        enum __ptrace_request request = resume;

        if (event == PTRACE_EVENT_EXEC) {
                traced->program = program_of(traced->pid);
                if (strcmp(traced->program->name, not_counted) == 0) {
                        (void)ptrace(PTRACE_DETACH, traced->pid, NULL, NULL);
                        forget(traced);
                        return;
                }
        }
        if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
                request = PTRACE_LISTEN;
        if (event != 0 || signal == SIGTRAP || signal == (SIGTRAP | 0x80)) {
                if (signal == (SIGTRAP | 0x80))
                        traced->inside = !traced->inside;
                traced->program->count += event == 0 && !traced->inside;
                signal = 0;
        }
        (void)ptrace(request, traced->pid, NULL, (long)signal);
}

/* Waits until one of them stops or ends, but once the command has ended not for ever. */
static pid_t next(bool command_ended, int *ret_status) {
        const struct timespec quiet = { .tv_nsec = QUIET_NS };
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        for (;;) {
                pid_t pid = waitpid(-1, ret_status, command_ended ? __WALL | WNOHANG : __WALL);

                if (pid != 0)
                        return pid;
                if (sigtimedwait(&set, NULL, &quiet) < 0 && errno == EAGAIN)
                        return 0;
        }
}

/* A step that was owed to it has left a SIGTRAP, of which it would die. */
static void leave(const Traced *traced) {
        struct __ptrace_peeksiginfo_args first = { .nr = 1 };
        siginfo_t pending;
        int status;

        if (ptrace(PTRACE_INTERRUPT, traced->pid, NULL, NULL) < 0 || waitpid(traced->pid, &status, __WALL) != traced->pid)
                return;
        if (WIFSTOPPED(status) && ptrace(PTRACE_PEEKSIGINFO, traced->pid, &first, &pending) == 1 && pending.si_signo == SIGTRAP) {
                (void)ptrace(PTRACE_CONT, traced->pid, NULL, NULL);
                (void)waitpid(traced->pid, &status, __WALL);
        }
        if (CPU_COUNT(&traced->processors) > 0)
                (void)sched_setaffinity(traced->pid, sizeof(cpu_set_t), &traced->processors);
        (void)ptrace(PTRACE_DETACH, traced->pid, NULL, NULL);
}

int main(int argc, char **argv) {
        bool ended = false;
        int status, exit_status = EXIT_FAILURE;
        pid_t command, pid;
        sigset_t set;

        if (argc < 6 || (strcmp(argv[1], "syscalls") != 0 && strcmp(argv[1], "instructions") != 0)) {
                fputs("usage: count syscalls|instructions UID:GID NOT-COUNTED PID,PID... COMMAND...\n", stderr);
                return 2;
        }
        resume = strcmp(argv[1], "syscalls") == 0 ? PTRACE_SYSCALL : PTRACE_SINGLESTEP;
        not_counted = argv[3];
        use_one_processor(0);
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        command = start(strtoul(argv[2], NULL, 10), strtoul(argv[2] + strcspn(argv[2], ":") + 1, NULL, 10), argv + 5);
        for (char *rest = argv[4], *word; (word = strsep(&rest, ","));)
                if (atoi(word) > 0)
                        seize(atoi(word));
        while (n_processes > 0 && (pid = next(ended, &status)) > 0) {
                Traced *traced = find(pid);

                if (WIFSTOPPED(status)) {
                        on_stop(traced, status);
                        continue;
                }
                forget(traced);
                if (pid == command) {
                        ended = true;
                        exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
                }
        }
        while (n_processes > 0) {
                leave(&processes[n_processes - 1]);
                forget(&processes[n_processes - 1]);
        }
        for (size_t i = 0; i < n_programs; i++)
                if (programs[i].count > 0)
                        printf("%s\t%" PRIu64 "\n", programs[i].name, programs[i].count);
        return exit_status;
}
