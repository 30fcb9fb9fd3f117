/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of distributions and the renames that change it. It is ours alone: the
 * data directory belongs to the user and nobody else may write there. What is inside
 * a root file system is not looked at here, and what a distribution.conf says is
 * registry-conf.c's. */

#include "daemon/registry.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "daemon/directory.h"
#include "daemon/durable.h"
#include "daemon/log.h"
#include "daemon/mount-table.h"
#include "daemon/registry-private.h"
#include "daemon/shortcut.h"
#include "daemon/text.h"
#include "shared/distribution-name.h"
#include "shared/text.h"
#include "shared/util.h"

#define LOCK_WAIT_SECONDS 10

static const char *const state_names[DISTRIBUTION_STATE_MAX] = {
        [DISTRIBUTION_INSTALLED] = "installed",
        [DISTRIBUTION_INSTALLING] = "installing",
        [DISTRIBUTION_UNINSTALLING] = "uninstalling",
        [DISTRIBUTION_EXPORTING] = "exporting",
        [DISTRIBUTION_CLONING] = "cloning",
        [DISTRIBUTION_MOVING] = "moving",
        [DISTRIBUTION_SNAPSHOTTING] = "snapshotting",
        [DISTRIBUTION_ROLLING_BACK] = "rolling-back",
        [DISTRIBUTION_UNAVAILABLE] = "unavailable",
        [DISTRIBUTION_BROKEN] = "broken",
};

const char *distribution_state_to_string(DistributionState state) {
        return state >= 0 && state < DISTRIBUTION_STATE_MAX ? state_names[state] : NULL;
}

static const char *const oobe_names[OOBE_STATE_MAX] = {
        [OOBE_NONE] = "none",
        [OOBE_PENDING] = "pending",
        [OOBE_RUNNING] = "running",
};

const char *oobe_state_to_string(OobeState state) {
        return state >= 0 && state < OOBE_STATE_MAX ? oobe_names[state] : NULL;
}

static void distribution_free(void *p) {
        Distribution *d = p;

        g_free(d->name);
        g_free(d->directory);
        g_free(d->rootfs);
        g_free(d->location);
        g_free(d->location_id);
        g_free(d->default_user);
        g_free(d->release);
        g_free(d->source);
        g_free(d->trouble);
        g_free(d->icon);
        registry_forget_layers(d);
        g_free(d);
}

Distribution *registry_add(Registry *registry, const char *name, DistributionState state) {
        Distribution *d = g_new0(Distribution, 1);

        d->name = g_strdup(name);
        d->state = state;
        d->directory = g_build_filename(registry->distributions, name, NULL);
        d->rootfs = g_build_filename(d->directory, "rootfs", NULL);
        d->release = g_strdup("");
        d->source = g_strdup("");
        d->id_mode = ID_MODE_INVALID;
        d->settings = registry->settings->instance;
        g_hash_table_replace(registry->table, d->name, d);
        return d;
}

static void load_all(Registry *registry) {
        g_autoptr(GDir) dir = g_dir_open(registry->distributions, 0, NULL);

        for (const char *name; dir && (name = g_dir_read_name(dir));)
                if (registry_is_ours(registry, name))
                        registry_load_conf(registry, name);
}

static void on_alarm(int signal _unused_) {
}

/* Another lxssd that is ending holds the lock for some milliseconds more. */
static int take_lock(Registry *registry, sd_bus_error *reterr) {
        struct sigaction action = { .sa_handler = on_alarm }, old;
        g_autofree char *path = g_build_filename(registry->directory, "lock", NULL);
        int r;

        registry->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (registry->lock < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot open %s: %s", path, g_strerror(errno));
        (void)sigaction(SIGALRM, &action, &old);
        alarm(LOCK_WAIT_SECONDS);
        r = flock(registry->lock, LOCK_EX) < 0 ? -errno : 0;
        alarm(0);
        (void)sigaction(SIGALRM, &old, NULL);
        if (r < 0) {
                error_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, "Another lxssd serves %s already.",
                          registry->directory);
                return -EBUSY;
        }
        return 0;
}

