/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs as /init sees them: preparing everything that can fail before the fork
 * (user, environment, terminal), forking, and signalling afterwards. What the
 * child then does stands in job-child.c. */

#include "init/job.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "init/account.h"
#include "init/environment.h"
#include "init/job-child.h"
#include "shared/fd-socket.h"

/* How long a program may take to end by itself once its client is gone. */
#define HANGUP_GRACE_MS 5000
/* The group that owns terminals on every distribution known; devpts is mounted with it too. */
#define TTY_GID 5

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        closep(&job->report);
        closep(&job->master);
        closep(&job->terminal_socket);
        free(job);
        return NULL;
}

int job_signal(const Job *job, int signal, bool group) {
        if (job->program <= 0)
                return -ESRCH;
        return kill(group ? -job->program : job->program, signal) < 0 ? -errno : 0;
}

/* A session leader passes the first hang-up on, be it ours or its terminal's: the program gets one. */
void job_hangup(Job *job, uint64_t now) {
        if (job->terminal)
                (void)kill(job->child, SIGHUP);
        else {
                (void)job_signal(job, SIGHUP, true);
                (void)job_signal(job, SIGCONT, true);
        }
        if (job->kill_at == 0)
                job->kill_at = now + HANGUP_GRACE_MS;
}

void job_set_foreground(const Job *job, bool foreground) {
        if (job->terminal)
                (void)kill(job->child, foreground ? JOB_SIGNAL_FOREGROUND : JOB_SIGNAL_BACKGROUND);
}

/* Opens a new pty of the instance's devpts, the slave owned by the user as
 * login(1) would leave it. */
static int open_terminal(const LaunchRequest *request, const Account *account, int *ret_master, int *ret_slave) {
        struct winsize size = { .ws_row = request->rows, .ws_col = request->columns,
                                .ws_xpixel = request->x_pixels, .ws_ypixel = request->y_pixels };
        _cleanup_close_ int master = -EBADF, slave = -EBADF;
        int unlock = 0;

        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0)
                return -errno;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return -errno;
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        if (size.ws_row > 0 && size.ws_col > 0 && ioctl(master, TIOCSWINSZ, &size) < 0)
                return -errno;
        /* In single-id mode there is one user, who owns it already, and no group of terminals. */
        if (fchown(slave, account->uid, TTY_GID) < 0)
                (void)!fchown(slave, account->uid, -1);
        if (fchmod(slave, 0620) < 0)
                return -errno;
        *ret_master = steal_fd(&master);
        *ret_slave = steal_fd(&slave);
        return 0;
}

void job_hand_over_terminal(Job *job) {
        char byte = 0;
        struct iovec part = { .iov_base = &byte, .iov_len = 1 };

        if (job->master >= 0)
                (void)fd_socket_send(job->terminal_socket, &part, 1, &job->master, 1);
        closep(&job->master);
        closep(&job->terminal_socket);
}

/* Where the program starts: -C, else the caller's directory, else the user's home. */
static int choose_directory(const LaunchRequest *request, const Account *account, char **ret) {
        const char *d = request->directory;
        int r;

        if (!d || !*d)
                r = asprintf(ret, "%s", request->cwd ?: account->home);
        else if (d[0] == '/')
                r = asprintf(ret, "%s", d);
        else if (streq(d, "~") || strncmp(d, "~/", 2) == 0)
                r = asprintf(ret, "%s%s", account->home, d + 1);
        else
                r = asprintf(ret, "%s/%s", request->cwd ?: account->home, d);
        return r < 0 ? -ENOMEM : 0;
}

/* "-bash" tells the shell that it is a login shell; -c gets the words as one.
 * The request's own array, which may be long, is taken rather than copied. */
