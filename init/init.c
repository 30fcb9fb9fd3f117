/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PID 1 of an instance. It starts programs for lxssd, reaps every process,
 * reports how those that it started ended, and lives exactly as long as its
 * channel: the channel's end of file means that lxssd is gone or wants the
 * instance gone, and when PID 1 exits the kernel ends every other process
 * (pid_namespaces(7)).
 *
 * It blocks and ignores no signal, so that its children inherit none; a handler
 * that writes to an eventfd turns SIGCHLD into something to poll. Those with which
 * a distribution shuts its init down are shutdown.c's. */

#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "init/boot.h"
#include "init/bus-socket.h"
#include "init/job.h"
#include "init/oobe.h"
#include "init/shutdown.h"
#include "shared/boot-options.h"
#include "shared/fd-socket.h"
#include "shared/init-protocol.h"
#include "shared/lxbus-packet.h"
#include "shared/syscalls.h"

/* The descriptor that lxssd leaves to us. */
#define CHANNEL_FD 3

/* What the events of epoll belong to; else it is the id of a job. */
#define EVENT_CHANNEL 0
#define EVENT_CHILD UINT64_MAX
#define EVENT_FIFO (UINT64_MAX - 1)

/* Beside so many jobs exits are looked for at intervals, unless a signal named them. */
#define CROWD 64
#define SWEEP_DELAY_MS 4

static int child_event = -EBADF, fifo = -EBADF;
static volatile pid_t last_child; /* that changed */
static Job *jobs;
static unsigned n_jobs, n_hung_up; /* of them */
static uint64_t sweep_at;          /* CLOCK_MONOTONIC milliseconds; 0: no child can be waiting to be reaped */

static uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void on_child(int signal _unused_, siginfo_t *info, void *context _unused_) {
        uint64_t one = 1;
        int saved = errno;

        last_child = info->si_pid;
        (void)!write(child_event, &one, sizeof(one));
        errno = saved;
}

/* Says something, with a text (what is beyond INIT_TEXT_MAX is cut off), a descriptor unless that is negative,
 * and a process unless that is 0. lxssd reads all that we write; were it stuck, waiting for it is right. */
static void say_about(InitMessage event, const char *text, int fd, pid_t pid) {
        const LxbusWireObject object = { .kind = init_object_kind(event.type) };
        size_t n = strnlen(text, INIT_TEXT_MAX);
        char payload[sizeof(event) + INIT_TEXT_MAX];
        LxbusOutgoing message = {
                .payload = payload,
                .size = sizeof(event) + n,
                .objects = &object,
                .fds = &fd,
                .n_objects = fd >= 0,
                .process = pid,
        };
        int r;

        memcpy(payload, &event, sizeof(event));
        memcpy(payload + sizeof(event), text, n);
        r = lxbus_packet_send(CHANNEL_FD, &message);
        if (r == -ESRCH) { /* its session leader was quicker to reap it */
                message.process = 0;
                r = lxbus_packet_send(CHANNEL_FD, &message);
        }
        if (r == -ETOOMANYREFS) { /* lxssd is told all the same, and does without */
                message.n_objects = 0;
                r = lxbus_packet_send(CHANNEL_FD, &message);
        }
        if (r < 0)
                _exit(EXIT_FAILURE);
}

static void say(InitMessage event, int fd) {
        say_about(event, "", fd, 0);
}

static void say_warning(const char *sentence) {
        say_about((InitMessage){ .type = INIT_WARNING }, sentence, -EBADF, 0);
}

static Job *find_job(uint64_t id) {
        for (Job *j = jobs; j; j = j->next)
                if (j->id == id)
                        return j;
        return NULL;
}

static void remove_job(Job *job) {
        Job **link = &jobs;

        while (*link != job)
                link = &(*link)->next;
        *link = job->next;
        n_jobs--;
        n_hung_up -= job->kill_at > 0;
        job_free(job);
}

static void report_started(Job *job) {
        _cleanup_close_ int pidfd = -EBADF;

        job->started = true;
        job_hand_over_terminal(job);
        pidfd = sys_pidfd_open(job->program, 0);
        say_about((InitMessage){ .type = INIT_STARTED, .id = job->id }, "", pidfd, job->program);
}

/* Says that a launch failed. The child, if there is one, is reaped like any other. */
static void report_failed(uint64_t id, InitStep step, int error, int program) {
        say((InitMessage){ .type = INIT_FAILED, .id = id, .first = step, .second = error }, program);
}

static void report_ended(Job *job, int code, int status) {
        if (!job->started)
                report_started(job);
        say((InitMessage){ .type = INIT_EXITED, .id = job->id, .first = code, .second = status }, -1);
        remove_job(job);
}

typedef enum Progress { PROGRESS_NONE, PROGRESS_MORE, PROGRESS_GONE } Progress;