int registry_open(const char *directory, const char *settings_file, Registry **ret, sd_bus_error *reterr) {
        g_autoptr(Registry) registry = g_new0(Registry, 1);
        int r;

        registry->lock = -EBADF;
        registry->directory = g_strdup(directory);
        registry->distributions = g_build_filename(directory, "distributions", NULL);
        registry->staging = g_build_filename(directory, "staging", NULL);
        registry->layers = g_build_filename(directory, "layers", NULL);
        registry->settings_file = g_strdup(settings_file);
        registry->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, distribution_free);
        if ((r = directory_make_private(directory, reterr)) < 0 || (r = take_lock(registry, reterr)) < 0 ||
            (r = directory_make_private(registry->distributions, reterr)) < 0 ||
            (r = directory_make_private(registry->staging, reterr)) < 0)
                return r;
        registry->settings = settings_load(settings_file);
        load_all(registry);
        *ret = g_steal_pointer(&registry);
        return 0;
}

Registry *registry_free(Registry *registry) {
        if (!registry)
                return NULL;
        g_hash_table_unref(registry->table);
        settings_free(registry->settings);
        closep(&registry->lock);
        g_free(registry->directory);
        g_free(registry->distributions);
        g_free(registry->staging);
        g_free(registry->layers);
        g_free(registry->settings_file);
        g_free(registry);
        return NULL;
}

const char *registry_directory(const Registry *registry) {
        return registry->directory;
}

const Settings *registry_settings(const Registry *registry) {
        return registry->settings;
}

Distribution *registry_find(Registry *registry, const char *name) {
        return g_hash_table_lookup(registry->table, name);
}

static int compare_names(const void *a, const void *b) {
        return strcmp((*(Distribution *const *)a)->name, (*(Distribution *const *)b)->name);
}

GPtrArray *registry_list(Registry *registry) {
        GPtrArray *list = g_ptr_array_new();
        GHashTableIter i;
        void *d;

        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &d)) {
                if (((Distribution *)d)->state == DISTRIBUTION_UNAVAILABLE)
                        (void)registry_check_place(d, NULL); /* it may have come back */
                g_ptr_array_add(list, d);
        }
        g_ptr_array_sort(list, compare_names);
        return list;
}

Distribution *registry_default(Registry *registry) {
        g_autoptr(GPtrArray) list = registry_list(registry);
        const char *chosen = registry->settings->default_distribution;
        Distribution *first = NULL, *d = chosen ? registry_find(registry, chosen) : NULL;

        if (d && distribution_state_is_lasting(d->state))
                return d;
        for (guint i = 0; i < list->len; i++) {
                d = list->pdata[i];
                if (distribution_state_is_lasting(d->state) && (!first || d->install_time < first->install_time))
                        first = d;
        }
        return first;
}

int registry_set_default(Registry *registry, Distribution *distribution, sd_bus_error *reterr) {
        int r;

        r = settings_store_default(registry->settings_file, distribution->name, reterr);
        if (r < 0)
                return r;
        g_free(registry->settings->default_distribution);
        registry->settings->default_distribution = g_strdup(distribution->name);
        return 0;
}

/* A name that one slip of the finger turns into this one: same but for case, a prefix of it, or one letter off. */
static const char *suggest(Registry *registry, const char *name) {
        g_autoptr(GPtrArray) list = registry_list(registry);

        for (guint i = 0; i < list->len; i++) {
                const char *candidate = ((Distribution *)list->pdata[i])->name;
                size_t same = 0, m = strlen(candidate), n = strlen(name), tail = 0;

                while (name[same] && name[same] == candidate[same])
                        same++;
                while (tail < MIN(m, n) - MIN(same, MIN(m, n)) && name[n - 1 - tail] == candidate[m - 1 - tail])
                        tail++;
                if (g_ascii_strcasecmp(candidate, name) == 0 || (n >= 3 && same == n) ||
                    (MIN(m, n) >= 4 && MAX(m, n) - same - tail <= 2))
                        return candidate;
        }
        return NULL;
}

