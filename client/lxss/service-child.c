/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd outlives the client that started it and serves others, and what it starts
 * inherits from it: were `nice lxctl launch make` the first client, every later
 * client's programs would be nice, too. Who wants lxssd's own settings changed has
 * them in its unit (systemd.exec(5)). */

#include "client/lxss/service-child.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "shared/syscalls.h"
#include "shared/util.h"

/* prctl(2): what the first process has. */
#define TIMER_SLACK_NS 50000

/* As the kernel gives the first process; elsewhere only the hard limit counts. */
static rlim_t usual_limit(int resource) {
        switch (resource) {
        case RLIMIT_CORE:
                return 0;
        case RLIMIT_NOFILE:
                return 1024;
        case RLIMIT_STACK:
                return 8 << 20;
        default:
                return RLIM_INFINITY;
        }
}

static void reset_limits(void) {
        for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
                rlim_t usual = usual_limit(resource);
                struct rlimit limit;

                if (getrlimit(resource, &limit) < 0)
                        continue;
                usual = usual < limit.rlim_max ? usual : limit.rlim_max;
                if (limit.rlim_cur == usual)
                        continue;
                limit.rlim_cur = usual;
                (void)setrlimit(resource, &limit);
        }
}

static void reset_scheduling(void) {
        static const struct sched_param none;
        cpu_set_t all;

        memset(&all, 0xff, sizeof(all));
        (void)sys_sched_setscheduler(0, SCHED_OTHER, &none);
        (void)setpriority(PRIO_PROCESS, 0, 0);
        (void)sched_setaffinity(0, sizeof(all), &all);
        (void)sys_ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
        (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
        (void)personality(PER_LINUX);
}

/* The least that we may have: systemd gives what a session starts a hundred or two, and lets it take more only. */
static void reset_oom_score(void) {
        static const char *const scores[] = { "0", "100", "200" };
        _cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        for (size_t i = 0; fd >= 0 && i < ELEMENTSOF(scores); i++)
                if (write(fd, scores[i], strlen(scores[i])) > 0)
                        return;
}

int service_child_prepare(void) {
        sigset_t none;

        if (setsid() < 0 || chdir("/") < 0)
                return -errno;
        for (int signo = 1; signo < NSIG; signo++)
                (void)signal(signo, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        umask(022);
        reset_limits();
        reset_scheduling();
        reset_oom_score();
        return 0;
}