/* Takes one packet of the child's report. GONE: the job is no more. */
static Progress read_report(Job *job) {
        _cleanup_close_ int fd = -EBADF;
        JobReport r = { 0 };
        size_t n_fds = 0;
        ssize_t n;

        if (job->report < 0)
                return PROGRESS_NONE;
        n = fd_socket_receive(job->report, &r, sizeof(r), &fd, 1, &n_fds);
        if (n == -EAGAIN)
                return PROGRESS_NONE;
        if (n != sizeof(r)) {
                closep(&job->report);
                if (!job->started && !job->terminal)
                        report_started(job);
                return PROGRESS_NONE;
        }
        switch (r.kind) {
        case JOB_REPORT_FAILED:
                report_failed(job->id, r.first, r.second, fd);
                remove_job(job);
                return PROGRESS_GONE;
        case JOB_REPORT_STARTED:
                job->program = r.first;
                report_started(job);
                break;
        case JOB_REPORT_STOPPED:
                say((InitMessage){ .type = INIT_STOPPED, .id = job->id, .first = r.first }, -1);
                break;
        case JOB_REPORT_ENDED:
                report_ended(job, r.first, r.second);
                return PROGRESS_GONE;
        }
        return PROGRESS_MORE;
}

/* Takes all there is. True: the job still exists. */
static bool drain_report(Job *job) {
        Progress progress;

        do
                progress = read_report(job);
        while (progress == PROGRESS_MORE);
        return progress != PROGRESS_GONE;
}

/* A child of ours changed: one of the jobs', or an orphan that fell to us. */
static void on_child_change(const siginfo_t *info) {
        Job *job = jobs;

        while (job && job->child != info->si_pid)
                job = job->next;
        if (!job)
                return;
        if (info->si_code == CLD_STOPPED) {
                if (!job->terminal)
                        say((InitMessage){ .type = INIT_STOPPED, .id = job->id, .first = info->si_status }, -1);
                return;
        }
        /* What the child said before it ended comes first: a failed exec is no exit. */
        if (drain_report(job))
                report_ended(job, info->si_code, info->si_status);
}

/* Looks first and reaps afterwards: as long as a program is a zombie, lxssd can be told who it was.
 * False: nothing of these has changed. */
