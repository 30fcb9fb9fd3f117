/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns lxctl's own signal handling: all through one signalfd(2), so that
 * nothing runs between any two lines, and death and stop as the program's shell
 * would have seen them. Knows neither terminals nor lxssd. */

#include "client/signals.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "shared/util.h"

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
static const int handled[] = { SIGTSTP, SIGCONT, SIGWINCH, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGIO };

bool signal_is_ignored(int signo) {
        struct sigaction action;

        return sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void add_unless_ignored(sigset_t *set, int signo) {
        if (!signal_is_ignored(signo))
                sigaddset(set, signo);
}

static int block(const sigset_t *set) {
        int fd;

        (void)signal(SIGPIPE, SIG_IGN);
        if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
                return -errno;
        fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int signals_block(void) {
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                add_unless_ignored(&set, forwarded[i]);
        for (size_t i = 0; i < ELEMENTSOF(handled); i++)
                add_unless_ignored(&set, handled[i]);
        return block(&set);
}

int signals_block_termination(void) {
        static const int termination[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(termination); i++)
                add_unless_ignored(&set, termination[i]);
        return block(&set);
}

int signals_read(int fd) {
        struct signalfd_siginfo info;
        ssize_t n;

        do
                n = read(fd, &info, sizeof(info));
        while (n < 0 && errno == EINTR);
        return n == sizeof(info) ? (int)info.ssi_signo : 0;
}

bool signal_is_forwarded(int signo) {
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                if (forwarded[i] == signo)
                        return true;
        return false;
}

void signal_die(int signo) {
        const struct rlimit none = { 0, 0 };
        sigset_t set;

        /* The program has dumped its own core; a handler in core_pattern does not heed the limit. */
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)signal(signo, SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, signo);
        (void)raise(signo);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        _exit(128 + signo);
}

static volatile sig_atomic_t continued;

static void on_continue(int signo _unused_) {
        continued = true;
}

/* A stop signal discards a SIGCONT that is pending (signal(7)), which may be the answer to the one because of which
 * we are here. So it is taken as it comes, and if it came already nothing stops. */
bool signal_stop_self(int signo, bool group) {
        const struct sigaction take = { .sa_handler = on_continue };
        struct sigaction before;
        sigset_t stop, go;

        sigemptyset(&stop);
        sigaddset(&stop, signo);
        sigemptyset(&go);
        sigaddset(&go, SIGCONT);
        continued = false;
        (void)sigaction(SIGCONT, &take, &before);
        (void)sigprocmask(SIG_UNBLOCK, &go, NULL);
        /* None of them is SIGSTOP: the kernel discards these in an orphaned process
         * group, where nobody could continue us. Ignored (by our parent) they stay ignored. */
        (void)kill(group ? 0 : getpid(), signo);
        if (continued)
                (void)sigtimedwait(&stop, NULL, &(struct timespec){ 0 });
        (void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
        (void)sigprocmask(SIG_BLOCK, &stop, NULL);
        (void)sigprocmask(SIG_BLOCK, &go, NULL);
        (void)sigaction(SIGCONT, &before, NULL);
        if (continued)
                (void)raise(SIGCONT); /* for who reads what we block */
        return continued;
}
