/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Distributions that stand on layers: frozen, restored, and what nobody refers to goes. */

#include <sys/stat.h>

#include "daemon/registry-layers.h"
#include "daemon/registry-snapshots.h"
#include "tests/test.h"

static char *directory, *settings_file;
static Registry *registry;
static sd_bus_error error;

static void reopen(void) {
        registry = registry_free(registry);
        ck_assert_int_eq(registry_open(directory, settings_file, &registry, &error), 0);
}

static void set_up(void) {
        directory = make_directory_for_test();
        settings_file = g_build_filename(directory, "lxss.conf", NULL);
        reopen();
}

static void tear_down(void) {
        registry = registry_free(registry);
        sd_bus_error_free(&error);
        g_free(settings_file);
        remove_directory(directory);
}

static void assert_error(LxssError expected) {
        ck_assert_str_eq(error.name, lxss_error_to_name(expected));
        sd_bus_error_free(&error);
}

static char *make_staging(const char *const *names) {
        char *staging;

        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        for (; *names; names++) {
                g_autofree char *path = g_build_filename(staging, *names, NULL);

                ck_assert_int_eq(mkdir(path, 0755), 0);
        }
        return staging;
}

/* With what a worker makes there to be written to above layers. */
static char *prepare(void) {
        static const char *const names[] = { "rootfs", "work", NULL };

        return make_staging(names);
}

/* With a file of its name in it. */
static Distribution *install(const char *name) {
        static const char *const names[] = { "rootfs", NULL };
        g_autofree char *staging = make_staging(names);
        g_autofree char *root = g_build_filename(staging, "rootfs", NULL);
        Distribution *d;

        ck_assert_int_eq(registry_reserve(registry, name, &d, &error), 0);
        write_file(root, name, "contents");
        d->id_mode = ID_MODE_SINGLE;
        ck_assert_int_eq(registry_commit(registry, d, NULL, staging, &error), 0);
        return d;
}

static void freeze(Distribution *d) {
        g_autofree char *staging = prepare();

        ck_assert_int_eq(registry_freeze(registry, d, staging, &error), 0);
        ck_assert_int_ne(access(staging, F_OK), 0);
}

static bool layer_has(const Distribution *d, guint i, const char *name) {
        g_autofree char *layer = registry_layer_path(registry, d->layers[i]);
        g_autofree char *path = g_build_filename(layer, name, NULL);

        return access(path, F_OK) == 0;
}

static guint n_withdrawn(void) {
        g_auto(GStrv) paths = registry_withdraw_layers(registry);

        return g_strv_length(paths);
}

START_TEST(what_is_frozen_is_a_layer_and_the_distribution_empty) {
        Distribution *d;

        set_up();
        d = install("debian");
        ck_assert_ptr_null(d->layers);
        ck_assert(!registry_is_unchanged(registry, d));
        freeze(d);
        ck_assert_uint_eq(g_strv_length(d->layers), 1);
        ck_assert(layer_has(d, 0, "debian"));
        ck_assert(registry_is_unchanged(registry, d));
        write_file(d->rootfs, "change", "");
        ck_assert(!registry_is_unchanged(registry, d));
        freeze(d);
        ck_assert_uint_eq(g_strv_length(d->layers), 2);
        ck_assert(layer_has(d, 0, "change") && layer_has(d, 1, "debian"));
        tear_down();
}
END_TEST

START_TEST(another_mode_of_the_root_directory_is_a_change) {
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        ck_assert_int_eq(chmod(d->rootfs, 0700), 0);
        ck_assert(!registry_is_unchanged(registry, d));
        tear_down();
}
END_TEST

START_TEST(layers_and_snapshots_are_there_after_a_restart) {
        g_autofree char *staging = NULL, *first = NULL;
        g_auto(GStrv) stack = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        staging = prepare();
        ck_assert_int_eq(registry_add_snapshot(registry, d, "one", staging, &error), 0);
        first = g_strdup(d->layers[0]);
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLED);
        ck_assert_str_eq(d->layers[0], first);
        ck_assert(layers_equal(registry_find_snapshot(d, "one")->layers, d->layers));
        ck_assert_uint_eq(n_withdrawn(), 0);
        stack = registry_stack(registry, d, false);
        ck_assert_uint_eq(g_strv_length(stack), 2);
        ck_assert_str_eq(stack[0], d->rootfs);
        tear_down();
}
END_TEST

