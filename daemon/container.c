/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parent's side of a container: one fork, one report socket, and a pidfd
 * to learn the end by. Everything that happens in the children stands in
 * container-child.c. */

#include "daemon/container.h"

#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/container-child.h"
#include "daemon/parent-death.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

struct Container {
        ContainerEvents events;
        void *userdata;
        pid_t helper; /* makes the namespaces and exits; 0 once reaped */
        pid_t leader;
        int pidfd;
        int report;
        int failed_step, failed_error;
        bool kill_wanted; /* before the leader was known */
        sd_event_source *report_source, *exit_source;
};

static void reap_helper(Container *container) {
        if (container->helper > 0)
                (void)waitpid(container->helper, NULL, 0);
        container->helper = 0;
}

static int on_exit_ready(sd_event_source *source, int fd _unused_, uint32_t events _unused_, void *userdata) {
        Container *container = userdata;
        siginfo_t info = { 0 };

        if (waitid(P_PIDFD, container->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
                return 0;
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        container->leader = 0;
        if (container->failed_error != 0)
                container->events.failed(container, container_step_to_string(container->failed_step),
                                         container->failed_error, container->userdata);
        else
                container->events.exited(container, &info, container->userdata);
        return 0;
}

/* No more will be said: the program runs, or will never be. */
static void finish_report(Container *container) {
        container->report_source = sd_event_source_disable_unref(container->report_source);
        closep(&container->report);
        reap_helper(container);
        if (container->failed_error == 0 && container->leader > 0)
                container->events.started(container, container->userdata);
        else if (container->leader <= 0)
                container->events.failed(container, container_step_to_string(container->failed_step),
                                         container->failed_error ?: EPROTO, container->userdata);
        /* else PID 1 exists and is about to exit: failed comes when it has. */
}

/* It is a child of ours, and stays one until we have waited for it; without a descriptor for it, it may not run. */
static int take_leader(Container *container, pid_t pid) {
        container->pidfd = pidfd_open(pid, 0);
        if (container->pidfd < 0) {
                container->failed_step = CONTAINER_STEP_CLONE;
                container->failed_error = errno;
                (void)kill(pid, SIGKILL);
                (void)waitid(P_PID, pid, &(siginfo_t){ 0 }, WEXITED);
                return -container->failed_error;
        }
        container->leader = pid;
        return 0;
}

static int on_report(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata) {
        Container *container = userdata;
        ContainerReport report;
        size_t n_fds;
        ssize_t n;

        n = fd_socket_receive(fd, &report, sizeof(report), NULL, 0, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n != sizeof(report)) {
                finish_report(container);
                return 0;
        }
        if (report.step >= 0) {
                container->failed_step = report.step;
                container->failed_error = report.error ?: EPROTO;
                return 0;
        }
        if (take_leader(container, report.pid) < 0) {
                finish_report(container);
                return 0;
        }
        if (container->kill_wanted)
                container_kill(container);
        return sd_event_add_io(sd_event_source_get_event(source), &container->exit_source, container->pidfd, EPOLLIN,
                               on_exit_ready, container);
}

static int fork_helper(Container *container, const ContainerSpec *spec) {
        _cleanup_close_ int self = parent_death_open();
        int pair[2], r = 0;

        if (self < 0)
                return self;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        container->report = pair[0];
        container->helper = fork();
        if (container->helper < 0)
                r = -errno;
        if (container->helper == 0)
                container_child_run(spec, self, pair[1]);
        (void)close(pair[1]);
        return r;
}

int container_start(sd_event *event, const ContainerSpec *spec, const ContainerEvents *events, void *userdata,
                    Container **ret) {
        g_autoptr(Container) container = g_new0(Container, 1);
        int r;

        container->events = *events;
        container->userdata = userdata;
        container->pidfd = container->report = -EBADF;
        r = fork_helper(container, spec);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &container->report_source, container->report, EPOLLIN, on_report, container);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&container);
        return 0;
}

void container_kill(Container *container) {
        if (container->leader > 0)
                (void)pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0);
        else
                container->kill_wanted = true; /* killing the helper could leave a child that nobody knows */
}

pid_t container_leader(const Container *container) {
        return container->leader;
}

/* The helper needs some milliseconds to say which process it made. */
static void wait_for_leader(Container *container) {
        while (container->leader == 0 && container->report >= 0) {
                struct pollfd p = { .fd = container->report, .events = POLLIN };
                ContainerReport report;
                size_t n_fds;
                ssize_t n;

                (void)poll(&p, 1, -1);
                n = fd_socket_receive(container->report, &report, sizeof(report), NULL, 0, &n_fds);
                if (n == -EAGAIN)
                        continue;
                if (n != sizeof(report))
                        return;
                if (report.step < 0 && take_leader(container, report.pid) < 0)
                        return;
        }
}

Container *container_free(Container *container) {
        if (!container)
                return NULL;
        container->report_source = sd_event_source_disable_unref(container->report_source);
        container->exit_source = sd_event_source_disable_unref(container->exit_source);
        if (container->helper > 0)
                wait_for_leader(container);
        if (container->leader > 0) {
                container_kill(container);
                (void)waitid(P_PIDFD, container->pidfd, &(siginfo_t){ 0 }, WEXITED);
        }
        reap_helper(container);
        closep(&container->report);
        closep(&container->pidfd);
        g_free(container);
        return NULL;
}
