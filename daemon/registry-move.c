/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a distribution's files are, and how that changes: beside everything
 * that it has a second directory is made, with the files or the name of their place
 * in it, and the two are exchanged by one rename(2). The directories themselves
 * are ours, though what is in a rootfs may not be: in a user's registry rootfs
 * belongs to a subordinate id and cannot be renamed on its own. What lies outside
 * is looked at by its id before it is touched, and is removed under a name that
 * nobody else would use. What stands on layers goes as a copy of all that it shows, and
 * stands on none any more: the disk that it is on then can be unplugged, and it is whole. */

#include "daemon/registry-move.h"

#include <stdio.h>
#include <sys/stat.h>

#include "daemon/durable.h"
#include "daemon/log.h"
#include "daemon/mount-table.h"
#include "daemon/registry-private.h"
#include "shared/util.h"

#define GROUP "distribution"
#define CLAIM_GROUP "claim"
/* The id, in the directory elsewhere. */
#define ID_FILE "distribution.id"
#define ID_SIZE 32
#define CONF_FILE "distribution.conf"
#define DURABLY (G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE)

struct Move {
        char *place;         /* where the files are copied to */
        char *location, *id; /* elsewhere; NULL: back to the registry's own */
        char *new_claim, *old_claim;
        char *staging; /* what is to be exchanged, and then to be removed, there */
};

Move *move_free(Move *move) {
        if (!move)
                return NULL;
        g_free(move->place);
        g_free(move->location);
        g_free(move->id);
        g_free(move->new_claim);
        g_free(move->old_claim);
        g_free(move->staging);
        g_free(move);
        return NULL;
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Move, move_free)

const char *move_place(const Move *move) {
        return move->place;
}

/* ------------------------------------------------------- places outside, by id */

static bool id_is_valid(const char *id) {
        return strlen(id) == ID_SIZE && strspn(id, "0123456789abcdef") == ID_SIZE;
}

static bool location_is(const char *location, const char *id) {
        g_autofree char *path = g_build_filename(location, ID_FILE, NULL);
        _cleanup_free_ char *text = NULL;

        return read_regular_file(AT_FDCWD, path, 256, &text, NULL) >= 0 && streq(g_strchomp(text), id);
}

/* The name of a place that is not yet, or no longer, a distribution's. */
static char *hidden_name(const char *location, const char *id) {
        g_autofree char *parent = g_path_get_dirname(location), *name = g_strdup_printf(".lxss-%s", id);

        return g_build_filename(parent, name, NULL);
}