static int choose_arguments(LaunchRequest *request, const Account *account, char **ret_program, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *words = NULL, *program = NULL;
        const char *base = strrchr(account->shell, '/') + 1;
        bool login = strv_length(request->argv) == 0;
        int r;

        program = strdup(login || request->shell ? account->shell : request->argv[0]);
        if (!program)
                return -ENOMEM;
        if (!login && !request->shell)
                argv = steal_pointer(&request->argv);
        else if (login) {
                if (asprintf(&words, "-%s", base) < 0 || strv_push_copy(&argv, words) < 0)
                        return -ENOMEM;
        } else {
                r = job_join_words(request->argv, &words);
                if (r < 0 || (r = strv_push_copy(&argv, base)) < 0 || (r = strv_push_copy(&argv, "-c")) < 0 ||
                    (r = strv_push_copy(&argv, words)) < 0)
                        return r;
        }
        *ret_program = steal_pointer(&program);
        *ret = steal_pointer(&argv);
        return 0;
}

int job_join_words(char *const *words, char **ret) {
        size_t size = 1;
        char *joined, *p;

        for (char *const *w = words; *w; w++)
                size += strlen(*w) + 1;
        p = joined = malloc(size);
        if (!joined)
                return -ENOMEM;
        for (char *const *w = words; *w; w++) {
                p = stpcpy(p, *w);
                if (w[1])
                        *p++ = ' ';
        }
        *p = '\0';
        *ret = joined;
        return 0;
}

int job_plan_make(LaunchRequest *request, const Account *account, JobPlan *plan) {
        int r;

        /* A login shell is for a person, who would rather stand at home than not get in at all. */
        plan->fall_back_home = strv_length(request->argv) == 0 && str_empty(request->directory);
        r = environment_build(account, request->env, request->terminal_mask != 0, &plan->env);
        if (r < 0)
                return r;
        r = choose_arguments(request, account, &plan->program, &plan->argv);
        if (r < 0)
                return r;
        return choose_directory(request, account, &plan->directory);
}

static int prepare(LaunchRequest *request, Account *account, JobPlan *plan, int *ret_master, InitStep *ret_step) {
        int r;

        *ret_step = INIT_STEP_FORK;
        r = job_plan_make(request, account, plan);
        if (r < 0)
                return r;
        if (request->terminal_mask != 0) {
                *ret_step = INIT_STEP_TERMINAL;
                return open_terminal(request, account, ret_master, &plan->slave);
        }
        return 0;
}

static int fork_child(const JobPlan *plan, Job *job) {
        int pair[2];
        pid_t child;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        child = fork();
        if (child < 0) {
                int r = -errno;

                closep(&pair[0]);
                closep(&pair[1]);
                return r;
        }
        if (child == 0)
                job_child_run(plan, pair[1]);
        closep(&pair[1]);
        job->report = pair[0];
        job->child = child;
        return 0;
}

int job_start(uint64_t id, LaunchRequest *taken, InitStep *ret_step, Job **ret) {
        _cleanup_launch_request_ LaunchRequest *request = taken;
        _cleanup_account_ Account *account = NULL;
        _cleanup_(job_plan_clear) JobPlan plan = { .request = request, .slave = -EBADF };
        _cleanup_close_ int master = -EBADF;
        _cleanup_free_ Job *job = NULL;
        int r;

        *ret_step = INIT_STEP_USER;
        r = account_lookup(request->user ?: "root", &account);
        if (r < 0)
                return r;
        plan.account = account;
        r = prepare(request, account, &plan, &master, ret_step);
        if (r < 0)
                return r;

        *ret_step = INIT_STEP_FORK;
        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        *job = (Job){
                .id = id,
                .report = -EBADF,
                .terminal = request->terminal_mask != 0,
                .master = -EBADF,
                .terminal_socket = -EBADF,
        };
        r = fork_child(&plan, job);
        if (r < 0)
                return r;
        if (job->terminal) {
                job->master = steal_fd(&master);
                job->terminal_socket = steal_fd(&request->terminal_socket);
        }
        if (!job->terminal)
                job->program = job->child;
        *ret = steal_pointer(&job);
        return 0;
}
