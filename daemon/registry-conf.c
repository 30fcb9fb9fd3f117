/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* distribution.conf: what a distribution is, read once, at start, written when that
 * changes, and written anew where it cannot be used. People write there too: what is
 * theirs is kept. */

#include <sys/stat.h>

#include "daemon/conf-salvage.h"
#include "daemon/log.h"
#include "daemon/passwd.h"
#include "daemon/registry-layers.h"
#include "daemon/registry-private.h"
#include "daemon/text.h"
#include "shared/distribution-name.h"
#include "shared/text.h"
#include "shared/util.h"

#define GROUP "distribution"
#define CONF "distribution.conf"

static char *conf_path(Registry *registry, const char *name) {
        return g_build_filename(registry->distributions, name, CONF, NULL);
}

static void take_string(GKeyFile *file, const char *key, char **member) {
        char *value = g_key_file_get_string(file, GROUP, key, NULL);

        if (value) {
                g_free(*member);
                *member = value;
        }
}

static void mark_broken(Distribution *d, const char *format, ...) _printf_(2, 3);

static void mark_broken(Distribution *d, const char *format, ...) {
        g_autofree char *trouble = NULL;
        va_list arguments;

        va_start(arguments, format);
        trouble = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_free(d->trouble);
        d->trouble = text_printable(trouble, 400);
        d->state = DISTRIBUTION_BROKEN;
        log_warning("%s is broken: %s.", d->name, d->trouble);
}

/* The file's name comes from a user's file, and may be no path. */
static void take_shortcut(GKeyFile *file, Distribution *d) {
        d->shortcut = g_key_file_get_boolean(file, GROUP, "shortcut", NULL);
        take_string(file, "icon", &d->icon);
        if (d->icon && strchr(d->icon, '/'))
                g_clear_pointer(&d->icon, g_free);
}

/* A slot that is not there is the first one. */
static void take_conf(Distribution *d, GKeyFile *file) {
        guint64 slot = g_key_file_get_uint64(file, GROUP, "slot", NULL);
        g_autofree char *mode = g_key_file_get_string(file, GROUP, "id-mode", NULL);
        g_autofree char *oobe = g_key_file_get_string(file, GROUP, "oobe", NULL);

        take_string(file, "default-user", &d->default_user);
        take_string(file, "release", &d->release);
        take_string(file, "source", &d->source);
        take_shortcut(file, d);
        d->oobe = g_strcmp0(oobe, oobe_state_to_string(OOBE_PENDING)) == 0 ? OOBE_PENDING : OOBE_NONE;
        d->install_time = g_key_file_get_uint64(file, GROUP, "install-time", NULL);
        d->slot = slot < ID_SLOT_MAX ? slot : ID_SLOT_MAX;
        d->id_mode = id_mode_from_string(mode);
}

static bool has_rootfs(const Distribution *d) {
        return g_file_test(d->rootfs, G_FILE_TEST_IS_DIR);
}

/* Also of a file that is damaged: where the files are must be known to repair or to remove it. NULL: it is not there.
 */
static GKeyFile *read_conf(const char *path, GError **error) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree char *data = NULL;
        gsize size;

        if (!g_file_get_contents(path, &data, &size, error))
                return NULL;
        if (g_key_file_load_from_data(file, data, size, G_KEY_FILE_NONE, error))
                return g_steal_pointer(&file);
        return conf_salvage(data, size);
}

void registry_load_conf(Registry *registry, const char *name) {
        g_autofree char *path = conf_path(registry, name), *trouble = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GKeyFile) file = read_conf(path, &error);
        Distribution *d = registry_add(registry, name, DISTRIBUTION_INSTALLED);
        int r = file ? registry_load_place(d, file) : 0;
        bool there = registry_check_place(d, NULL) >= 0;

        if (!distribution_name_is_valid(name))
                mark_broken(d, "the name of its folder in %s cannot be a distribution's", registry->distributions);
        else if (r < 0)
                mark_broken(d, "%s names a place of its files that cannot be", path);
        else if (there && !has_rootfs(d))
                mark_broken(d, "there is no directory %s", d->rootfs);
        else if (error)
                mark_broken(d, "%s: %s", path, error->message);
        else
                take_conf(d, file);
        if (d->state == DISTRIBUTION_BROKEN) {
                /* What it refers to in staging is no leftover all the same. */
                if (file)
                        (void)registry_load_layers(registry, d, file, &trouble);
                d->refers_unknown |= error || !file;
                return;
        }
        if (d->id_mode < 0 || d->slot == ID_SLOT_MAX)
                mark_broken(d, "%s lacks what lxssd wrote there, or has it wrong", path);
        else
                settings_load_instance(path, &d->settings);
        if (registry_load_layers(registry, d, file, &trouble) < 0)
                mark_broken(d, "%s", trouble);
}

bool registry_is_ours(Registry *registry, const char *name) {
        g_autofree char *folder = g_build_filename(registry->distributions, name, NULL);
        g_autofree char *root = g_build_filename(folder, "rootfs", NULL), *conf = g_build_filename(folder, CONF, NULL);

        if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
                return false;
        if (distribution_name_is_valid(name))
                return true;
        return name[0] != '.' && text_is_printable(name, strlen(name)) &&
               (g_file_test(root, G_FILE_TEST_EXISTS) || g_file_test(conf, G_FILE_TEST_EXISTS));
}

static bool is_repairable(const Distribution *d) {
        return distribution_name_is_valid(d->name) && has_rootfs(d);
}