static bool is_directory(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int registry_check_place(Distribution *d, sd_bus_error *reterr) {
        if (!d->location)
                return 0;
        if (location_is(d->location, d->location_id) && is_directory(d->rootfs)) {
                if (d->state == DISTRIBUTION_UNAVAILABLE)
                        d->state = DISTRIBUTION_INSTALLED;
                return 0;
        }
        d->state = DISTRIBUTION_UNAVAILABLE;
        error_set(reterr, LXSS_ERROR_DISTRIBUTION_UNAVAILABLE,
                  "The files of %s are in %s, which is not there. Is the disk that it is on plugged in and mounted?",
                  d->name, d->rootfs);
        return -ENODEV;
}

int registry_load_place(Distribution *d, GKeyFile *file) {
        g_autofree char *location = g_key_file_get_string(file, GROUP, "location", NULL);
        g_autofree char *id = g_key_file_get_string(file, GROUP, "location-id", NULL);

        if (!location && !id)
                return 0;
        if (!location || !id || !g_path_is_absolute(location) || !id_is_valid(id))
                return -EINVAL;
        g_free(d->rootfs);
        d->rootfs = g_build_filename(location, "rootfs", NULL);
        d->location = g_steal_pointer(&location);
        d->location_id = g_steal_pointer(&id);
        return 0;
}

static int copy_file(const char *from, const char *to, sd_bus_error *reterr) {
        g_autofree char *data = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;

        if (g_file_get_contents(from, &data, &size, &error) &&
            g_file_set_contents_full(to, data, size, DURABLY, 0600, &error))
                return 0;
        return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
}

/* What is kept beside rootfs, the icon for instance, as names; g_ptr_array_unref() it. */
static GPtrArray *files_beside(const char *directory) {
        GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);

        for (const char *name; dir && (name = g_dir_read_name(dir));) {
                g_autofree char *path = g_build_filename(directory, name, NULL);
                struct stat st;

                if (!streq(name, ID_FILE) && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
                        g_ptr_array_add(files, g_strdup(name));
        }
        return files;
}

/* What the distribution has beside its files, in another directory, but for the place. */
static int copy_rest(const Distribution *d, const char *directory, const Move *move, sd_bus_error *reterr) {
        const SettingChange changes[] = { { GROUP, "location", move->location },
                                          { GROUP, "location-id", move->id },
                                          { GROUP, "layers", NULL } };
        g_autofree char *conf = g_build_filename(directory, CONF_FILE, NULL);
        g_autoptr(GPtrArray) files = files_beside(d->directory);

        for (guint i = 0; i < files->len; i++) {
                g_autofree char *from = g_build_filename(d->directory, files->pdata[i], NULL);
                g_autofree char *to = g_build_filename(directory, files->pdata[i], NULL);
                int r = copy_file(from, to, reterr);

                if (r < 0)
                        return r;
        }
        return settings_store(conf, 0600, changes, G_N_ELEMENTS(changes), reterr);
}

/* Durable, or taken back, since whoever hears of a failure takes it for undone. */
static int swap(Registry *registry, const char *ours, const char *other) {
        g_autofree char *parent = g_path_get_dirname(other);
        int r;

        r = durable_sync_directory(other);
        if (r < 0)
                return r;
        if (renameat2(AT_FDCWD, ours, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
                return -errno;
        r = durable_sync_directory(registry->distributions);
        if (r == 0)
                r = durable_sync_directory(parent);
        if (r < 0)
                (void)renameat2(AT_FDCWD, ours, AT_FDCWD, other, RENAME_EXCHANGE);
        return r;
}

/* The switch: `other` becomes the distribution's directory, and gets what that was. */
static int exchange(Registry *registry, Distribution *d, const char *other, const Move *move, sd_bus_error *reterr) {
        int r;

        r = copy_rest(d, other, move, reterr);
        if (r < 0)
                return r;
        r = geteuid() == 0 && chown(other, 0, 0) < 0 ? -errno : swap(registry, d->directory, other);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "%s and %s cannot be exchanged: %s", d->directory, other,
                                 g_strerror(-r));
        g_free(d->rootfs);
        g_free(d->location);
        g_free(d->location_id);
        d->rootfs = g_build_filename(move->location ?: d->directory, "rootfs", NULL);
        d->location = g_strdup(move->location);
        d->location_id = g_strdup(move->id);
        g_clear_pointer(&d->layers, g_strfreev);
        return 0;
}

static void remove_file(const char *directory, const char *name) {
        g_autofree char *path = g_build_filename(directory, name, NULL);

        (void)unlink(path);
}

static int write_id(const char *directory, const char *id, sd_bus_error *reterr) {
        g_autofree char *path = g_build_filename(directory, ID_FILE, NULL);
        g_autoptr(GError) error = NULL;

        if (!g_file_set_contents_full(path, id, -1, DURABLY, 0600, &error))
                return error_set(reterr, LXSS_ERROR_FAILED, "%s", error->message);
        return 0;
}

/* ---------------------------------------------------------------------- claims */

static char *claim_file(const char *claim) {
        return g_build_filename(claim, "claim", NULL);
}

bool claim_is_one(const char *path) {
        g_autofree char *file = claim_file(path);

        return access(file, F_OK) == 0;
}

void claim_drop(const char *claim) {
        g_autofree char *file = claim_file(claim);

        if (unlink(file) < 0 || rmdir(claim) < 0)
                log_warning("%s cannot be removed: %s", claim, g_strerror(errno));
}

static int make_claim(Registry *registry, const char *location, const char *id, char **ret, sd_bus_error *reterr) {
        const SettingChange changes[] = { { CLAIM_GROUP, "location", location }, { CLAIM_GROUP, "location-id", id } };
        g_autofree char *claim = NULL, *file = NULL;
        int r;

        r = registry_make_staging(registry, &claim, reterr);
        if (r < 0)
                return r;
        file = claim_file(claim);
        r = settings_store(file, 0600, changes, G_N_ELEMENTS(changes), reterr);
        if (r < 0) {
                (void)rmdir(claim);
                return r;
        }
        (void)durable_sync_directory(claim);
        (void)durable_sync_directory(registry->staging);
        *ret = g_steal_pointer(&claim);
        return 0;
}

static int fail_mounted(const char *path, sd_bus_error *reterr) {
        return error_set(reterr, LXSS_ERROR_FAILED,
                         "Something is mounted at %s. Unmount it and try again; nothing was removed.", path);
}

int registry_claim_place(Registry *registry, const Distribution *d, char **ret_claim, sd_bus_error *reterr) {
        g_autofree char *mounted = NULL;

        *ret_claim = NULL;
        if (!d->location)
                return 0;
        mounted = mount_table_find(d->location);
        if (mounted)
                return fail_mounted(mounted, reterr);
        if (location_is(d->location, d->location_id))
                return make_claim(registry, d->location, d->location_id, ret_claim, reterr);
        log_warning("%s is not there: what it may hold of %s stays.", d->location, d->name);
        return 0;
}

/* *ret_doubtful: nobody knows what a distribution has whose settings are damaged. */
static bool is_in_use(Registry *registry, const char *location, const char *id, bool *ret_doubtful) {
        GHashTableIter i;
        void *p;

        *ret_doubtful = false;
        g_hash_table_iter_init(&i, registry->table);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                const Distribution *d = p;

                if (d->location && streq(d->location, location) && streq(d->location_id, id))
                        return true;
                *ret_doubtful |= d->state == DISTRIBUTION_BROKEN;
        }
        return false;
}

/* Under the name by which it is known as to be removed. NULL: it is not there. */
static char *hide(const char *location, const char *id) {
        g_autofree char *hidden = hidden_name(location, id);

        if (location_is(location, id) && renameat2(AT_FDCWD, location, AT_FDCWD, hidden, RENAME_NOREPLACE) < 0)
                log_warning("%s cannot be renamed: %s", location, g_strerror(errno));
        return is_directory(hidden) && registry_hand_over(hidden) >= 0 ? g_steal_pointer(&hidden) : NULL;
}

void registry_follow_claim(Registry *registry, const char *claim, bool ours, char **ret_place) {
        g_autofree char *file = claim_file(claim), *location = NULL, *id = NULL;
        g_autoptr(GKeyFile) keys = g_key_file_new();
        bool doubtful = false, in_use;

        *ret_place = NULL;
        if (g_key_file_load_from_file(keys, file, G_KEY_FILE_NONE, NULL)) {
                location = g_key_file_get_string(keys, CLAIM_GROUP, "location", NULL);
                id = g_key_file_get_string(keys, CLAIM_GROUP, "location-id", NULL);
        }
        if (!location || !id || !g_path_is_absolute(location) || !id_is_valid(id)) {
                log_warning("%s is damaged.", file);
                return;
        }
        in_use = is_in_use(registry, location, id, &doubtful);
        if (!in_use && doubtful && !ours)
                return;
        if (!in_use)
                *ret_place = hide(location, id);
        if (!*ret_place)
                claim_drop(claim);
}

/* Owners, modes and links are what no distribution does without. */
static int check_features(const char *place, const char *directory, sd_bus_error *reterr) {
        g_autofree char *link = g_build_filename(place, "probe", NULL), *id = g_build_filename(place, ID_FILE, NULL),
                        *second = g_build_filename(place, "second", NULL);
        struct stat st;
        bool good;
        int error;

        errno = 0;
        good = lstat(place, &st) == 0 && (st.st_mode & 07777) == 0700 && st.st_uid == geteuid() &&
               symlink("x", link) == 0 && linkat(AT_FDCWD, id, AT_FDCWD, second, 0) == 0;
        error = errno;
        (void)unlink(link);
        (void)unlink(second);
        if (good)
                return 0;
        if (error == ENOSPC || error == EDQUOT)
                return error_set(reterr, LXSS_ERROR_NO_SPACE, "There is no space left in %s (%s).", directory,
                                 g_strerror(error));
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                         "The file system of %s does not keep owners, modes and links, as a distribution needs them; "
                         "ext4, btrfs and xfs do.",
                         directory);
}

