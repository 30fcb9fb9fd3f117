/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings of one distribution: what may be set, and to what. They are written
 * when all of them are found good. */

#include <glib.h>

#include "daemon/log.h"
#include "daemon/manager-private.h"
#include "daemon/passwd.h"
#include "daemon/registry-layers.h"
#include "daemon/text.h"
#include "shared/util.h"

#define USER_KEY "default-user"

static int check_user(const Registry *registry, const Distribution *d, const char *user, sd_bus_error *reterr) {
        g_autofree char *safe = text_printable(user, 80);
        g_auto(GStrv) roots = registry_stack(registry, d, false);
        uint32_t uid;
        int r;

        r = passwd_find(roots, user, &uid);
        if (r == -ENOENT || str_empty(user))
                return error_set(reterr, LXSS_ERROR_NO_SUCH_USER,
                                 "%s has no user \"%s\". Make it first, for instance: lxctl launch -d %s -u root -- "
                                 "useradd -m NAME",
                                 d->name, safe, d->name);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "The users of %s cannot be read: %s", d->name,
                                 g_strerror(-r));
        if (d->id_mode == ID_MODE_SINGLE && uid != 0)
                return error_set(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                 "%s has one user id only, root's, so nobody can be \"%s\". What to do about it: "
                                 "lxctl doctor",
                                 d->name, safe);
        return 0;
}

static int check(const Registry *registry, const Distribution *d, const char *key, const char *value,
                 sd_bus_error *reterr) {
        if (streq(key, USER_KEY))
                return check_user(registry, d, value, reterr);
        return settings_check_instance(key, value, reterr);
}

/* -EINVAL where there is no such key. */
static int check_key(const char *key, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;

        if (streq(key, USER_KEY))
                return 0;
        for (size_t i = 0; settings_instance_key(i); i++)
                if (streq(settings_instance_key(i), key))
                        return 0;
        safe = text_printable(key, 80);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "There is no setting \"%s\".", safe);
}

static SettingChange change(const char *key, const char *value) {
        return (SettingChange){ streq(key, USER_KEY) ? "distribution" : "instance", key, value };
}

/* GArray of SettingChange, which borrows from the request. */
static int collect(const Registry *registry, const Distribution *d, const ConfigureRequest *request, GArray *changes,
                   sd_bus_error *reterr) {
        int r;

        for (char **s = request->settings; s && s[0] && s[1]; s += 2) {
                const SettingChange c = change(s[0], s[1]);

                r = check(registry, d, s[0], s[1], reterr);
                if (r < 0)
                        return r;
                g_array_append_val(changes, c);
        }
        for (char **key = request->unset; key && *key; key++) {
                const SettingChange c = change(*key, NULL);

                r = check_key(*key, reterr);
                if (r < 0)
                        return r;
                g_array_append_val(changes, c);
        }
        return 0;
}

/* The default user counts for the next program already, all else for the next instance. */
static bool is_pending(Manager *manager, const Distribution *d, const GArray *changes) {
        const Instance *instance = manager_find_instance(manager, d->name);

        if (!instance || instance_is_left(instance))
                return false;
        for (guint i = 0; i < changes->len; i++)
                if (!streq(g_array_index(changes, SettingChange, i).key, USER_KEY))
                        return true;
        return false;
}

int manager_configure(Manager *manager, const ConfigureRequest *request, bool *ret_pending, sd_bus_error *reterr) {
        g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(SettingChange));
        Distribution *d;
        int r;

        if ((r = manager_refuse_while_ending(manager, reterr)) < 0 ||
            (r = registry_resolve(manager->registry, request->name, &d, reterr)) < 0 ||
            (r = collect(manager->registry, d, request, changes, reterr)) < 0 ||
            (r = registry_configure(manager->registry, d, (SettingChange *)changes->data, changes->len, reterr)) < 0)
                return r;
        for (guint i = 0; i < changes->len; i++) {
                const SettingChange *c = &g_array_index(changes, SettingChange, i);

                log_info("config %s: %s %s %s", d->name, c->key, c->value ? "is" : "is no longer set", c->value ?: "");
        }
        manager->events.distribution_changed(d, manager->userdata);
        *ret_pending = is_pending(manager, d, changes);
        return 0;
}
