/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between fork and exec of a launched program. Without a terminal the child is
 * the leader of a session of its own and becomes the program. With one, a
 * session leader stays between /init and the program, as a shell would: the
 * program's process group is then no orphan (setpgid(2), POSIX's "orphaned
 * process group"), so that Ctrl-Z stops it.
 *
 * Credentials are dropped before the working directory is entered and the
 * program looked up, so that both happen with the user's rights. */

#include "init/job-child.h"

#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "init/environment.h"
#include "init/job.h"
#include "init/limits.h"
#include "shared/fd-socket.h"
#include "shared/init-protocol.h"
#include "shared/syscalls.h"

/* The descriptor is for a better sentence only. */
static void report_send(int report, JobReport r, int fd) {
        struct iovec part = { .iov_base = &r, .iov_len = sizeof(r) };

        if (fd_socket_send(report, &part, 1, &fd, fd >= 0) == -ETOOMANYREFS)
                (void)fd_socket_send(report, &part, 1, NULL, 0);
}

_Noreturn static void fail(int report, InitStep step, int error, int fd) {
        report_send(report, (JobReport){ JOB_REPORT_FAILED, step, error }, fd);
        _exit(127);
}

/* Moves a descriptor out of the way of every number that the program asked for. */
static int move_above(int fd, int floor) {
        return fcntl(fd, F_DUPFD_CLOEXEC, floor);
}

static int descriptor_floor(const LaunchRequest *request) {
        int highest = 2;

        if (request->n_fds > 0 && request->fds[request->n_fds - 1].number > highest)
                highest = request->fds[request->n_fds - 1].number;
        return highest + 1;
}

/* 0, 1 and 2 are the terminal, what was passed, closed, or /dev/null. */
static int place_standard(const LaunchRequest *request, int slave) {
        _cleanup_close_ int null = -EBADF;

        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
                return -errno;
        for (int i = 0; i < 3; i++) {
                int from = request->terminal_mask & 1u << i ? slave : null;

                if (request->closed_mask & 1u << i)
                        (void)close(i);
                else if (dup2(from, i) < 0)
                        return -errno;
        }
        return 0;
}

/* All the sources first go above all the targets, so that no dup2() overwrites
 * one that is still to be placed. What else /init has open is close-on-exec. */