/* ------------------------------------------------------------------------ moving */

static int make_place(const Move *move, const char *directory, sd_bus_error *reterr) {
        int r;

        if (mkdir(move->place, 0700) < 0)
                return error_set(reterr,
                                 errno == ENOSPC   ? LXSS_ERROR_NO_SPACE
                                 : errno == EACCES ? LXSS_ERROR_ACCESS_DENIED
                                                   : LXSS_ERROR_FAILED,
                                 "Cannot make a directory in %s: %s", directory, g_strerror(errno));
        if ((r = write_id(move->place, move->id, reterr)) < 0 ||
            (r = check_features(move->place, directory, reterr)) < 0)
                return r;
        r = registry_hand_over(move->place);
        return r < 0 ? error_set(reterr, LXSS_ERROR_FAILED, "Cannot hand %s over: %s", move->place, g_strerror(-r))
                     : 0;
}

static void choose_id(Move *move) {
        GString *id = g_string_new(NULL);

        for (size_t i = 0; i < ID_SIZE / 8; i++)
                g_string_append_printf(id, "%08x", g_random_int());
        move->id = g_string_free(id, FALSE);
}

static int begin_outside(Registry *registry, const Distribution *d, int directory, Move *move, sd_bus_error *reterr) {
        g_autofree char *path = NULL, *name = g_strdup_printf("lxss-%s", d->name);
        int r;

        r = registry_check_target(registry, directory, &path, reterr);
        if (r < 0)
                return r;
        move->location = g_build_filename(path, name, NULL);
        if (g_file_test(move->location, G_FILE_TEST_EXISTS))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "There is %s already. Choose another directory, or remove it first.", move->location);
        choose_id(move);
        move->place = hidden_name(move->location, move->id);
        r = make_claim(registry, move->location, move->id, &move->new_claim, reterr);
        if (r < 0)
                return r;
        r = make_place(move, path, reterr);
        if (r >= 0)
                return 0;
        remove_file(move->place, ID_FILE); /* nothing else can be in it */
        (void)rmdir(move->place);
        claim_drop(move->new_claim);
        return r;
}

