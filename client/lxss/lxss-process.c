/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that a client has launched: what becomes of them, and what can be done to them. */

#include "client/lxss/lxss-private.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

LxssProcess *lxss_process_free(LxssProcess *process) {
        LxssProcess **link;

        if (!process)
                return NULL;
        for (link = &process->client->processes; *link && *link != process; link = &(*link)->next)
                ;
        if (*link)
                *link = process->next;
        lxss_failure_clear(&process->failure);
        closep(&process->terminal);
        free(process->distribution);
        free(process->path);
        free(process);
        return NULL;
}

void lxss_process_watch(LxssProcess *process, LxssEventHandler handler, void *userdata) {
        process->handler = handler;
        process->userdata = userdata;
}

void process_tell(LxssProcess *process, const LxssEvent *event) {
        if (process->handler)
                process->handler(process, event, process->userdata);
}

/* ---- news ---- */

static int read_launched(LxssProcess *process, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *path;
        uint32_t pid;
        int r;

        r = remote_failure_of(answer, &process->failure);
        if (r < 0)
                return r;
        if (dbus_get(&reader, "ou", &path, &pid) < 0)
                return remote_bad_answer(-EBADMSG, &process->failure);
        process->path = strdup(path);
        process->pid = (pid_t)pid;
        return process->path ? 0 : -ENOMEM;
}

static void on_launched(LxssProcess *process, const Incoming *answer) {
        LxssEvent event = { .type = LXSS_STARTED };

        process->launch_call = 0;
        process->error = read_launched(process, answer);
        process->answered = true;
        if (process->error < 0)
                event = (LxssEvent){ .type = LXSS_FAILED, .error = process->error, .failure = &process->failure };
        process_tell(process, &event);
}

static void on_exited(LxssProcess *process, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        LxssEvent event = { .type = LXSS_EXITED };

        if (dbus_get(&reader, "ii", &event.exit.code, &event.exit.status) < 0)
                return;
        process->exit = event.exit;
        process->ended = true;
        process_tell(process, &event);
}

static void on_stopped(LxssProcess *process, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        LxssEvent event = { .type = LXSS_STOPPED };

        if (dbus_get(&reader, "i", &event.signo) == 0 && !process->ended)
                process_tell(process, &event);
}

static LxssProcess *find_by_path(const LxssClient *client, const char *path) {
        for (LxssProcess *p = client->processes; p && path; p = p->next)
                if (p->path && streq(p->path, path))
                        return p;
        return NULL;
}

void processes_take_news(LxssClient *client, const Incoming *incoming) {
        const DbusMessage *m = &incoming->message;
        LxssProcess *p;

        if (m->reply_serial != 0) {
                for (p = client->processes; p && p->launch_call != m->reply_serial; p = p->next)
                        ;
                if (p)
                        on_launched(p, incoming);
                else
                        explanations_take(client, incoming);
        } else if ((p = find_by_path(client, m->path))) {
                if (incoming_is_signal(incoming, PROCESS_INTERFACE, "Exited"))
                        on_exited(p, incoming);
                else if (incoming_is_signal(incoming, PROCESS_INTERFACE, "Stopped"))
                        on_stopped(p, incoming);
        }
}

/* ---- what runs ---- */

pid_t lxss_process_pid(const LxssProcess *process) {
        return process->pid;
}

int lxss_process_open(LxssProcess *process, int *ret_pidfd, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        if (!process->path)
                return -ESRCH;
        dbus_begin_call(&w, process->path, PROCESS_INTERFACE, "GetPidFd", "");
        r = remote_finish_call(process->client->connection, &w, &answer, failure);
        return lxss_result(r < 0 ? r : remote_take_fd(answer, ret_pidfd));
}

int lxss_process_signal(LxssProcess *process, int signo, int flags, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        if (flags & ~(LXSS_GROUP | LXSS_NO_ANSWER))
                return -EINVAL;
        if (!process->path || process->ended)
                return -ESRCH;
        dbus_begin_call(&w, process->path, PROCESS_INTERFACE, "Signal", "ib");
        dbus_put(&w, "ib", signo, (flags & LXSS_GROUP) != 0);
        if (flags & LXSS_NO_ANSWER)
                return lxss_result(connection_send(process->client->connection, &w, NULL));
        return lxss_result(remote_finish_call(process->client->connection, &w, NULL, failure));
}

int lxss_process_set_foreground(LxssProcess *process, bool foreground) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        if (!process->path || process->ended)
                return -ESRCH;
        dbus_begin_call(&w, process->path, PROCESS_INTERFACE, "SetForeground", "b");
        dbus_put(&w, "b", foreground);
        return lxss_result(connection_send(process->client->connection, &w, NULL));
}

int lxss_process_wait(LxssProcess *process, int timeout, LxssExit *ret) {
        int64_t deadline = deadline_after(timeout);
        int r;

        r = client_wait(process->client, &process->answered, deadline);
        if (r == 0)
                r = process->error;
        if (r == 0)
                r = client_wait(process->client, &process->ended, deadline);
        if (r < 0)
                return r;
        *ret = process->exit;
        return process->exit.code == 0 ? -EOWNERDEAD : 0;
}

/* ---- its terminal ---- */

int lxss_process_terminal(const LxssProcess *process) {
        return process->terminal;
}

/* Exactly one descriptor, and it is a pty's master: the instance is not trusted. */
int lxss_terminal_receive(int socket, int *ret_master) {
        _cleanup_close_ int fd = -EBADF;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = CMSG_LEN(sizeof(int)) }; /* no room for a second */
        struct cmsghdr *c;
        ssize_t n;
        int number;

        do
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        c = CMSG_FIRSTHDR(&message);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        if (n == 0 && fd < 0)
                return -ECONNRESET;
        if (fd < 0 || (message.msg_flags & MSG_CTRUNC) || ioctl(fd, TIOCGPTN, &number) < 0)
                return -EBADMSG;
        if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return -errno;
        *ret_master = steal_fd(&fd);
        return 0;
}