static int fail_unknown(Registry *registry, const char *name, sd_bus_error *reterr) {
        const char *close_one = suggest(registry, name);
        g_autofree char *safe = text_printable(name, 80);

        if (close_one)
                return error_set(reterr, LXSS_ERROR_NO_SUCH_DISTRIBUTION,
                                 "There is no distribution \"%s\". Did you mean \"%s\"?", safe, close_one);
        return error_set(reterr, LXSS_ERROR_NO_SUCH_DISTRIBUTION,
                         "There is no distribution \"%s\". What is installed: lxctl list", safe);
}

/* "is being …", or NULL. */
static const char *what_is_done(DistributionState state) {
        switch (state) {
        case DISTRIBUTION_INSTALLING:
                return "installed";
        case DISTRIBUTION_UNINSTALLING:
                return "uninstalled";
        case DISTRIBUTION_EXPORTING:
                return "exported";
        case DISTRIBUTION_CLONING:
                return "cloned";
        case DISTRIBUTION_MOVING:
                return "moved";
        case DISTRIBUTION_SNAPSHOTTING:
                return "frozen for a snapshot";
        case DISTRIBUTION_ROLLING_BACK:
                return "rolled back";
        default:
                return NULL;
        }
}

int registry_resolve(Registry *registry, const char *name, Distribution **ret, sd_bus_error *reterr) {
        Distribution *d = str_empty(name) ? registry_default(registry) : registry_find(registry, name);
        int r;

        if (!d && str_empty(name))
                return error_set(reterr, LXSS_ERROR_NOTHING_INSTALLED,
                                 "No distribution is installed. Install one, for instance: lxctl install "
                                 "bootstrap:bookworm");
        if (!d)
                return fail_unknown(registry, name, reterr);
        if (what_is_done(d->state))
                return error_set(reterr, LXSS_ERROR_OPERATION_PENDING, "%s is being %s.", d->name,
                                 what_is_done(d->state));
        if (d->state == DISTRIBUTION_BROKEN)
                return registry_fail_broken(d, reterr);
        r = registry_check_place(d, reterr);
        if (r < 0)
                return r;
        *ret = d;
        return 0;
}

/* Names differ by more than case, so that they can be carried to any file system. */
static Distribution *find_ignoring_case(Registry *registry, const char *name) {
        GHashTableIter i;
        void *d;

        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &d))
                if (g_ascii_strcasecmp(((Distribution *)d)->name, name) == 0)
                        return d;
        return NULL;
}

uint32_t registry_free_slot(Registry *registry) {
        g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
        GHashTableIter i;
        uint32_t slot = 0;
        void *d;

        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &d))
                g_hash_table_add(used, GUINT_TO_POINTER(((Distribution *)d)->slot));
        while (g_hash_table_contains(used, GUINT_TO_POINTER(slot)))
                slot++;
        return slot;
}

/* Whether it can be the name of a new distribution, or of this one. */
static int check_new_name(Registry *registry, const char *name, const Distribution *of, sd_bus_error *reterr) {
        g_autofree char *safe = text_printable(name, 80);
        Distribution *d;

        if (!distribution_name_is_valid(name))
                return error_set(reterr, LXSS_ERROR_INVALID_NAME,
                                 "\"%s\" cannot be a distribution's name: it needs 1 to %d letters, digits, dots, "
                                 "dashes or underscores, a letter or digit first.",
                                 safe, DISTRIBUTION_NAME_MAX);
        d = find_ignoring_case(registry, name);
        if (!d || (d == of && !streq(d->name, name)))
                return 0;
        if (d == of)
                return error_set(reterr, LXSS_ERROR_DISTRIBUTION_EXISTS, "%s has that name already.", d->name);
        if (d->state == DISTRIBUTION_INSTALLING)
                return error_set(reterr, LXSS_ERROR_DISTRIBUTION_EXISTS, "%s is being installed already.", d->name);
        return error_set(reterr, LXSS_ERROR_DISTRIBUTION_EXISTS,
                         "There is a distribution %s already. Choose another name%s, or remove it first: lxctl "
                         "uninstall %s",
                         d->name, of && of->state != DISTRIBUTION_INSTALLING ? "" : " with --name", d->name);
}

