/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/listener.h. */

#include "daemon/listener.h"

#include <glib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "daemon/activation.h"
#include "daemon/directory.h"
#include "daemon/log.h"
#include "shared/paths.h"
#include "shared/util.h"

struct Listener {
        int fd;
        bool of_systemd;
        char *path, *directory;
        listener_accepted_t accepted;
        void *userdata;
        sd_event_source *source;
};

/* Returns how many. */
static unsigned accept_all(Listener *listener) {
        unsigned n = 0;

        for (;;) {
                int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0)
                        return n;
                listener->accepted(fd, listener->userdata);
                n++;
        }
}

static int on_connection(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata) {
        (void)accept_all(userdata);
        return 0;
}

static int open_lock(const Listener *listener) {
        g_autofree char *path = g_build_filename(listener->directory, "lock", NULL);
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        return steal_fd(&fd);
}

static bool somebody_listens(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN);
}

/* Under the lock. A socket that nobody listens on is what a killed lxssd left. */
static int bind_socket(Listener *listener) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        mode_t mask;
        int r;

        if (fd < 0)
                return -errno;
        g_strlcpy(address.sun_path, listener->path, sizeof(address.sun_path));
        if (somebody_listens(&address))
                return -EADDRINUSE;
        (void)unlink(listener->path);
        mask = umask(0177);
        r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(mask);
        if (r < 0)
                return r;
        if (listen(fd, SOMAXCONN) < 0)
                return -errno;
        listener->fd = steal_fd(&fd);
        return 0;
}

static int make_socket(Listener *listener, sd_bus_error *reterr) {
        _cleanup_close_ int lock = -EBADF;
        int r;

        r = directory_make_private(listener->directory, reterr);
        if (r < 0)
                return r;
        lock = open_lock(listener);
        r = lock < 0 ? lock : bind_socket(listener);
        if (r < 0)
                error_set(reterr, LXSS_ERROR_FAILED, "Cannot listen on %s: %s", listener->path, g_strerror(-r));
        return r;
}

/* -ENOENT: none was passed. */
static int take_passed_socket(Listener *listener, sd_bus_error *reterr) {
        int fd = activation_take_listener(&listener->of_systemd, reterr);

        if (fd < 0)
                return fd;
        listener->fd = fd;
        return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int listener_new(sd_event *event, listener_accepted_t accepted, void *userdata, Listener **ret, sd_bus_error *reterr) {
        Listener *listener = g_new0(Listener, 1);
        int r;

        *ret = listener;
        listener->fd = -EBADF;
        listener->accepted = accepted;
        listener->userdata = userdata;
        r = path_manager_socket(&listener->path);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "The private socket has no place: %s", g_strerror(-r));
        listener->directory = g_path_get_dirname(listener->path);
        r = take_passed_socket(listener, reterr);
        if (r == -ENOENT)
                r = make_socket(listener, reterr);
        if (r < 0)
                return r;
        return sd_event_add_io(event, &listener->source, listener->fd, EPOLLIN, on_connection, listener);
}

Listener *listener_free(Listener *listener) {
        if (!listener)
                return NULL;
        listener->source = sd_event_source_disable_unref(listener->source);
        closep(&listener->fd);
        free(listener->path);
        g_free(listener->directory);
        g_free(listener);
        return NULL;
}

bool listener_is_open(const Listener *listener) {
        return listener->fd >= 0;
}

bool listener_retire(Listener *listener) {
        _cleanup_close_ int lock = -EBADF;

        if (accept_all(listener) > 0)
                return false;
        if (listener->of_systemd)
                return true;
        lock = open_lock(listener);
        if (accept_all(listener) > 0)
                return false;
        (void)unlink(listener->path);
        /* Whoever found the path before that and connects now is turned away, and tries again. */
        listener->source = sd_event_source_disable_unref(listener->source);
        closep(&listener->fd);
        return true;
}
