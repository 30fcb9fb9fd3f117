/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of a distribution elsewhere: whole in one place at every step, and never somebody else's. */

#include <glib.h>
#include <sys/stat.h>

#include "daemon/registry-move.h"
#include "tests/test.h"

static char *directory, *outside, *settings_file;
static Registry *registry;
static Distribution *distribution;
static sd_bus_error error;

static void reopen(void) {
        g_autofree char *data = g_build_filename(directory, "data", NULL);

        registry = registry_free(registry);
        ck_assert_int_eq(registry_open(data, settings_file, &registry, &error), 0);
        distribution = registry_find(registry, "debian");
}

static bool exists(const char *parent, const char *name) {
        g_autofree char *path = g_build_filename(parent, name, NULL);

        return access(path, F_OK) == 0;
}

static void fill(const char *place) {
        g_autofree char *root = g_build_filename(place, "rootfs", NULL);

        ck_assert_int_eq(mkdir(root, 0755), 0);
        write_file(root, "marker", "x");
}

static void set_up(void) {
        g_autofree char *staging = NULL;

        directory = make_directory_for_test();
        outside = g_build_filename(directory, "disk", NULL);
        settings_file = g_build_filename(directory, "lxss.conf", NULL);
        ck_assert_int_eq(mkdir(outside, 0755), 0);
        reopen();
        ck_assert_int_eq(registry_reserve(registry, "debian", &distribution, &error), 0);
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        fill(staging);
        distribution->id_mode = ID_MODE_SINGLE;
        ck_assert_int_eq(registry_commit(registry, distribution, NULL, staging, &error), 0);
}

static void tear_down(void) {
        registry = registry_free(registry);
        sd_bus_error_free(&error);
        g_free(outside);
        g_free(settings_file);
        remove_directory(directory);
}

/* back: to the registry's own place. */
static Move *begin(bool back) {
        _cleanup_close_ int fd = open(outside, O_PATH | O_DIRECTORY | O_CLOEXEC);
        Move *move = NULL;

        ck_assert_int_eq(registry_begin_move(registry, distribution, back ? -EBADF : fd, &move, &error), 0);
        return move;
}

/* What an operation does at its end; the places are removed by rm -r. */
static void end(Move *move) {
        g_autoptr(GPtrArray) claims = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *staging = NULL;

        move_end(move, &staging, claims);
        if (staging)
                remove_directory(g_steal_pointer(&staging));
        for (guint i = 0; i < claims->len; i++) {
                char *place;

                registry_follow_claim(registry, claims->pdata[i], true, &place);
                if (!place)
                        continue;
                remove_directory(place);
                claim_drop(claims->pdata[i]);
        }
}

static void assert_whole_in(const char *place) {
        g_autofree char *root = g_build_filename(place, "rootfs", NULL);

        ck_assert_int_eq(distribution->state, DISTRIBUTION_INSTALLED);
        ck_assert_str_eq(distribution->rootfs, root);
        ck_assert(exists(root, "marker"));
}

static void assert_nothing_outside(void) {
        g_autoptr(GDir) dir = g_dir_open(outside, 0, NULL);

        ck_assert_ptr_null(g_dir_read_name(dir));
}

static void assert_nothing_left(void) {
        g_auto(GStrv) leftovers = registry_leftovers(registry);

        ck_assert_ptr_null(leftovers[0]);
}

static void assert_refused(int fd, LxssError expected) {
        Move *move = NULL;

        ck_assert_int_lt(registry_begin_move(registry, distribution, fd, &move, &error), 0);
        ck_assert_ptr_null(move);
        ck_assert_str_eq(error.name, lxss_error_to_name(expected));
        sd_bus_error_free(&error);
        assert_nothing_left();
}

