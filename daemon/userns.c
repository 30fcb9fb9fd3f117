/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making the user namespace is a handful of steps that wait for one another
 * (a process to carry the namespace, newuidmap and newgidmap), and name
 * service modules may take their time. A forked child does them one after the
 * other and sends the descriptor; lxssd's loop only waits for that packet. */

#include "daemon/userns.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/error.h"
#include "daemon/log.h"
#include "daemon/parent-death.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

#define SUBIDS_MAX (4u << 20)

typedef struct Waiter {
        userns_ready_t callback;
        void *userdata;
} Waiter;

struct Userns {
        sd_event *event;
        IdMode mode;
        int fd;
        IdMap uids, gids;
        GQueue waiters; /* Waiter */
        pid_t maker;
        int report;
        sd_event_source *report_source, *maker_source;
};

/* What the child sends, with the namespace's descriptor unless error is set. */
typedef struct MakerReport {
        IdMode mode;
        IdMap uids, gids; /* the host's ids outside */
        int error;
        char step[128];
} MakerReport;

static void get_user_name(char *name, size_t size) {
        const struct passwd *pw = getpwuid(getuid());

        snprintf(name, size, "%s", pw ? pw->pw_name : "");
}

/* getsubids(1) knows ranges that come from NSS (LDAP, sssd). Its lines are
 * "0: alice 100000 65536". */
static size_t ranges_from_nss(const char *option, const char *user, uint32_t own_id, IdRange *ret) {
        g_autofree char *output = NULL;
        g_auto(GStrv) lines = NULL;
        GString *text = g_string_new(NULL);
        const char *argv[] = { "getsubids", user, option, NULL };
        size_t n;

        (void)g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                           &output, NULL, NULL, NULL);
        lines = g_strsplit(output ?: "", "\n", -1);
        for (char **line = lines; *line; line++) {
                unsigned start, count;

                if (sscanf(*line, "%*u: %*s %u %u", &start, &count) == 2)
                        g_string_append_printf(text, "%s:%u:%u\n", user, start, count);
        }
        n = id_map_parse_subids(text->str, user, getuid(), own_id, ret, ID_MAP_MAX - 2);
        g_string_free(text, TRUE);
        return n;
}

static size_t find_ranges(const char *path, const char *nss_option, uint32_t own_id, IdRange *ret) {
        _cleanup_free_ char *text = NULL;
        char user[256];
        size_t n = 0;

        get_user_name(user, sizeof(user));
        if (read_regular_file(AT_FDCWD, path, SUBIDS_MAX, &text, NULL) >= 0)
                n = id_map_parse_subids(text, user, getuid(), own_id, ret, ID_MAP_MAX - 2);
        if (n == 0 && *user)
                n = ranges_from_nss(nss_option, user, own_id, ret);
        return n;
}

/* Starts newuidmap or newgidmap. */
static pid_t spawn_mapper(const char *tool, pid_t target, const IdMap *map) {
        g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
        pid_t pid;

        g_ptr_array_add(argv, g_strdup(tool));
        g_ptr_array_add(argv, g_strdup_printf("%d", (int)target));
        for (size_t i = 0; i < map->n_ranges; i++) {
                g_ptr_array_add(argv, g_strdup_printf("%u", map->ranges[i].inside));
                g_ptr_array_add(argv, g_strdup_printf("%u", map->ranges[i].outside));
                g_ptr_array_add(argv, g_strdup_printf("%u", map->ranges[i].count));
        }
        g_ptr_array_add(argv, NULL);
        return posix_spawnp(&pid, tool, NULL, NULL, (char **)argv->pdata, environ) == 0 ? pid : -1;
}