START_TEST(a_layer_in_staging_is_brought_into_place) {
        g_autofree char *layer = NULL, *staged = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        layer = g_build_filename(directory, "layers", d->layers[0], NULL);
        staged = g_build_filename(directory, "staging", d->layers[0], NULL);
        ck_assert_int_eq(rename(layer, staged), 0);
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLED);
        ck_assert(layer_has(d, 0, "debian"));
        ck_assert_int_ne(access(staged, F_OK), 0);
        tear_down();
}
END_TEST

START_TEST(a_layer_in_staging_is_kept_though_the_conf_is_damaged) {
        g_autofree char *layer = NULL, *staged = NULL, *text = NULL;
        g_auto(GStrv) leftovers = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        layer = g_build_filename(directory, "layers", d->layers[0], NULL);
        staged = g_build_filename(directory, "staging", d->layers[0], NULL);
        text = g_strdup_printf("[distribution]\nno key\nlayers=%s;\n", d->layers[0]);
        write_file(d->directory, "distribution.conf", text);
        ck_assert_int_eq(rename(layer, staged), 0);
        reopen();
        ck_assert_int_eq(registry_find(registry, "debian")->state, DISTRIBUTION_BROKEN);
        ck_assert_int_eq(access(layer, F_OK), 0);
        leftovers = registry_leftovers(registry);
        ck_assert_uint_eq(g_strv_length(leftovers), 0);
        tear_down();
}
END_TEST

START_TEST(a_missing_layer_breaks_only_who_stands_on_it) {
        g_autofree char *layer = NULL, *elsewhere = NULL;
        Distribution *d, *found;

        set_up();
        d = install("debian");
        (void)install("other");
        freeze(d);
        layer = g_build_filename(directory, "layers", d->layers[0], NULL);
        elsewhere = g_build_filename(directory, "elsewhere", NULL);
        ck_assert_int_eq(rename(layer, elsewhere), 0);
        reopen();
        ck_assert_int_eq(registry_find(registry, "debian")->state, DISTRIBUTION_BROKEN);
        ck_assert_int_eq(registry_find(registry, "other")->state, DISTRIBUTION_INSTALLED);
        ck_assert_int_lt(registry_resolve(registry, "debian", &found, &error), 0);
        ck_assert_ptr_nonnull(strstr(error.message, "missing"));
        assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
        tear_down();
}
END_TEST

START_TEST(going_back_gives_up_what_there_is) {
        g_autofree char *staging = NULL, *other = NULL;
        Snapshot *snapshot;
        Distribution *d;

        set_up();
        d = install("debian");
        staging = prepare();
        ck_assert_int_eq(registry_add_snapshot(registry, d, "one", staging, &error), 0);
        write_file(d->rootfs, "change", "");
        freeze(d);
        ck_assert_int_eq(registry_resolve_snapshot(d, "", &snapshot, &error), 0);
        other = prepare();
        ck_assert_int_eq(registry_restore(registry, d, snapshot->layers, other, &error), 0);
        ck_assert_uint_eq(g_strv_length(d->layers), 1);
        ck_assert(layer_has(d, 0, "debian"));
        ck_assert(registry_is_unchanged(registry, d));
        ck_assert_uint_eq(n_withdrawn(), 2); /* what was frozen, and what it was given up for */
        tear_down();
}
END_TEST

START_TEST(a_layer_goes_when_nobody_refers_to_it) {
        Distribution *d, *clone;

        set_up();
        d = install("debian");
        freeze(d);
        ck_assert_int_eq(registry_reserve(registry, "clone", &clone, &error), 0);
        clone->layers = g_strdupv(d->layers);
        registry_forget(registry, d);
        ck_assert_uint_eq(n_withdrawn(), 0);
        registry_forget(registry, clone);
        ck_assert_uint_eq(n_withdrawn(), 1);
        ck_assert_uint_eq(n_withdrawn(), 0);
        tear_down();
}
END_TEST

START_TEST(nothing_goes_while_a_distribution_cannot_be_read) {
        g_autofree char *parent = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        parent = g_path_get_dirname(d->rootfs);
        write_file(parent, "distribution.conf", "[distribution]\nid-mode=single\nslot=0\nlayers=../../x;\n");
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_BROKEN);
        ck_assert_uint_eq(n_withdrawn(), 0);
        registry_forget(registry, d);
        ck_assert_uint_eq(n_withdrawn(), 1);
        tear_down();
}
END_TEST

