/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxssd's end of lxss-base: starts it where nobody has, and waits for its one packet. */

#include "daemon/base.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/base-report.h"
#include "daemon/error.h"
#include "daemon/log.h"
#include "shared/fd-socket.h"
#include "shared/paths.h"
#include "shared/util.h"

typedef struct Waiter {
        base_ready_t callback;
        void *userdata;
} Waiter;

struct Base {
        sd_event *event;
        IdMode mode;
        int user_fd, mount_fd; /* mount_fd is there exactly when everything is */
        IdMap uids, gids;
        IdMap host_uids, host_gids;
        GQueue waiters; /* Waiter */
        int maker;      /* the socket; negative: none is at work */
        pid_t pid;      /* of the one that we have started; 0 */
        sd_event_source *source;
};

static void end_maker(Base *base) {
        base->source = sd_event_source_disable_unref(base->source);
        closep(&base->maker);
        if (base->pid > 0)
                (void)waitpid(base->pid, NULL, 0); /* it has said all, or sees that we hung up */
        base->pid = 0;
}

static void tell_waiters(Base *base, const sd_bus_error *error) {
        GQueue waiters = base->waiters;

        g_queue_init(&base->waiters);
        for (Waiter *w; (w = g_queue_pop_head(&waiters));) {
                w->callback(base, error, w->userdata);
                g_free(w);
        }
}

static void fail_waiters(Base *base, const char *step, int error) {
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;

        if (error == ETOOMANYREFS)
                error_set(&e, LXSS_ERROR_LIMIT_REACHED, LXSS_CROWDED_TEXT);
        else
                error_set(&e, LXSS_ERROR_HOST_UNSUITABLE,
                          "This host does not let you run instances: %s failed: %s. What to do about it: lxctl doctor.",
                          step, g_strerror(error));
        tell_waiters(base, &e);
}

/* Exactly the descriptors that the mode has. */
static bool take_namespaces(Base *base, BaseReport *report, int *fds, size_t n_fds) {
        if (report->mode < 0 || report->mode >= ID_MODE_MAX || n_fds != (report->mode == ID_MODE_ROOT ? 1 : 2))
                return false;
        base->mode = report->mode;
        base->mount_fd = steal_fd(&fds[0]);
        if (n_fds == 2)
                base->user_fd = steal_fd(&fds[1]);
        base->uids = id_map_identity(&report->uids);
        base->gids = id_map_identity(&report->gids);
        base->host_uids = base->mode == ID_MODE_ROOT ? id_map_single(0, ID_STORE_BASE, ID_COUNT) : report->uids;
        base->host_gids = base->mode == ID_MODE_ROOT ? id_map_single(0, ID_STORE_BASE, ID_COUNT) : report->gids;
        if (base->mode == ID_MODE_SINGLE)
                log_warning("No subordinate ids: instances have only their root user, who is you.");
        return true;
}

static int on_report(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata) {
        Base *base = userdata;
        int fds[BASE_FDS_MAX] = { -EBADF, -EBADF };
        size_t n_fds = 0;
        BaseReport report;
        ssize_t n;

        n = fd_socket_receive(fd, &report, sizeof(report), fds, BASE_FDS_MAX, &n_fds);
        if (n == -EAGAIN)
                return 0;
        end_maker(base);
        report.step[sizeof(report.step) - 1] = '\0';
        if (n != sizeof(report))
                fail_waiters(base, "making namespaces", n < 0 ? (int)-n : ECHILD);
        else if (report.error != 0)
                fail_waiters(base, report.step, report.error);
        else if (take_namespaces(base, &report, fds, n_fds))
                tell_waiters(base, NULL);
        else
                fail_waiters(base, "making namespaces", EPROTO);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                closep(&fds[i]);
        return 0;
}

static int watch_maker(Base *base) {
        int flags = fcntl(base->maker, F_GETFL);

        if (flags < 0 || fcntl(base->maker, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return sd_event_add_io(base->event, &base->source, base->maker, EPOLLIN, on_report, base);
}

/* Its standard output is ours, which tools may write to. */
static int spawn_maker(int socket, pid_t *ret_pid) {
        _cleanup_free_ char *program = NULL, *init = NULL;
        char *argv[] = { (char *)"lxss-base", NULL, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        if (path_libexec("lxss-base", &program) < 0 || path_libexec("lxinit", &init) < 0)
                return -ENOMEM;
        argv[1] = init;
        sigemptyset(&none);
        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        (void)posix_spawnattr_init(&attributes);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawn_file_actions_adddup2(&actions, socket, BASE_REPORT_FD);
        r = posix_spawn(ret_pid, program, &actions, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int start_maker(Base *base) {
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        base->maker = pair[0];
        theirs = pair[1];
        r = spawn_maker(theirs, &base->pid);
        if (r >= 0)
                r = watch_maker(base);
        if (r < 0)
                end_maker(base);
        return r;
}

void base_prepare(Base *base) {
        if (base->mount_fd < 0 && base->maker < 0)
                (void)start_maker(base); /* whoever needs it tries again, and is told */
}

void base_get(Base *base, base_ready_t callback, void *userdata) {
        Waiter *waiter;
        int r = 0;

        if (base->mount_fd >= 0) {
                callback(base, NULL, userdata);
                return;
        }
        waiter = g_new(Waiter, 1);
        *waiter = (Waiter){ callback, userdata };
        g_queue_push_tail(&base->waiters, waiter);
        if (base->maker < 0)
                r = start_maker(base);
        if (r < 0)
                fail_waiters(base, "starting lxss-base", -r);
}

void base_cancel(Base *base, void *userdata) {
        for (GList *l = base->waiters.head, *next; l; l = next) {
                Waiter *w = l->data;

                next = l->next;
                if (w->userdata == userdata) {
                        g_queue_delete_link(&base->waiters, l);
                        g_free(w);
                }
        }
}

Base *base_new(sd_event *event, int maker) {
        Base *base = g_new0(Base, 1);

        base->event = event;
        base->mode = geteuid() == 0 ? ID_MODE_ROOT : ID_MODE_INVALID;
        base->user_fd = base->mount_fd = -EBADF;
        base->maker = maker;
        g_queue_init(&base->waiters);
        if (maker >= 0 && watch_maker(base) < 0)
                end_maker(base);
        return base;
}

Base *base_free(Base *base) {
        if (!base)
                return NULL;
        end_maker(base);
        closep(&base->user_fd);
        closep(&base->mount_fd);
        g_queue_clear_full(&base->waiters, g_free);
        g_free(base);
        return NULL;
}

IdMode base_mode(const Base *base) {
        return base->mode;
}

int base_user_fd(const Base *base) {
        return base->user_fd;
}

int base_mount_fd(const Base *base) {
        return base->mount_fd;
}

const IdMap *base_uid_map(const Base *base) {
        return &base->uids;
}

const IdMap *base_gid_map(const Base *base) {
        return &base->gids;
}

const IdMap *base_host_uid_map(const Base *base) {
        return &base->host_uids;
}

const IdMap *base_host_gid_map(const Base *base) {
        return &base->host_gids;
}