static bool reap_one(idtype_t type, pid_t pid) {
        siginfo_t info = { 0 }, reaped;

        if (waitid(type, pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
                return false;
        on_child_change(&info);
        (void)waitid(P_PID, info.si_pid, &reaped, (info.si_code == CLD_STOPPED ? WSTOPPED : WEXITED) | WNOHANG);
        return true;
}

/* Whom the signal named comes first. There are others if their signals came
 * together; to find them the kernel looks through all our children, so where
 * these are many it does so for several signals at once. */
static void reap(void) {
        uint64_t count;
        pid_t named;

        (void)!read(child_event, &count, sizeof(count));
        named = last_child;
        if (named > 0)
                (void)reap_one(P_PID, named);
        if (sweep_at == 0)
                sweep_at = n_jobs > CROWD ? now_ms() + SWEEP_DELAY_MS : 1;
}

/* Returns the milliseconds until the next sweep, or -1. */
static int sweep(void) {
        uint64_t now;

        if (sweep_at == 0)
                return -1;
        now = now_ms();
        if (now < sweep_at)
                return sweep_at - now;
        sweep_at = 0;
        while (reap_one(P_ALL, 0))
                ;
        return -1;
}

/* On success the descriptors are the request's. */
static int decode_launch(LxbusIncoming *in, const void *body, size_t size, LaunchRequest **ret) {
        int r;

        for (size_t i = 0; i < in->n_fds; i++)
                if (lxbus_frame_object(&in->frame, i).kind != init_object_kind(INIT_LAUNCH))
                        return -EBADMSG;
        r = init_launch_decode(body, size, in->fds, in->n_fds, ret);
        if (r == 0)
                in->n_fds = 0;
        return r;
}

static void on_launch(int epoll, uint64_t id, LxbusIncoming *in, const void *body, size_t size) {
        LaunchRequest *request = NULL;
        InitStep step = INIT_STEP_REQUEST;
        struct epoll_event event;
        Job *job = NULL;
        int r;

        r = decode_launch(in, body, size, &request);
        if (r == 0)
                r = job_start(id, request, &step, &job);
        if (r < 0) {
                report_failed(id, step, -r, -1);
                return;
        }
        job->next = jobs;
        jobs = job;
        n_jobs++;
        event = (struct epoll_event){ .events = EPOLLIN, .data.u64 = job->id };
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, job->report, &event);
}

/* What is too large for us, or not as it should be: whoever waits for it is told. Only lxssd, which we trust,
 * has the memory that may be read here without a look at it. */
static void refuse(const LxbusIncoming *in, int error) {
        InitMessage m;

        if (in->frame.header.size >= sizeof(m) && lxbus_payload_copy(&in->frame, in->memory, &m, sizeof(m)) == 0 &&
            m.type == INIT_LAUNCH)
                report_failed(m.id, INIT_STEP_REQUEST, error, -1);
}

static void on_message(int epoll, LxbusIncoming *in) {
        const void *payload, *body;
        InitMessage m;
        size_t size;
        Job *job;
        int r;

        r = lxbus_incoming_payload(in, &payload);
        if (r == 0)
                r = init_message_decode(payload, in->frame.header.size, &m, &body, &size);
        if (r < 0) {
                refuse(in, -r);
                return;
        }
        if (m.type == INIT_LAUNCH) {
                on_launch(epoll, m.id, in, body, size);
                return;
        }
        job = find_job(m.id);
        if (job && m.type == INIT_SIGNAL)
                (void)job_signal(job, m.first, m.second);
        else if (job && m.type == INIT_FOREGROUND)
                job_set_foreground(job, m.first != 0);
        else if (job && m.type == INIT_HANGUP) {
                n_hung_up += job->kill_at == 0;
                job_hangup(job, now_ms());
        }
}

static void on_channel(int epoll) {
        static char packet[LXBUS_PACKET_MAX];
        _cleanup_lxbus_incoming_ LxbusIncoming in = { .memory = -EBADF };
        int r;

        r = lxbus_packet_receive(CHANNEL_FD, packet, sizeof(packet), &in);
        if (r == 0)
                on_message(epoll, &in);
        else if (r != -EBADMSG && r != -EMSGSIZE && r != -EMFILE)
                _exit(EXIT_SUCCESS);
}

/* Kills what outstayed its hang-up. Returns the milliseconds until the next such moment, at most `next` unless that is
 * -1. */
static int enforce_hangups(int next) {
        uint64_t now;

        if (n_hung_up == 0)
                return next;
        now = now_ms();
        for (Job *j = jobs; j; j = j->next) {
                if (j->kill_at == 0)
                        continue;
                if (j->kill_at <= now) {
                        (void)job_signal(j, SIGKILL, true);
                        j->kill_at = now + 1000; /* until it is reaped */
                }
                if (next < 0 || (int)(j->kill_at - now) < next)
                        next = j->kill_at - now;
        }
        return next;
}

/* Directories of a booted system that lie on our own fresh tmpfs. */
static void make_run(void) {
        static const struct {
                const char *path;
                mode_t mode;
                uid_t owner;
        } directories[] = {
                { "/run/lock", 01777, 0 },
                { "/run/user", 0755, 0 },
                { "/run/user/0", 0700, 0 },
                { "/run/user/1000", 0700, 1000 },
                { "/tmp/.X11-unix", 01777, 0 },
                { "/tmp/.ICE-unix", 01777, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                (void)mkdir(directories[i].path, directories[i].mode);
                (void)chmod(directories[i].path, directories[i].mode);
                (void)!chown(directories[i].path, directories[i].owner, directories[i].owner);
        }
}

static void set_up(int *ret_epoll) {
        struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_RESTART | SA_SIGINFO };
        struct epoll_event channel = { .events = EPOLLIN, .data.u64 = EVENT_CHANNEL },
                           child = { .events = EPOLLIN, .data.u64 = EVENT_CHILD },
                           request = { .events = EPOLLIN, .data.u64 = EVENT_FIFO };

        (void)prctl(PR_SET_NAME, "init");
        umask(022);
        child_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        *ret_epoll = epoll_create1(EPOLL_CLOEXEC);
        if (child_event < 0 || *ret_epoll < 0 || fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0 ||
            sigaction(SIGCHLD, &action, NULL) < 0 ||
            epoll_ctl(*ret_epoll, EPOLL_CTL_ADD, CHANNEL_FD, &channel) < 0 ||
            epoll_ctl(*ret_epoll, EPOLL_CTL_ADD, child_event, &child) < 0 || shutdown_catch_signals() < 0)
                _exit(EXIT_FAILURE);
        make_run();
        fifo = shutdown_open_fifo();
        if (fifo >= 0)
                (void)epoll_ctl(*ret_epoll, EPOLL_CTL_ADD, fifo, &request);
}

/* The distribution's own wishes, and then programs may come. */
static void get_ready(const char *home_of) {
        _cleanup_close_ int bus = bus_socket_listen();
        Boot wishes;

        boot(say_warning, home_of, &wishes);
        say_about((InitMessage){ .type = INIT_READY, .first = wishes.without_host }, wishes.user ?: "", bus, 0);
        free(wishes.user);
}

int main(int argc, char **argv) {
        int epoll;

        if (getpid() != 1 && argc > 1 && streq(argv[1], "oobe"))
                return oobe_main(argc - 1, argv + 1);
        if (getpid() != 1) {
                fputs("lxinit is the first process of an LXSS instance; lxssd starts it.\n", stderr);
                return EXIT_FAILURE;
        }
        set_up(&epoll);
        get_ready(argc == 3 && streq(argv[1], BOOT_OPTION_HOME_OF) ? argv[2] : NULL);
        for (;;) {
                struct epoll_event events[16];
                int n = epoll_wait(epoll, events, ELEMENTSOF(events), enforce_hangups(sweep()));

                for (int i = 0; i < n; i++) {
                        Job *job;

                        if (events[i].data.u64 == EVENT_CHANNEL)
                                on_channel(epoll);
                        else if (events[i].data.u64 == EVENT_CHILD)
                                reap();
                        else if (events[i].data.u64 == EVENT_FIFO)
                                shutdown_read_fifo(fifo);
                        else if ((job = find_job(events[i].data.u64)))
                                (void)drain_report(job);
                }
        }
}
