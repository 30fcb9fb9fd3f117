/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what calls to lxssd have in common. lxssd may exit for being
 * idle just while a client connects: a connection that ends before it is
 * authenticated is made again, since nothing was asked on it yet. What happens
 * later is the caller's to judge. */

#include "client/lxss/remote.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "shared/paths.h"
#include "shared/text.h"
#include "shared/transfer-variables.h"

#define CONNECT_ATTEMPTS 8

static bool is_disconnect(int r) {
        return r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN || r == -ESHUTDOWN;
}

static void wait_before(unsigned attempt) {
        const struct timespec pause = { .tv_nsec = attempt * 20 * 1000 * 1000L };

        if (attempt > 0)
                (void)nanosleep(&pause, NULL);
}

int remote_connect(Activation activation, Connection **ret, LxssFailure *reterr) {
        _cleanup_free_ char *log = NULL;
        int r = 0;

        for (unsigned attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
                int fd = -EBADF;

                wait_before(attempt);
                r = activate_connect(activation, &fd, reterr);
                if (r == -ECONNREFUSED) { /* it was started, and has ended again already */
                        lxss_failure_clear(reterr);
                        continue;
                }
                if (r <= 0)
                        return r;
                r = connection_new(fd, ret);
                if (r >= 0)
                        return 1;
                if (!is_disconnect(r))
                        return failure_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, r, "Cannot talk to lxssd: %s",
                                           strerror(-r));
        }
        return failure_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, r,
                           "lxssd ends or closes the connection before it answers. Its log: %s",
                           path_describe_log(&log) < 0 ? "unknown" : log);
}

char *remote_distribution_path(const char *name) {
        static const char prefix[] = MANAGER_PATH "/distribution/";
        char *path = malloc(strlen(prefix) + 3 * strlen(name) + 1), *p = path;

        if (!path)
                return NULL;
        p = stpcpy(p, prefix);
        for (const char *c = name; *c; c++) {
                bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'), digit = *c >= '0' && *c <= '9';

                if (letter || (digit && c > name))
                        *p++ = *c;
                else
                        p += sprintf(p, "_%02x", (unsigned char)*c);
        }
        *p = '\0';
        return path;
}

/* The errno of our own names; EIO for all others. */
static int errno_of(const char *name) {
        LxssError error = lxss_error_from_name(name);

        return error < 0 ? EIO : lxss_error_to_errno(error);
}

int remote_failure_of(const Incoming *answer, LxssFailure *reterr) {
        const DbusMessage *m = &answer->message;
        DbusReader reader = incoming_read(answer);
        const char *text = "";

        if (m->type != DBUS_ERROR)
                return 0;
        if (*m->signature == 's')
                (void)dbus_get(&reader, "s", &text);
        return failure_copy(reterr, -errno_of(m->error_name), m->error_name, text);
}

int remote_bad_answer(int r, LxssFailure *reterr) {
        return failure_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, r, "lxssd's answer cannot be read: %s",
                           strerror(-r));
}

int remote_crowded(LxssFailure *reterr) {
        return failure_set(reterr, LXSS_ERROR_LIMIT_REACHED, -EDQUOT, LXSS_CROWDED_TEXT);
}

int remote_take_fd(const Incoming *answer, int *ret) {
        DbusReader reader = incoming_read(answer);
        int fd;

        if (dbus_get(&reader, "h", &fd) < 0)
                return -EBADMSG;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the answer owns the other */
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

int remote_finish_call(Connection *connection, DbusWriter *w, Incoming **ret, LxssFailure *reterr) {
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        r = connection_call(connection, w, &answer);
        if (r == -EDQUOT)
                return remote_crowded(reterr);
        if (r == 0)
                r = remote_failure_of(answer, reterr);
        if (r == 0 && ret)
                *ret = steal_pointer(&answer);
        return r;
}

int remote_call(Connection *connection, const char *member, Incoming **ret, LxssFailure *reterr, const char *types, ...) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        va_list arguments;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, member, types);
        va_start(arguments, types);
        dbus_vput(&w, types, arguments);
        va_end(arguments);
        return remote_finish_call(connection, &w, ret, reterr);
}

int remote_get_string(Connection *connection, const char *path, const char *interface, const char *property,
                      char **ret) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        const char *text;
        DbusReader reader;
        int r;

        dbus_begin_call(&w, path, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", interface, property);
        r = remote_finish_call(connection, &w, &answer, NULL);
        if (r < 0)
                return r;
        reader = incoming_read(answer);
        if (!streq(dbus_get_variant(&reader), "s") || dbus_get(&reader, "s", &text) < 0)
                return -EBADMSG;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

void remote_put_option(DbusWriter *w, const char *name, const char *type, ...) {
        va_list arguments;

        dbus_put_struct(w);
        dbus_put(w, "s", name);
        dbus_put_variant(w, type);
        va_start(arguments, type);
        dbus_vput(w, type, arguments);
        va_end(arguments);
}

void remote_put_environment(DbusWriter *w) {
        DbusArray strings;

        dbus_put_struct(w);
        dbus_put(w, "s", "environment");
        dbus_put_variant(w, "as");
        strings = dbus_open_array(w, 's');
        for (char **e = environ; *e; e++)
                if (transfer_variable_is_known(*e) && text_is_utf8(*e))
                        dbus_put(w, "s", *e);
        dbus_close_array(w, strings);
}