static int place_descriptors(const LaunchRequest *request, int slave, int *report) {
        int floor = descriptor_floor(request), sources[INIT_FDS_MAX], r;

        *report = move_above(*report, floor);
        slave = slave >= 0 ? move_above(slave, floor) : slave;
        if (*report < 0 || (request->terminal_mask && slave < 0))
                return -errno;
        for (size_t i = 0; i < request->n_fds; i++) {
                sources[i] = move_above(request->fds[i].fd, floor);
                if (sources[i] < 0)
                        return -errno;
        }
        r = place_standard(request, slave);
        if (r < 0)
                return r;
        if (sys_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        for (size_t i = 0; i < request->n_fds; i++)
                if (dup2(sources[i], request->fds[i].number) < 0)
                        return -errno;
        return 0;
}

/* The umask is ours already: /init's. */
static int become_user(const Account *account) {
        /* Where ids could not be mapped the kernel forbids setgroups(2), and there are no groups to set. */
        if (setgroups(account->n_groups, account->groups) < 0 && errno != EPERM)
                return -errno;
        if (setresgid(account->gid, account->gid, account->gid) < 0)
                return -errno;
        if (setresuid(account->uid, account->uid, account->uid) < 0)
                return -errno;
        return 0;
}

static int enter_directory(const JobPlan *plan) {
        if (chdir(plan->directory) == 0)
                return 0;
        if (plan->fall_back_home && chdir(plan->account->home) == 0)
                return 0;
        if (plan->fall_back_home && chdir("/") == 0)
                return 0;
        return -errno;
}

/* execvp(3) with the program's own PATH, remembering the file that was found
 * but could not be executed rather than a later absence. */
static int find_and_exec(const JobPlan *plan, char **ret_path) {
        const char *path = environment_get(plan->env, "PATH") ?: "/usr/bin:/bin";
        int error = -ENOENT;

        if (strchr(plan->program, '/')) {
                execve(plan->program, plan->argv, plan->env);
                error = -errno;
                *ret_path = strdup(plan->program);
                return error;
        }
        while (*path) {
                size_t n = strcspn(path, ":");
                _cleanup_free_ char *candidate = malloc(n + strlen(plan->program) + 3);
                struct stat st;

                if (!candidate)
                        return -ENOMEM;
                memcpy(candidate, path, n);
                candidate[n] = '\0';
                strcat(strcat(candidate, n > 0 ? "/" : "./"), plan->program);
                execve(candidate, plan->argv, plan->env);
                if (errno == E2BIG)
                        return -E2BIG;
                if (error == -ENOENT && stat(candidate, &st) == 0 && !S_ISDIR(st.st_mode)) {
                        execve(candidate, plan->argv, plan->env);
                        error = -errno;
                        *ret_path = steal_pointer(&candidate);
                }
                path += n + (path[n] == ':');
        }
        return error;
}

int job_child_become(const JobPlan *plan, InitStep *ret_step, char **ret_path) {
        sigset_t none;
        int r;

        *ret_step = INIT_STEP_CREDENTIALS;
        r = become_user(plan->account);
        if (r < 0)
                return r;
        *ret_step = INIT_STEP_DIRECTORY;
        r = enter_directory(plan);
        if (r < 0)
                return r;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        limits_confine();
        *ret_step = INIT_STEP_EXEC;
        return find_and_exec(plan, ret_path);
}

_Noreturn static void exec_program(const JobPlan *plan, int report) {
        _cleanup_free_ char *path = NULL;
        InitStep step;
        int r = job_child_become(plan, &step, &path);

        fail(report, step, -r, path ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1);
}

/* Sets the group from both sides, since either may run first. In the background it
 * is the session leader's group that has the terminal, as it had from the start. */
static void take_group(const JobPlan *plan, pid_t group) {
        (void)setpgid(group, group);
        if (!plan->request->background)
                (void)tcsetpgrp(STDIN_FILENO, group ?: getpid());
}

/* Waits until exec of the program succeeded (end of file) or failed, and passes it on. */
static void forward_start(int started, int report, pid_t program) {
        JobReport r = { JOB_REPORT_STARTED, program, 0 };
        int fd = -1;
        size_t n_fds = 0;

        if (fd_socket_receive(started, &r, sizeof(r), &fd, 1, &n_fds) > 0) {
                report_send(report, r, n_fds > 0 ? fd : -1);
                (void)waitpid(program, NULL, 0);
                _exit(127);
        }
        report_send(report, r, -1);
}

/* The terminal hung up: the kernel tells only the session's leader. It tells
 * the foreground group too once the leader is gone. */
static void forward_hangup(pid_t program) {
        (void)kill(-program, SIGHUP);
        (void)kill(-program, SIGCONT);
}

/* As a shell's fg and bg do. We are its session's leader and block SIGTTOU, so we may from anywhere. */
static void move_to_ground(pid_t program, bool foreground) {
        _cleanup_close_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (terminal >= 0)
                (void)tcsetpgrp(terminal, foreground ? program : getpgrp());
        (void)kill(-program, SIGCONT);
}

_Noreturn static void lead_session(pid_t program, int report, const sigset_t *signals) {
        bool hung_up = false;

        for (;;) {
                siginfo_t info = { 0 };
                int signo = sigwaitinfo(signals, &info);

                if (signo == JOB_SIGNAL_FOREGROUND || signo == JOB_SIGNAL_BACKGROUND)
                        move_to_ground(program, signo == JOB_SIGNAL_FOREGROUND);
                if (signo == SIGHUP && !hung_up) {
                        hung_up = true;
                        forward_hangup(program);
                }
                for (;;) {
                        info.si_pid = 0;
                        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) < 0 || info.si_pid == 0)
                                break;
                        if (info.si_pid != program)
                                continue;
                        if (info.si_code == CLD_STOPPED) {
                                report_send(report, (JobReport){ JOB_REPORT_STOPPED, info.si_status, 0 }, -1);
                                continue;
                        }
                        report_send(report, (JobReport){ JOB_REPORT_ENDED, info.si_code, info.si_status }, -1);
                        _exit(0);
                }
        }
}

/* The leader keeps the controlling terminal without a descriptor of it, lest
 * the master never see the last close. */
_Noreturn static void run_with_leader(const JobPlan *plan, int report) {
        sigset_t signals;
        int pair[2];
        pid_t program;

        if (ioctl(plan->slave, TIOCSCTTY, 0) < 0)
                fail(report, INIT_STEP_TERMINAL, errno, -1);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                fail(report, INIT_STEP_FORK, errno, -1);
        sigfillset(&signals);
        sigprocmask(SIG_SETMASK, &signals, NULL);
        program = fork();
        if (program < 0)
                fail(report, INIT_STEP_FORK, errno, -1);
        if (program == 0) {
                int r, own = pair[1];

                if (dup2(plan->slave, STDIN_FILENO) >= 0)
                        take_group(plan, 0);
                r = place_descriptors(plan->request, plan->slave, &own);
                if (r < 0)
                        fail(own, INIT_STEP_DESCRIPTORS, -r, -1);
                exec_program(plan, own);
        }
        (void)dup2(plan->slave, STDIN_FILENO);
        take_group(plan, program);
        (void)close(pair[1]);
        forward_start(pair[0], report, program);
        report = report > 3 ? dup2(report, 3) : report;
        (void)sys_close_range(4, ~0u, 0);
        (void)close(STDIN_FILENO);
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigaddset(&signals, SIGHUP);
        sigaddset(&signals, JOB_SIGNAL_FOREGROUND);
        sigaddset(&signals, JOB_SIGNAL_BACKGROUND);
        lead_session(program, report, &signals);
}

_Noreturn void job_child_run(const JobPlan *plan, int report) {
        int r;

        if (setsid() < 0)
                fail(report, INIT_STEP_FORK, errno, -1);
        if (plan->slave >= 0)
                run_with_leader(plan, report);
        r = place_descriptors(plan->request, -EBADF, &report);
        if (r < 0)
                fail(report, INIT_STEP_DESCRIPTORS, -r, -1);
        exec_program(plan, report);
}
