/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first launch of a distribution that sets itself up then (WSL's "out of box
 * experience"). The first login shell on a terminal becomes `/init oobe`
 * (init/oobe.c), launched like any program, which runs the distribution's command
 * and, once we have noted its success, becomes that shell. It needs no further
 * state: end of file without "done" is a failure, whichever way it came about.
 * Meanwhile who the default user is to be is open, so whoever names none waits. */

#include <glib.h>
#include <sys/socket.h>

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "shared/fd-socket.h"
#include "shared/oobe-protocol.h"
#include "shared/util.h"

typedef struct FirstLaunch {
        Manager *manager;
        char *distribution;
        uint64_t process_id;
        char *cwd, *directory; /* where the shell is to start, as its launch said */
        int socket;
        bool over;             /* its process is gone, and it no longer counts */
        sd_event_source *source;
} FirstLaunch;

void manager_free_first_launch(void *p) {
        FirstLaunch *first = p;

        sd_event_source_disable_unref(first->source);
        closep(&first->socket);
        g_free(first->distribution);
        g_free(first->cwd);
        g_free(first->directory);
        g_free(first);
}

static void set_state(Manager *manager, Distribution *d, OobeState state) {
        log_event(LOG_INFO, d->name, 0, "First launch: %s → %s", oobe_state_to_string(d->oobe),
                  oobe_state_to_string(state));
        d->oobe = state;
        manager->events.distribution_changed(d, manager->userdata);
}

/* That it succeeded has been said before, or it did not. */
static void give_up(FirstLaunch *first) {
        Distribution *d = registry_find(first->manager->registry, first->distribution);

        if (d && d->oobe == OOBE_RUNNING && !first->over)
                set_state(first->manager, d, OOBE_PENDING);
        first->over = true;
}

static void finish(FirstLaunch *first) {
        Manager *manager = first->manager;

        give_up(first);
        g_hash_table_remove(manager->first_launches, first);
        manager_retry_held_back(manager);
}

static int on_over(sd_event_source *source _unused_, void *userdata) {
        finish(userdata);
        return 0;
}

/* At once, since the distribution may be renamed or removed next; those that wait try again from the loop, when
 * the instance that is perhaps just ending is through with it. */
void manager_end_first_launch(Manager *manager, const Process *process) {
        GHashTableIter i;
        void *p;

        g_hash_table_iter_init(&i, manager->first_launches);
        while (g_hash_table_iter_next(&i, &p, NULL)) {
                FirstLaunch *first = p;

                if (first->process_id != process->id || first->over)
                        continue;
                give_up(first);
                sd_event_source_disable_unref(first->source);
                /* Without memory for a timer there is none for anything else. */
                if (sd_event_add_defer(manager->event, &first->source, on_over, first) < 0)
                        abort();
        }
}

/* On disk first: a set-up that is done is never done again. */
static int note_success(Manager *manager, Distribution *d, const char *user) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *before = g_strdup(d->default_user);

        if (*user) {
                g_free(d->default_user);
                d->default_user = g_strdup(user);
        }
        d->oobe = OOBE_NONE;
        if (registry_store(manager->registry, d, &error) < 0) {
                log_event(LOG_ERR, d->name, 0, "That it is set up cannot be noted: %s", error.message);
                g_free(d->default_user);
                d->default_user = g_steal_pointer(&before);
                d->oobe = OOBE_RUNNING;
                return -EIO;
        }
        log_event(LOG_INFO, d->name, 0, "It is set up; its default user is %s.", d->default_user ?: "root");
        manager->events.distribution_changed(d, manager->userdata);
        return 0;
}

/* The user's shell goes on from here as any other would. */
static int send_orders(FirstLaunch *first, Process *process) {
        g_autofree char *cwd = instance_map_directory(process->instance, first->cwd);
        char packet[OOBE_ORDERS_MAX];
        OobeOrders orders = { process->user, cwd ?: "", first->directory ?: "" };
        struct iovec part = { .iov_base = packet };
        ssize_t n = oobe_orders_encode(&orders, packet);

        if (n < 0) { /* at home, then */
                orders.cwd = orders.directory = "";
                n = oobe_orders_encode(&orders, packet);
        }
        if (n < 0)
                return (int)n;
        part.iov_len = (size_t)n;
        return fd_socket_send(first->socket, &part, 1, NULL, 0);
}