int registry_fail_broken(const Distribution *d, sd_bus_error *reterr) {
        if (is_repairable(d))
                return error_set(reterr, LXSS_ERROR_DISTRIBUTION_BROKEN,
                                 "%s is broken: %s. Repair it with lxctl repair %s, or remove it with lxctl uninstall "
                                 "%s.",
                                 d->name, d->trouble, d->name, d->name);
        return error_set(reterr, LXSS_ERROR_DISTRIBUTION_BROKEN,
                         "%s is broken: %s. Put that right by hand and run lxctl shutdown, or remove it with: "
                         "lxctl uninstall \"%s\"",
                         d->name, d->trouble, d->name);
}

static void set_optional(GKeyFile *file, const char *key, const char *value) {
        if (value)
                g_key_file_set_string(file, GROUP, key, value);
        else
                (void)g_key_file_remove_key(file, GROUP, key, NULL);
}

/* file: what else is to stand there. */
static int store_conf(const Distribution *d, GKeyFile *file, const char *directory, sd_bus_error *reterr) {
        g_autofree char *path = g_build_filename(directory, CONF, NULL), *data = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;

        if (d->default_user)
                g_key_file_set_string(file, GROUP, "default-user", d->default_user);
        g_key_file_set_string(file, GROUP, "release", d->release);
        g_key_file_set_string(file, GROUP, "source", d->source);
        g_key_file_set_uint64(file, GROUP, "install-time", d->install_time);
        g_key_file_set_string(file, GROUP, "id-mode", id_mode_to_string(d->id_mode));
        g_key_file_set_uint64(file, GROUP, "slot", d->slot);
        set_optional(file, "oobe", d->oobe == OOBE_NONE ? NULL : oobe_state_to_string(OOBE_PENDING));
        set_optional(file, "shortcut", d->shortcut ? "true" : NULL);
        set_optional(file, "icon", d->icon);
        set_optional(file, "location", d->location);
        layers_store(file, GROUP, d->layers);
        snapshots_store(file, d->snapshots);
        set_optional(file, "location-id", d->location ? d->location_id : NULL);
        data = g_key_file_to_data(file, &size, NULL);
        if (!g_file_set_contents_full(path, data, size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                      0600, &error))
                return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
        return 0;
}

int registry_write_conf(const Distribution *d, const Distribution *origin, const char *directory,
                        sd_bus_error *reterr) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GError) error = NULL;

        if (origin) {
                g_autofree char *theirs = g_build_filename(origin->directory, CONF, NULL);

                if (!g_key_file_load_from_file(file, theirs, G_KEY_FILE_KEEP_COMMENTS, &error))
                        return error_set(reterr, LXSS_ERROR_FAILED, "%s: %s", theirs, error->message);
        }
        return store_conf(d, file, directory, reterr);
}

int registry_store(Registry *registry _unused_, Distribution *distribution, sd_bus_error *reterr) {
        return registry_write_conf(distribution, distribution, distribution->directory, reterr);
}

int registry_configure(Registry *registry, Distribution *distribution, const SettingChange *changes, size_t n,
                       sd_bus_error *reterr) {
        g_autofree char *path = conf_path(registry, distribution->name);
        int r;

        r = settings_store(path, 0600, changes, n, reterr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (streq(changes[i].group, GROUP) && streq(changes[i].key, "default-user")) {
                        g_free(distribution->default_user);
                        distribution->default_user = g_strdup(changes[i].value);
                }
        distribution->settings = registry->settings->instance;
        settings_load_instance(path, &distribution->settings);
        return 0;
}

/* In which mode a root file system was written shows in whom it belongs to. */
static IdMode mode_of_root(const Distribution *d) {
        struct stat st;

        if (geteuid() == 0)
                return ID_MODE_ROOT;
        return stat(d->rootfs, &st) == 0 && st.st_uid == geteuid() ? ID_MODE_SINGLE : ID_MODE_SUBIDS;
}

static bool slot_is_free(Registry *registry, const Distribution *d) {
        GHashTableIter i;
        void *other;

        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &other))
                if (other != d && ((Distribution *)other)->slot == d->slot)
                        return false;
        return d->slot < ID_SLOT_MAX;
}

/* As after an install for which nobody named one. Where that is not to be known it is root, as without any. */
static void recover_user(Registry *registry, Distribution *d) {
        g_auto(GStrv) roots = registry_stack(registry, d, false);
        char name[WORKER_USER_NAME_MAX + 1];

        if (d->default_user || d->oobe != OOBE_NONE)
                return;
        if (d->id_mode == ID_MODE_SINGLE)
                d->default_user = g_strdup("root");
        else if (passwd_find_default(roots, d->id_mode == ID_MODE_ROOT ? 0 : USER_DEFAULT_UID, name) >= 0)
                d->default_user = g_strdup(name);
}

int registry_repair(Registry *registry, Distribution *d, char **ret_aside, sd_bus_error *reterr) {
        g_autofree char *path = conf_path(registry, d->name), *aside = NULL, *trouble = NULL;
        g_autoptr(GKeyFile) file = NULL;
        int r;

        if (!is_repairable(d))
                return registry_fail_broken(d, reterr);
        r = conf_set_aside(path, &file, &aside, reterr);
        if (r < 0)
                return r;
        take_conf(d, file);
        if (registry_load_layers(registry, d, file, &trouble) < 0)
                return error_set(reterr, LXSS_ERROR_DISTRIBUTION_BROKEN,
                                 "%s cannot be repaired: %s. Its settings are in %s.", d->name, trouble, aside);
        d->id_mode = mode_of_root(d);
        recover_user(registry, d);
        if (!slot_is_free(registry, d))
                d->slot = registry_free_slot(registry);
        r = store_conf(d, file, d->directory, reterr);
        if (r < 0)
                return r;
        settings_load_instance(path, &d->settings);
        d->state = DISTRIBUTION_INSTALLED;
        *ret_aside = g_steal_pointer(&aside);
        return 0;
}
