/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls that begin operations (dbus/org.lxss.Manager1.xml). */

#include "client/lxss/operation-call.h"

/* What each takes beside LXSS_DETACH, which all do. */
#define OF_INSTALL (LXSS_DEFAULT | LXSS_NO_OOBE | LXSS_NO_SHORTCUT | LXSS_LEGACY)

static bool flags_fit(int flags, int allowed) {
        return !(flags & ~(allowed | LXSS_DETACH));
}

/* The entries for flags of an open a{sv}. */
static void put_flags(DbusWriter *w, int flags) {
        static const struct {
                int flag;
                const char *option;
                bool value;
        } table[] = {
                { LXSS_TERMINATE, "terminate", true },
                { LXSS_DETACH, "detach", true },
                { LXSS_COPY, "copy", true },
                { LXSS_DEFAULT, "default", true },
                { LXSS_NO_OOBE, "oobe", false },
                { LXSS_NO_SHORTCUT, "shortcut", false },
                { LXSS_LEGACY, "legacy", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (flags & table[i].flag)
                        remote_put_option(w, table[i].option, "b", table[i].value);
}

/* An empty one is said as it is: lxssd refuses an empty sha256, for instance. */
static void put_string(DbusWriter *w, const char *option, const char *value) {
        if (value)
                remote_put_option(w, option, "s", value);
}

/* ---- installing ---- */

static void put_install_options(DbusWriter *w, const LxssInstall *install) {
        DbusArray options = dbus_open_array(w, '{');

        put_string(w, "fallback-name", install->fallback_name);
        put_string(w, "format", install->format);
        put_string(w, "image", install->image);
        put_string(w, "user", install->user);
        put_string(w, "sha256", install->sha256);
        put_string(w, "signature-url", install->signature_url);
        put_flags(w, install->flags);
        if (install->max_size > 0)
                remote_put_option(w, "max-size", "t", install->max_size);
        if (install->keyring >= 0)
                remote_put_option(w, "keyring", "h", install->keyring);
        if (install->signature >= 0)
                remote_put_option(w, "signature", "h", install->signature);
        if (install->fd < 0 || install->signature_url)
                remote_put_environment(w);
        dbus_close_array(w, options);
}

int lxss_install(LxssClient *client, const LxssInstall *install, LxssOperation **ret, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        const char *name = install->name ? install->name : "";
        int r;

        if (!flags_fit(install->flags, OF_INSTALL) || (install->fd < 0) == !install->uri)
                return -EINVAL;
        if (install->fd >= 0) {
                dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Install", "hsa{sv}");
                dbus_put(&w, "hs", install->fd, name);
        } else {
                dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "InstallFrom", "ssa{sv}");
                dbus_put(&w, "ss", install->uri, name);
        }
        put_install_options(&w, install);
        r = operation_begin(client, &w, name, false, ret, failure);
        if (r == 0)
                operation_ask_distribution(*ret);
        return r;
}

/* ---- exporting ---- */

static void put_bytes(DbusWriter *w, const char *option, const char *bytes) {
        dbus_put_struct(w);
        dbus_put(w, "s", option);
        dbus_put_variant(w, "ay");
        dbus_put_bytes(w, bytes, strlen(bytes));
}

int lxss_export(LxssClient *client, const LxssExport *export_, LxssOperation **ret, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        if (!flags_fit(export_->flags, LXSS_TERMINATE) || export_->fd < 0 ||
            !export_->directory != !export_->temporary)
                return -EINVAL;
        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Export", "sha{sv}");
        dbus_put(&w, "sh", export_->distribution ? export_->distribution : "", export_->fd);
        options = dbus_open_array(&w, '{');
        put_string(&w, "format", export_->format);
        put_string(&w, "tag", export_->tag);
        put_flags(&w, export_->flags);
        if (export_->directory) {
                put_bytes(&w, "directory", export_->directory);
                put_bytes(&w, "temporary", export_->temporary);
                remote_put_option(&w, "mode", "t", (uint64_t)export_->mode);
        }
        dbus_close_array(&w, options);
        return operation_begin(client, &w, export_->distribution, false, ret, failure);
}

/* ---- the others ---- */

/* A call of one or two strings and flags. */
typedef struct Simple {
        const char *member;
        const char *first;
        const char *second;   /* NULL: there is none */
        const char *subject;  /* the distribution that it is about */
        int flags, allowed;
        bool with_snapshot;   /* in the answer */
} Simple;

static int begin_simple(LxssClient *client, const Simple *simple, LxssOperation **ret, LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        if (!flags_fit(simple->flags, simple->allowed))
                return -EINVAL;
        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, simple->member, simple->second ? "ssa{sv}" : "sa{sv}");
        dbus_put(&w, "s", simple->first ? simple->first : "");
        if (simple->second)
                dbus_put(&w, "s", simple->second);
        options = dbus_open_array(&w, '{');
        put_flags(&w, simple->flags);
        dbus_close_array(&w, options);
        return operation_begin(client, &w, simple->subject, simple->with_snapshot, ret, failure);
}

int lxss_uninstall(LxssClient *client, const char *distribution, int flags, LxssOperation **ret,
                   LxssFailure *failure) {
        const Simple simple = { "Uninstall", distribution, NULL, distribution, flags, LXSS_TERMINATE, false };

        return begin_simple(client, &simple, ret, failure);
}

int lxss_clone(LxssClient *client, const char *distribution, const char *new_name, int flags, LxssOperation **ret,
               LxssFailure *failure) {
        const Simple simple = { "Clone", distribution, new_name, new_name, flags, LXSS_TERMINATE | LXSS_COPY, false };

        return new_name ? begin_simple(client, &simple, ret, failure) : -EINVAL;
}

int lxss_make_snapshot(LxssClient *client, const char *distribution, const char *snapshot, int flags,
                       LxssOperation **ret, LxssFailure *failure) {
        const Simple simple = { "Snapshot", distribution, snapshot ? snapshot : "", distribution,
                                flags,      LXSS_TERMINATE, true };

        return begin_simple(client, &simple, ret, failure);
}

int lxss_roll_back(LxssClient *client, const char *distribution, const char *snapshot, int flags, LxssOperation **ret,
                   LxssFailure *failure) {
        const Simple simple = { "Rollback", distribution, snapshot ? snapshot : "", distribution,
                                flags,      LXSS_TERMINATE, true };

        return begin_simple(client, &simple, ret, failure);
}

int lxss_move(LxssClient *client, const char *distribution, int directory, int flags, LxssOperation **ret,
              LxssFailure *failure) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        if (!flags_fit(flags, LXSS_TERMINATE))
                return -EINVAL;
        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "Move", "sa{sv}");
        dbus_put(&w, "s", distribution ? distribution : "");
        options = dbus_open_array(&w, '{');
        if (directory >= 0)
                remote_put_option(&w, "directory", "h", directory);
        put_flags(&w, flags);
        dbus_close_array(&w, options);
        return operation_begin(client, &w, distribution, false, ret, failure);
}