static void take_result(FirstLaunch *first, const char *user) {
        Manager *manager = first->manager;
        Distribution *d = registry_find(manager->registry, first->distribution);
        Process *process = manager_find_process(manager, first->process_id);

        if (!d || d->oobe != OOBE_RUNNING || !process || !process->instance || note_success(manager, d, user) < 0)
                return;
        g_free(process->user);
        process->user = g_strdup(*user ? user : instance_default_user(process->instance));
        (void)send_orders(first, process);
}

static int on_result(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata) {
        FirstLaunch *first = userdata;
        char bytes[OOBE_RESULT_MAX + 1];
        const char *user;
        size_t n_fds;
        ssize_t n;

        n = fd_socket_receive(fd, bytes, OOBE_RESULT_MAX, NULL, 0, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n > 0) {
                bytes[n] = '\0';
                if (oobe_result_decode(bytes, (size_t)n, &user) >= 0)
                        take_result(first, user);
        }
        finish(first);
        return 0;
}

static int free_number(const LaunchRequest *request) {
        int highest = request->n_fds > 0 ? request->fds[request->n_fds - 1].number : 0;

        return MAX(highest + 1, 3);
}

/* "/proc/self/exe" is lxinit, whatever the distribution has at /init. In "/", since root of the instance may not be
 * allowed to where the user stands. */
static int replace_program(LaunchRequest *request, const Distribution *d, int socket) {
        int number = free_number(request), r;
        g_autofree char *text = g_strdup_printf("%d", number);

        r = launch_request_add_fd(request, number, socket);
        if (r < 0)
                return r;
        g_clear_pointer(&request->cwd, free);
        free(request->directory);
        request->directory = strdup("/");
        if (!request->directory || (r = strv_push_copy(&request->argv, "/proc/self/exe")) < 0 ||
            (r = strv_push_copy(&request->argv, "oobe")) < 0 || (r = strv_push_copy(&request->argv, text)) < 0 ||
            (r = strv_push_copy(&request->argv, d->name)) < 0)
                return -ENOMEM;
        return 0;
}

static int connect_to(FirstLaunch *first, const Distribution *d, Process *process) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        first->socket = pair[0];
        r = replace_program(process->request, d, pair[1]);
        if (r < 0)
                return r;
        if (fcntl(first->socket, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        return sd_event_add_io(first->manager->event, &first->source, first->socket, EPOLLIN, on_result, first);
}

static int begin(Manager *manager, Distribution *d, Process *process) {
        FirstLaunch *first = g_new0(FirstLaunch, 1);
        int r;

        *first = (FirstLaunch){
                .manager = manager,
                .distribution = g_strdup(d->name),
                .process_id = process->id,
                .cwd = g_strdup(process->request->cwd),
                .directory = g_strdup(process->request->directory),
                .socket = -EBADF,
        };
        r = connect_to(first, d, process);
        if (r < 0) {
                manager_free_first_launch(first);
                return r;
        }
        g_hash_table_add(manager->first_launches, first);
        process->user = g_strdup("root");
        set_state(manager, d, OOBE_RUNNING);
        return 0;
}

/* Somebody sits there. */
static bool is_interactive_shell(const LaunchRequest *request) {
        return strv_length(request->argv) == 0 && (request->terminal_mask & 3) == 3;
}

int manager_launch_unready(Manager *manager, Distribution *distribution, Process *process, sd_bus_error *reterr) {
        int r;

        if (process->user || (distribution->oobe == OOBE_PENDING && !is_interactive_shell(process->request)))
                return 0;
        if (distribution->oobe == OOBE_PENDING) {
                r = begin(manager, distribution, process);
                return r < 0 ? error_set(reterr, LXSS_ERROR_FAILED, "%s cannot be set up: %s", distribution->name,
                                         g_strerror(-r)) : 0;
        }
        if (process->request->no_wait)
                return error_set(reterr, LXSS_ERROR_OPERATION_PENDING,
                                 "%s is being set up in another terminal. To get in all the same, name a user: "
                                 "lxctl launch -d %s -u root",
                                 distribution->name, distribution->name);
        g_queue_push_tail(&manager->held_back, process);
        return 1;
}