START_TEST(on_one_file_system_the_files_go_there_and_back_at_once) {
        g_autofree char *location = NULL;
        Move *move;

        set_up();
        location = g_build_filename(outside, "lxss-debian", NULL);
        write_file(distribution->directory, "icon.png", "i");
        move = begin(false);
        ck_assert_int_eq(registry_move_at_once(registry, distribution, move, &error), 1);
        assert_whole_in(location);
        ck_assert(exists(distribution->directory, "icon.png"));
        ck_assert(!exists(location, "icon.png"));
        end(move);
        assert_nothing_left();
        reopen();
        assert_whole_in(location);
        ck_assert(!exists(distribution->directory, "rootfs"));
        move = begin(true);
        ck_assert_int_eq(registry_move_at_once(registry, distribution, move, &error), 1);
        end(move);
        assert_nothing_left();
        reopen();
        ck_assert(exists(distribution->directory, "icon.png"));
        assert_whole_in(distribution->directory);
        assert_nothing_outside();
        tear_down();
}
END_TEST

START_TEST(a_copy_counts_from_its_commit_on) {
        g_autofree char *location = NULL;
        Move *move;

        set_up();
        location = g_build_filename(outside, "lxss-debian", NULL);
        write_file(distribution->directory, "icon.png", "i");
        move = begin(false);
        fill(move_place(move));
        assert_whole_in(distribution->directory);
        ck_assert_int_eq(registry_commit_move(registry, distribution, move, &error), 0);
        assert_whole_in(location);
        end(move);
        reopen();
        assert_whole_in(location);
        ck_assert(exists(distribution->directory, "icon.png"));
        assert_nothing_left();
        move = begin(true);
        fill(move_place(move));
        ck_assert_int_eq(registry_commit_move(registry, distribution, move, &error), 0);
        end(move);
        assert_nothing_left();
        reopen();
        assert_whole_in(distribution->directory);
        assert_nothing_outside();
        tear_down();
}
END_TEST

/* As the next lxssd finds it. */
static void follow_leftovers(void) {
        g_auto(GStrv) leftovers = registry_leftovers(registry);

        for (char **path = leftovers; *path; path++) {
                char *place;

                if (!claim_is_one(*path)) {
                        remove_directory(g_strdup(*path));
                        continue;
                }
                registry_follow_claim(registry, *path, false, &place);
                if (!place)
                        continue;
                remove_directory(place);
                claim_drop(*path);
        }
}

START_TEST(what_a_crash_leaves_is_found_by_the_next_one) {
        g_autofree char *location = NULL;
        Move *move;

        set_up();
        location = g_build_filename(outside, "lxss-debian", NULL);
        move = begin(false);
        fill(move_place(move));
        reopen();
        follow_leftovers();
        assert_nothing_left();
        assert_nothing_outside();
        assert_whole_in(distribution->directory);
        move_free(move);

        move = begin(false);
        fill(move_place(move));
        ck_assert_int_eq(registry_commit_move(registry, distribution, move, &error), 0);
        reopen();
        follow_leftovers();
        assert_nothing_left();
        assert_whole_in(location);
        move_free(move);

        move = begin(true);
        ck_assert_int_eq(registry_move_at_once(registry, distribution, move, &error), 1);
        reopen();
        follow_leftovers();
        assert_nothing_left();
        assert_nothing_outside();
        assert_whole_in(distribution->directory);
        move_free(move);
        tear_down();
}
END_TEST

START_TEST(a_claim_is_not_followed_while_nobody_knows_whose_it_is) {
        g_autofree char *conf = NULL, *damaged = NULL;
        Move *move;

        set_up();
        move = begin(false);
        ck_assert_int_eq(registry_move_at_once(registry, distribution, move, &error), 1);
        conf = g_build_filename(distribution->directory, "distribution.conf", NULL);
        damaged = g_strconcat(conf, ".saved", NULL);
        ck_assert_int_eq(rename(conf, damaged), 0);
        reopen();
        ck_assert_int_eq(distribution->state, DISTRIBUTION_BROKEN);
        follow_leftovers();
        ck_assert(exists(outside, "lxss-debian/rootfs/marker"));
        ck_assert_int_eq(rename(damaged, conf), 0);
        reopen();
        follow_leftovers();
        assert_nothing_left();
        ck_assert_int_eq(distribution->state, DISTRIBUTION_INSTALLED);
        ck_assert(exists(distribution->rootfs, "marker"));
        move_free(move);
        tear_down();
}
END_TEST