static bool mapper_succeeded(pid_t pid) {
        int status;

        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int write_proc(pid_t pid, const char *name, const char *text) {
        g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

static bool map_subids(pid_t target, MakerReport *report) {
        IdRange ranges[ID_MAP_MAX];
        pid_t uid_mapper, gid_mapper;
        bool uids_mapped, gids_mapped;
        size_t n;

        n = find_ranges("/etc/subuid", "-u", getuid(), ranges);
        if (id_map_compose(ranges, n, getuid(), &report->uids) < 0)
                return false;
        n = find_ranges("/etc/subgid", "-g", getgid(), ranges);
        if (id_map_compose(ranges, n, getgid(), &report->gids) < 0)
                return false;
        uid_mapper = spawn_mapper("newuidmap", target, &report->uids);
        gid_mapper = spawn_mapper("newgidmap", target, &report->gids);
        uids_mapped = mapper_succeeded(uid_mapper);
        gids_mapped = mapper_succeeded(gid_mapper);
        return uids_mapped && gids_mapped;
}

/* One id, which needs no help: user_namespaces(7), "Defining user and group ID mappings". */
static int map_single(pid_t target, MakerReport *report) {
        g_autofree char *uids = NULL, *gids = NULL;
        int r;

        report->uids = id_map_single(0, getuid(), 1);
        report->gids = id_map_single(0, getgid(), 1);
        uids = id_map_to_text(&report->uids);
        gids = id_map_to_text(&report->gids);
        if ((r = write_proc(target, "setgroups", "deny")) < 0 || (r = write_proc(target, "uid_map", uids)) < 0)
                return r;
        return write_proc(target, "gid_map", gids);
}

_Noreturn static void fail(int socket, MakerReport *report, const char *step, int error) {
        struct iovec part = { .iov_base = report, .iov_len = sizeof(*report) };

        report->error = error;
        snprintf(report->step, sizeof(report->step), "%s", step);
        (void)fd_socket_send(socket, &part, 1, NULL, 0);
        _exit(EXIT_FAILURE);
}

/* A process that only carries a new user namespace; it ends with its parent. */
static pid_t fork_carrier(int *ret_error) {
        _cleanup_close_ int self = parent_death_open();
        int pair[2];
        pid_t pid;
        int error = 0;

        if (self < 0 || pipe2(pair, O_CLOEXEC) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                error = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
                parent_death_arm(self);
                /* The map files belong to whoever may ptrace us, so that must be our own user. */
                (void)prctl(PR_SET_DUMPABLE, 1);
                (void)write_all(pair[1], &error, sizeof(error));
                for (;;)
                        pause();
        }
        (void)close(pair[1]);
        if (pid > 0 && read_up_to(pair[0], &error, sizeof(error)) != sizeof(error))
                error = EIO;
        (void)close(pair[0]);
        *ret_error = error;
        return pid;
}

_Noreturn static void maker_run(int socket) {
        MakerReport report = { .mode = ID_MODE_SUBIDS };
        struct iovec part = { .iov_base = &report, .iov_len = sizeof(report) };
        g_autofree char *path = NULL;
        pid_t carrier;
        int error, fd, r;

        carrier = fork_carrier(&error);
        if (carrier < 0)
                fail(socket, &report, "starting a process", errno);
        if (error == 0 && !map_subids(carrier, &report)) {
                report.mode = ID_MODE_SINGLE;
                r = map_single(carrier, &report);
                if (r < 0)
                        fail(socket, &report, "mapping one's own user id", -r);
        }
        if (error != 0)
                fail(socket, &report, "making a user namespace", error);
        path = g_strdup_printf("/proc/%d/ns/user", (int)carrier);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                fail(socket, &report, "opening the user namespace", errno);
        (void)fd_socket_send(socket, &part, 1, &fd, 1);
        (void)kill(carrier, SIGKILL);
        _exit(EXIT_SUCCESS);
}

static void clear_maker(Userns *userns) {
        userns->report_source = sd_event_source_disable_unref(userns->report_source);
        userns->maker_source = sd_event_source_disable_unref(userns->maker_source);
        closep(&userns->report);
        if (userns->maker > 0) {
                (void)kill(userns->maker, SIGKILL);
                (void)waitpid(userns->maker, NULL, 0);
        }
        userns->maker = 0;
}

static void tell_waiters(Userns *userns, const sd_bus_error *error) {
        GQueue waiters = userns->waiters;

        g_queue_init(&userns->waiters);
        for (Waiter *w; (w = g_queue_pop_head(&waiters));) {
                w->callback(userns, error, w->userdata);
                g_free(w);
        }
}

static void fail_waiters(Userns *userns, const char *step, int error) {
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;

        error_set(&e, LXSS_ERROR_HOST_UNSUITABLE,
                  "This host does not let you run instances: %s failed: %s. What to do about it: lxctl doctor.", step,
                  g_strerror(error));
        tell_waiters(userns, &e);
}

static int on_report(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata) {
        Userns *userns = userdata;
        MakerReport report;
        size_t n_fds = 0;
        ssize_t n;

        n = fd_socket_receive(fd, &report, sizeof(report), &userns->fd, 1, &n_fds);
        if (n == -EAGAIN)
                return 0;
        clear_maker(userns);
        if (n != sizeof(report) || report.error != 0) {
                fail_waiters(userns, n == sizeof(report) ? report.step : "mapping user ids",
                             n == sizeof(report) ? report.error : EIO);
                return 0;
        }
        userns->mode = report.mode;
        userns->uids = id_map_identity(&report.uids);
        userns->gids = id_map_identity(&report.gids);
        if (userns->mode == ID_MODE_SINGLE)
                log_warning("No subordinate ids: instances have only their root user, who is you.");
        tell_waiters(userns, NULL);
        return 0;
}

static int start_maker(Userns *userns) {
        _cleanup_close_ int self = parent_death_open();
        int pair[2], r;

        if (self < 0)
                return self;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        userns->maker = fork();
        if (userns->maker == 0) {
                sigset_t none;

                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                parent_death_arm(self);
                (void)prctl(PR_SET_DUMPABLE, 1);
                maker_run(pair[1]);
        }
        r = -errno;
        (void)close(pair[1]);
        userns->report = pair[0];
        if (userns->maker < 0)
                return r;
        return sd_event_add_io(userns->event, &userns->report_source, userns->report, EPOLLIN, on_report, userns);
}

void userns_get(Userns *userns, userns_ready_t callback, void *userdata) {
        Waiter *waiter;
        int r;

        if (userns->mode != ID_MODE_INVALID) {
                callback(userns, NULL, userdata);
                return;
        }
        waiter = g_new(Waiter, 1);
        *waiter = (Waiter){ callback, userdata };
        g_queue_push_tail(&userns->waiters, waiter);
        if (userns->maker > 0)
                return;
        r = start_maker(userns);
        if (r < 0) {
                clear_maker(userns);
                fail_waiters(userns, "starting a process", -r);
        }
}

void userns_cancel(Userns *userns, void *userdata) {
        for (GList *l = userns->waiters.head, *next; l; l = next) {
                Waiter *w = l->data;

                next = l->next;
                if (w->userdata == userdata) {
                        g_queue_delete_link(&userns->waiters, l);
                        g_free(w);
                }
        }
}

Userns *userns_new(sd_event *event) {
        Userns *userns = g_new0(Userns, 1);

        userns->event = event;
        userns->mode = geteuid() == 0 ? ID_MODE_ROOT : ID_MODE_INVALID;
        userns->fd = -EBADF;
        userns->report = -EBADF;
        g_queue_init(&userns->waiters);
        return userns;
}

Userns *userns_free(Userns *userns) {
        if (!userns)
                return NULL;
        clear_maker(userns);
        closep(&userns->fd);
        g_queue_clear_full(&userns->waiters, g_free);
        g_free(userns);
        return NULL;
}

IdMode userns_mode(const Userns *userns) {
        return userns->mode;
}

int userns_fd(const Userns *userns) {
        return userns->fd;
}

const IdMap *userns_uid_map(const Userns *userns) {
        return &userns->uids;
}

const IdMap *userns_gid_map(const Userns *userns) {
        return &userns->gids;
}