START_TEST(who_no_longer_says_on_what_it_stands_is_broken) {
        g_autofree char *parent = NULL, *aside = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        parent = g_path_get_dirname(d->rootfs);
        write_file(parent, "distribution.conf", "[distribution]\nid-mode=single\nslot=0\n");
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_BROKEN);
        ck_assert_uint_eq(n_withdrawn(), 0);
        ck_assert_int_lt(registry_repair(registry, d, &aside, &error), 0);
        assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
        tear_down();
}
END_TEST

START_TEST(a_repair_finds_the_layers_again) {
        g_autofree char *parent = NULL, *text = NULL, *aside = NULL, *layer = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        freeze(d);
        layer = g_strdup(d->layers[0]);
        parent = g_path_get_dirname(d->rootfs);
        text = g_strdup_printf("[distribution]\nno key\nlayers=%s;\nid-mode=single\nslot=0\n", layer);
        write_file(parent, "distribution.conf", text);
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_BROKEN);
        ck_assert_uint_eq(n_withdrawn(), 0);
        ck_assert_int_eq(registry_repair(registry, d, &aside, &error), 0);
        ck_assert_str_eq(d->layers[0], layer);
        ck_assert_uint_eq(n_withdrawn(), 0);
        reopen();
        ck_assert_str_eq(registry_find(registry, "debian")->layers[0], layer);
        tear_down();
}
END_TEST

START_TEST(a_freeze_that_fails_changes_nothing) {
        g_autofree char *staging = NULL, *gone = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        staging = prepare();
        gone = g_path_get_dirname(d->rootfs);
        ck_assert_int_eq(chmod(directory, 0700), 0);
        write_file(directory, "layers", "in the way"); /* of the directory of layers */
        ck_assert_int_lt(registry_freeze(registry, d, staging, &error), 0);
        ck_assert(sd_bus_error_is_set(&error));
        ck_assert_ptr_null(d->layers);
        reopen();
        ck_assert_ptr_null(registry_find(registry, "debian")->layers);
        ck_assert_int_eq(registry_find(registry, "debian")->state, DISTRIBUTION_INSTALLED);
        tear_down();
}
END_TEST

START_TEST(snapshots_have_names_of_their_own) {
        g_autofree char *staging = NULL, *one = NULL, *two = NULL, *same = NULL;
        Snapshot *snapshot;
        Distribution *d;

        set_up();
        d = install("debian");
        ck_assert_int_lt(registry_resolve_snapshot(d, "", &snapshot, &error), 0);
        assert_error(LXSS_ERROR_NO_SUCH_SNAPSHOT);
        ck_assert_int_eq(registry_name_snapshot(d, "", &one, &error), 0);
        staging = prepare();
        ck_assert_int_eq(registry_add_snapshot(registry, d, one, staging, &error), 0);
        ck_assert_int_eq(registry_name_snapshot(d, NULL, &two, &error), 0);
        ck_assert_str_ne(one, two);
        ck_assert_int_eq(registry_add_snapshot(registry, d, two, NULL, &error), 0);
        ck_assert_uint_eq(g_strv_length(d->layers), 1);
        ck_assert_int_lt(registry_name_snapshot(d, one, &same, &error), 0);
        assert_error(LXSS_ERROR_SNAPSHOT_EXISTS);
        ck_assert_int_lt(registry_name_snapshot(d, "a/b", &same, &error), 0);
        assert_error(LXSS_ERROR_INVALID_NAME);
        ck_assert_int_lt(registry_remove_snapshot(registry, d, "none", &error), 0);
        assert_error(LXSS_ERROR_NO_SUCH_SNAPSHOT);
        ck_assert_int_eq(registry_remove_snapshot(registry, d, one, &error), 0);
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_uint_eq(d->snapshots->len, 1);
        ck_assert_ptr_nonnull(registry_find_snapshot(d, two));
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("registry-layers", what_is_frozen_is_a_layer_and_the_distribution_empty,
                         another_mode_of_the_root_directory_is_a_change,
                         layers_and_snapshots_are_there_after_a_restart, a_layer_in_staging_is_brought_into_place,
                         a_layer_in_staging_is_kept_though_the_conf_is_damaged,
                         a_missing_layer_breaks_only_who_stands_on_it, going_back_gives_up_what_there_is,
                         a_layer_goes_when_nobody_refers_to_it, nothing_goes_while_a_distribution_cannot_be_read,
                         who_no_longer_says_on_what_it_stands_is_broken, a_repair_finds_the_layers_again,
                         a_freeze_that_fails_changes_nothing, snapshots_have_names_of_their_own);
}