START_TEST(what_is_not_there_is_unavailable_until_it_is_back) {
        g_autofree char *away = NULL;
        Distribution *d;
        Move *move;

        set_up();
        away = g_strconcat(outside, ".away", NULL);
        move = begin(false);
        ck_assert_int_eq(registry_move_at_once(registry, distribution, move, &error), 1);
        end(move);
        ck_assert_int_eq(rename(outside, away), 0);
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), -ENODEV);
        ck_assert_str_eq(error.name, lxss_error_to_name(LXSS_ERROR_DISTRIBUTION_UNAVAILABLE));
        sd_bus_error_free(&error);
        reopen();
        ck_assert_int_eq(distribution->state, DISTRIBUTION_UNAVAILABLE);
        ck_assert_ptr_eq(registry_default(registry), distribution);
        ck_assert_int_eq(mkdir(outside, 0755), 0);
        write_file(outside, "lxss-debian", "somebody else's");
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), -ENODEV);
        sd_bus_error_free(&error);
        remove_directory(g_strdup(outside));
        ck_assert_int_eq(rename(away, outside), 0);
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), 0);
        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLED);
        tear_down();
}
END_TEST

START_TEST(places_that_will_not_do_are_refused) {
        _cleanup_close_ int fd = -EBADF, own = -EBADF, file = -EBADF;
        g_autofree char *path = NULL;

        set_up();
        path = g_build_filename(outside, "lxss-debian", NULL);
        fd = open(outside, O_PATH | O_DIRECTORY | O_CLOEXEC);
        own = open(distribution->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        file = open("/dev/null", O_PATH | O_CLOEXEC);
        assert_refused(-EBADF, LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused(own, LXSS_ERROR_INVALID_ARGUMENT);
        assert_refused(file, LXSS_ERROR_INVALID_ARGUMENT);
        ck_assert_int_eq(chmod(outside, 0777), 0);
        assert_refused(fd, LXSS_ERROR_ACCESS_DENIED);
        ck_assert_int_eq(chmod(outside, 0755), 0);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        assert_refused(fd, LXSS_ERROR_INVALID_ARGUMENT);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(rmdir(outside), 0);
        assert_refused(fd, LXSS_ERROR_INVALID_ARGUMENT);
        assert_whole_in(distribution->directory);
        tear_down();
}
END_TEST

START_TEST(a_place_that_cannot_be_makes_a_distribution_broken) {
        static const char *const lines[] = {
                "location=/x\n", "location-id=0123456789abcdef0123456789abcdef\n",
                "location=x\nlocation-id=0123456789abcdef0123456789abcdef\n", "location=/x\nlocation-id=../x\n",
                "location=\nlocation-id=\n",
        };

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                g_autofree char *text = g_strconcat("[distribution]\nid-mode=single\nslot=0\n", lines[i], NULL);

                write_file(distribution->directory, "distribution.conf", text);
                reopen();
                ck_assert_msg(distribution->state == DISTRIBUTION_BROKEN, "%s", lines[i]);
                ck_assert_ptr_null(distribution->location);
        }
        tear_down();
}
END_TEST

int main(void) {
        return RUN_TESTS("registry-move", on_one_file_system_the_files_go_there_and_back_at_once,
                         a_copy_counts_from_its_commit_on, what_a_crash_leaves_is_found_by_the_next_one,
                         a_claim_is_not_followed_while_nobody_knows_whose_it_is,
                         what_is_not_there_is_unavailable_until_it_is_back, places_that_will_not_do_are_refused,
                         a_place_that_cannot_be_makes_a_distribution_broken);
}