int registry_reserve(Registry *registry, const char *name, Distribution **ret, sd_bus_error *reterr) {
        Distribution *d;
        uint32_t slot;
        int r;

        r = check_new_name(registry, name, NULL, reterr);
        if (r < 0)
                return r;
        slot = registry_free_slot(registry);
        d = registry_add(registry, name, DISTRIBUTION_INSTALLING);
        d->slot = slot;
        *ret = d;
        return 0;
}

/* What the table and paths have of it. */
static void give_name(Registry *registry, Distribution *d, const char *name) {
        g_hash_table_steal(registry->table, d->name);
        g_free(d->name);
        g_free(d->directory);
        g_free(d->rootfs);
        d->name = g_strdup(name);
        d->directory = g_build_filename(registry->distributions, name, NULL);
        d->rootfs = g_build_filename(d->location ?: d->directory, "rootfs", NULL);
        g_hash_table_replace(registry->table, d->name, d);
}

int registry_rename_reserved(Registry *registry, Distribution *distribution, const char *name, sd_bus_error *reterr) {
        int r;

        g_assert(distribution->state == DISTRIBUTION_INSTALLING);
        if (streq(name, distribution->name))
                return 0;
        r = check_new_name(registry, name, distribution, reterr);
        if (r < 0)
                return r;
        give_name(registry, distribution, name);
        return 0;
}

void registry_forget(Registry *registry, Distribution *distribution) {
        g_hash_table_remove(registry->table, distribution->name);
}

/* Workers run as the container's root. For root's own lxssd that is another id,
 * which a directory of mode 0700 has to belong to; for a user's it has rights over what is the user's. */
int registry_hand_over(const char *path) {
        return geteuid() == 0 && lchown(path, ID_STORE_BASE, ID_STORE_BASE) < 0 ? -errno : 0;
}

int registry_make_staging(Registry *registry, char **ret, sd_bus_error *reterr) {
        g_autofree char *path = g_build_filename(registry->staging, "XXXXXX", NULL);
        int r;

        if (!g_mkdtemp_full(path, 0700))
                return error_set(reterr, errno == ENOSPC ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                 "Cannot make a directory in %s: %s", registry->staging, g_strerror(errno));
        r = registry_hand_over(path);
        if (r < 0) {
                (void)rmdir(path);
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot hand %s over: %s", path, g_strerror(-r));
        }
        *ret = g_steal_pointer(&path);
        return 0;
}

/* That desktops do not show what can be launched is no reason not to have it. */
static void show(const Distribution *d) {
        g_autofree char *icon = d->icon ? g_build_filename(d->directory, d->icon, NULL) : NULL;
        int r = d->shortcut ? shortcut_write(d->name, d->release, icon) : 0;

        if (r < 0)
                log_warning("The shortcut of %s cannot be written: %s", d->name, g_strerror(-r));
}

/* What cannot be read may have had one. */
static void hide(const Distribution *d) {
        int r = shortcut_remove(d->name);

        if (r < 0)
                log_warning("The shortcut of %s cannot be removed: %s", d->name, g_strerror(-r));
}

/* An icon belongs to the clone as well. */
static int copy_icon(const Distribution *origin, const char *staging, sd_bus_error *reterr) {
        g_autofree char *from = NULL, *to = NULL, *bytes = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;

        if (!origin->icon)
                return 0;
        from = g_build_filename(origin->directory, origin->icon, NULL);
        to = g_build_filename(staging, origin->icon, NULL);
        if (!g_file_get_contents(from, &bytes, &size, NULL))
                return 0; /* somebody took it away */
        if (g_file_set_contents_full(to, bytes, size, G_FILE_SET_CONTENTS_DURABLE, 0644, &error))
                return 0;
        return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
}

/* In root mode the worker's id owned the directory while it worked, and an instance's root must reach what it mounts
 * as the topmost of several; nobody else gets as far as this directory. */
static int take_back(const Distribution *d, const char *staging, sd_bus_error *reterr) {
        if (d->id_mode == ID_MODE_ROOT && (chown(staging, 0, 0) < 0 || chmod(staging, d->layers ? 0711 : 0700) < 0))
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot take %s back: %s", staging, g_strerror(errno));
        return 0;
}

