/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configure of org.lxss.Manager1, and the settings of a distribution as a property. */

#include "daemon/bus-objects.h"
#include "daemon/bus-requests.h"
#include "shared/util.h"

/* a{ss} as a list of pairs. */
static int read_pairs(sd_bus_message *m, char ***ret) {
        g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{ss}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0) {
                g_ptr_array_add(pairs, g_strdup(key));
                g_ptr_array_add(pairs, g_strdup(value));
        }
        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        g_ptr_array_add(pairs, NULL);
        g_ptr_array_set_free_func(pairs, NULL);
        *ret = (char **)g_ptr_array_free(g_steal_pointer(&pairs), FALSE);
        return 0;
}

int bus_method_configure(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        g_auto(GStrv) settings = NULL;
        _cleanup_strv_free_ char **unset = NULL;
        ConfigureRequest request = { 0 };
        bool pending;
        int r;

        if ((r = sd_bus_message_read(m, "s", &request.name)) < 0 || (r = read_pairs(m, &settings)) < 0 ||
            (r = sd_bus_message_read_strv(m, &unset)) < 0)
                return r;
        request.settings = settings;
        request.unset = unset;
        r = manager_configure(bus_manager(userdata), &request, &pending, reterr);
        return r < 0 ? r : sd_bus_reply_method_return(m, "b", pending);
}

int bus_get_settings(sd_bus *connection _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata,
                     sd_bus_error *reterr _unused_) {
        const Distribution *d = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        if (r >= 0)
                r = sd_bus_message_append(
                                reply, "(sss)", "default-user", d->default_user ?: "root",
                                setting_origin_to_string(d->default_user ? SETTING_DISTRIBUTION : SETTING_DEFAULT));
        for (size_t i = 0; r >= 0 && settings_instance_key(i); i++) {
                g_autofree char *value = settings_instance_value(&d->settings, i);

                r = sd_bus_message_append(reply, "(sss)", settings_instance_key(i), value,
                                          setting_origin_to_string(d->settings.origins[i]));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}