int registry_begin_move(Registry *registry, Distribution *d, int directory, Move **ret, sd_bus_error *reterr) {
        g_autoptr(Move) move = g_new0(Move, 1);
        g_autofree char *mounted = NULL;
        int r;

        if (directory < 0 && !d->location)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "%s is in its usual place already.", d->name);
        mounted = mount_table_find(d->location ?: d->directory);
        if (mounted)
                return fail_mounted(mounted, reterr);
        r = registry_check_place(d, reterr);
        if (r >= 0)
                r = directory < 0 ? registry_make_staging(registry, &move->staging, reterr)
                                  : begin_outside(registry, d, directory, move, reterr);
        if (r < 0)
                return r;
        if (directory < 0)
                move->place = g_strdup(move->staging);
        *ret = g_steal_pointer(&move);
        return registry_claim_place(registry, d, &(*ret)->old_claim, reterr);
}

/* Gives the new directory its name. */
static int reveal(Move *move, sd_bus_error *reterr) {
        int r = 0;

        if (geteuid() == 0 && chown(move->place, 0, 0) < 0)
                r = -errno;
        if (r == 0)
                r = durable_sync_directory(move->place);
        if (r == 0)
                r = durable_rename(move->place, move->location);
        return r < 0 ? error_set(reterr, LXSS_ERROR_FAILED, "Cannot make %s: %s", move->location, g_strerror(-r)) : 0;
}

/* Whether a rename leads from one to the other: not only the file systems, but also the mounts must be the same. */
static bool can_rename(const char *from, const char *to) {
        g_autofree char *here = g_build_filename(from, ".probe", NULL), *there = g_build_filename(to, ".probe", NULL);
        bool can;

        if (mkdir(here, 0700) < 0 && errno != EEXIST)
                return false;
        can = rename(here, there) == 0;
        (void)rmdir(can ? there : here);
        return can;
}

/* What was the distribution's directory, with the files, is now the one outside. */
static int exchange_with_outside(Registry *registry, Distribution *d, Move *move, sd_bus_error *reterr) {
        g_autoptr(GPtrArray) files = NULL;
        int r;

        if ((r = write_id(d->directory, move->id, reterr)) < 0 || (r = reveal(move, reterr)) < 0 ||
            (r = exchange(registry, d, move->location, move, reterr)) < 0)
                return r;
        files = files_beside(move->location);
        for (guint i = 0; i < files->len; i++)
                remove_file(move->location, files->pdata[i]);
        remove_file(d->directory, ID_FILE);
        return 1;
}

/* What was outside, with the files, is now the distribution's directory; where that was is claimed by its id. */
static int exchange_back(Registry *registry, Distribution *d, const Move *move, sd_bus_error *reterr) {
        g_autofree char *location = g_strdup(d->location);
        int r;

        if (!can_rename(d->directory, location))
                return 0;
        if ((r = write_id(d->directory, d->location_id, reterr)) < 0 ||
            (r = exchange(registry, d, location, move, reterr)) < 0)
                return r;
        remove_file(d->directory, ID_FILE);
        return 1;
}

int registry_move_at_once(Registry *registry, Distribution *d, Move *move, sd_bus_error *reterr) {
        if (d->layers)
                return 0; /* a rename would leave them behind */
        if (!move->location)
                return exchange_back(registry, d, move, reterr);
        /* From one place outside to another it would be two steps. */
        if (d->location || !can_rename(d->directory, move->place))
                return 0;
        return exchange_with_outside(registry, d, move, reterr);
}

int registry_commit_move(Registry *registry, Distribution *d, Move *move, sd_bus_error *reterr) {
        int r = 0;

        if (move->location && (r = reveal(move, reterr)) >= 0)
                r = registry_make_staging(registry, &move->staging, reterr);
        if (r >= 0)
                r = exchange(registry, d, move->staging, move, reterr);
        if (move->staging)
                (void)registry_hand_over(move->staging); /* to the worker that removes it */
        return r;
}

void move_end(Move *move, char **ret_staging, GPtrArray *claims) {
        if (!move)
                return;
        *ret_staging = g_steal_pointer(&move->staging);
        if (move->new_claim)
                g_ptr_array_add(claims, g_steal_pointer(&move->new_claim));
        if (move->old_claim)
                g_ptr_array_add(claims, g_steal_pointer(&move->old_claim));
        move_free(move);
}