int registry_furnish(const Distribution *d, const Distribution *origin, const char *staging, sd_bus_error *reterr) {
        int r = origin ? copy_icon(origin, staging, reterr) : 0;

        if (r == 0)
                r = registry_write_conf(d, origin, staging, reterr);
        return r < 0 ? r : take_back(d, staging, reterr);
}

int registry_commit(Registry *registry, Distribution *distribution, const Distribution *origin, const char *staging,
                    sd_bus_error *reterr) {
        const char *target = distribution->directory;
        int r;

        distribution->install_time = g_get_real_time();
        r = registry_furnish(distribution, origin, staging, reterr);
        if (r < 0)
                return r;
        r = durable_sync_directory(staging);
        if (r == 0)
                r = durable_rename(staging, target);
        if (r < 0) {
                (void)registry_hand_over(staging); /* to the worker that removes it */
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot move the new distribution to %s: %s", target,
                                 g_strerror(-r));
        }
        distribution->state = DISTRIBUTION_INSTALLED;
        if (origin)
                distribution->settings = origin->settings;
        show(distribution);
        return 0;
}

int registry_rename(Registry *registry, Distribution *distribution, const char *name, sd_bus_error *reterr) {
        g_autofree char *to = g_build_filename(registry->distributions, name, NULL);
        bool chosen = g_strcmp0(registry->settings->default_distribution, distribution->name) == 0;
        int r;

        r = check_new_name(registry, name, distribution, reterr);
        if (r < 0)
                return r;
        hide(distribution);
        r = durable_rename(distribution->directory, to);
        if (r < 0) {
                show(distribution);
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot rename %s to %s: %s", distribution->directory, to,
                                 g_strerror(-r));
        }
        give_name(registry, distribution, name);
        show(distribution);
        return chosen ? registry_set_default(registry, distribution, reterr) : 0;
}

static bool is_directory(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int registry_withdraw(Registry *registry, Distribution *distribution, char **ret_staging, sd_bus_error *reterr) {
        const char *source = distribution->directory;
        g_autofree char *target = NULL, *mounted = NULL;
        int r;

        /* The worker would not enter it, but the kernel takes a mount away with the directory beneath. */
        mounted = is_directory(source) ? mount_table_find(source) : NULL;
        if (mounted)
                return error_set(reterr, LXSS_ERROR_FAILED,
                                 "Something is mounted at %s. Unmount it and try again; nothing was removed.", mounted);
        hide(distribution); /* first: an entry for what is gone would be worse than none for what is there */
        /* A link is removed, not what it leads to, which is outside. Where the directory itself vanished, that is
         * what was asked for. Either way there is nothing more to remove. */
        r = is_directory(source) ? durable_move_into(source, registry->staging, &target)
            : unlink(source) < 0 ? -errno
                                 : 1;
        if (r == -ENOENT || r == 1)
                return registry_make_staging(registry, ret_staging, reterr);
        if (r < 0) {
                show(distribution);
                return error_set(reterr, LXSS_ERROR_FAILED, "Cannot move %s away: %s", source, g_strerror(-r));
        }
        r = registry_hand_over(target);
        if (r < 0)
                log_warning("Cannot hand %s over: %s", target, g_strerror(-r));
        *ret_staging = g_steal_pointer(&target);
        return 0;
}

char **registry_leftovers(Registry *registry) {
        g_autoptr(GDir) dir = g_dir_open(registry->staging, 0, NULL);
        g_autoptr(GPtrArray) paths = g_ptr_array_new();

        for (const char *name; dir && (name = g_dir_read_name(dir));) {
                g_autofree char *path = g_build_filename(registry->staging, name, NULL);

                if (!is_directory(path)) { /* nothing of ours; and what a link leads to is not to be touched */
                        (void)unlink(path);
                        continue;
                }
                (void)registry_hand_over(
                                path); /* it may have been interrupted on its way from or to the distributions */
                g_ptr_array_add(paths, g_steal_pointer(&path));
        }
        g_ptr_array_add(paths, NULL);
        return (char **)g_ptr_array_free(g_steal_pointer(&paths), FALSE);
}
