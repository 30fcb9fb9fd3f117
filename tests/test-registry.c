/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Distributions on disk: there whole or not at all, and listed whatever is wrong with them. */

#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/registry.h"
#include "tests/test.h"

static char *directory, *settings_file;
static Registry *registry;
static sd_bus_error error;

static void open_registry(void) {
        ck_assert_int_eq(registry_open(directory, settings_file, &registry, &error), 0);
}

static void reopen(void) {
        registry = registry_free(registry);
        open_registry();
}

static void set_up(void) {
        directory = make_directory_for_test();
        ck_assert_int_eq(setenv("XDG_DATA_HOME", directory, true), 0); /* shortcuts are nobody's else */
        ck_assert_int_eq(unsetenv("LXSS_DATA_DIR"), 0);
        ck_assert_int_ge(asprintf(&settings_file, "%s/lxss.conf", directory), 0);
        open_registry();
}

static void tear_down(void) {
        registry = registry_free(registry);
        sd_bus_error_free(&error);
        free(settings_file);
        remove_directory(directory);
}

static void assert_error(LxssError expected) {
        ck_assert_str_eq(error.name, lxss_error_to_name(expected));
        sd_bus_error_free(&error);
}

static void make_path(const char *format, ...) _printf_(1, 2);

static void make_path(const char *format, ...) {
        g_autofree char *name = NULL, *path = NULL;
        va_list arguments;

        va_start(arguments, format);
        name = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        path = g_build_filename(directory, name, NULL);
        ck_assert_int_eq(g_mkdir_with_parents(path, 0700), 0);
}

/* A whole installation, as an operation does it. */
static Distribution *install(const char *name) {
        g_autofree char *staging = NULL, *root = NULL;
        Distribution *d;

        ck_assert_int_eq(registry_reserve(registry, name, &d, &error), 0);
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        root = g_build_filename(staging, "rootfs", NULL);
        ck_assert_int_eq(mkdir(root, 0755), 0);
        d->id_mode = ID_MODE_SINGLE;
        ck_assert_int_eq(registry_commit(registry, d, NULL, staging, &error), 0);
        return d;
}

START_TEST(an_empty_directory_holds_nothing) {
        g_autoptr(GPtrArray) list = NULL;
        Distribution *d;
        struct stat st;

        set_up();
        list = registry_list(registry);
        ck_assert_uint_eq(list->len, 0);
        ck_assert_ptr_null(registry_default(registry));
        ck_assert_int_lt(registry_resolve(registry, NULL, &d, &error), 0);
        assert_error(LXSS_ERROR_NOTHING_INSTALLED);
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), -ENOENT);
        assert_error(LXSS_ERROR_NO_SUCH_DISTRIBUTION);
        ck_assert_int_eq(stat(directory, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0700);
        tear_down();
}
END_TEST

START_TEST(a_reserved_name_is_pending_and_then_there) {
        g_autofree char *staging = NULL, *root = NULL;
        Distribution *d, *found;

        set_up();
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), 0);
        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLING);
        ck_assert_int_eq(registry_resolve(registry, "debian", &found, &error), -EINPROGRESS);
        assert_error(LXSS_ERROR_OPERATION_PENDING);
        ck_assert_ptr_null(registry_default(registry));
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        ck_assert_int_ne(access(d->rootfs, F_OK), 0);
        root = g_build_filename(staging, "rootfs", NULL);
        ck_assert_int_eq(mkdir(root, 0755), 0);
        d->id_mode = ID_MODE_SINGLE;
        ck_assert_int_eq(registry_commit(registry, d, NULL, staging, &error), 0);
        ck_assert_int_eq(access(d->rootfs, F_OK), 0);
        ck_assert_int_ne(access(staging, F_OK), 0);
        ck_assert_int_eq(registry_resolve(registry, "debian", &found, &error), 0);
        ck_assert_ptr_eq(found, d);
        tear_down();
}
END_TEST

START_TEST(what_was_committed_is_there_after_a_restart) {
        Distribution *d;

        set_up();
        d = install("debian");
        ck_assert_uint_gt(d->install_time, 0);
        reopen();
        d = registry_find(registry, "debian");
        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLED);
        ck_assert_int_eq(d->id_mode, ID_MODE_SINGLE);
        ck_assert_uint_gt(d->install_time, 0);
        ck_assert_ptr_null(d->default_user);
        tear_down();
}
END_TEST

START_TEST(metadata_survives_a_restart_byte_by_byte) {
        g_autofree char *staging = NULL, *root = NULL;
        Distribution *d;

        set_up();
        ck_assert_int_eq(registry_reserve(registry, "a.b_c-D9", &d, &error), 0);
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        root = g_build_filename(staging, "rootfs", NULL);
        ck_assert_int_eq(mkdir(root, 0755), 0);
        d->id_mode = ID_MODE_SUBIDS;
        d->slot = 7;
        d->default_user = g_strdup("anna");
        g_free(d->release);
        d->release = g_strdup(" Debian „12“ \\ # ; = ");
        g_free(d->source);
        d->source = g_strdup("bootstrap:bookworm");
        ck_assert_int_eq(registry_commit(registry, d, NULL, staging, &error), 0);
        reopen();
        d = registry_find(registry, "a.b_c-D9");
        ck_assert_str_eq(d->release, " Debian „12“ \\ # ; = ");
        ck_assert_str_eq(d->source, "bootstrap:bookworm");
        ck_assert_str_eq(d->default_user, "anna");
        ck_assert_int_eq(d->id_mode, ID_MODE_SUBIDS);
        ck_assert_uint_eq(d->slot, 7);
        tear_down();
}
END_TEST

START_TEST(a_reservation_that_was_not_committed_leaves_nothing) {
        Distribution *d;

        set_up();
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), 0);
        registry_forget(registry, d);
        ck_assert_ptr_null(registry_find(registry, "debian"));
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), 0);
        reopen();
        ck_assert_ptr_null(registry_find(registry, "debian"));
        tear_down();
}
END_TEST

START_TEST(a_reserved_name_can_turn_out_to_be_another) {
        g_autofree char *root = NULL;
        Distribution *d, *other;

        set_up();
        install("taken");
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), 0);
        ck_assert_int_eq(registry_rename_reserved(registry, d, "debian", &error), 0);
        ck_assert_int_eq(registry_rename_reserved(registry, d, "Debian", &error), 0);
        ck_assert_int_eq(registry_rename_reserved(registry, d, "Debian-12", &error), 0);
        ck_assert_ptr_eq(registry_find(registry, "Debian-12"), d);
        ck_assert_ptr_null(registry_find(registry, "debian"));
        root = g_strdup_printf("%s/distributions/Debian-12/rootfs", directory);
        ck_assert_str_eq(d->rootfs, root);

        ck_assert_int_lt(registry_rename_reserved(registry, d, "Taken", &error), 0);
        ck_assert_ptr_nonnull(strstr(error.message, "--name"));
        assert_error(LXSS_ERROR_DISTRIBUTION_EXISTS);
        ck_assert_int_lt(registry_rename_reserved(registry, d, "../x", &error), 0);
        assert_error(LXSS_ERROR_INVALID_NAME);
        ck_assert_str_eq(d->name, "Debian-12");
        ck_assert_int_eq(registry_reserve(registry, "debian", &other, &error), 0);
        tear_down();
}
END_TEST

START_TEST(what_is_stored_is_there_after_a_restart_beside_what_people_have_set) {
        g_autofree char *path = NULL, *text = NULL, *more = NULL;
        Distribution *d;

        set_up();
        d = install("new");
        path = g_strdup_printf("%s/distributions/new/distribution.conf", directory);
        ck_assert(g_file_get_contents(path, &text, NULL, NULL));
        more = g_strconcat(text, "\n# mine\n[instance]\nlinger=7\n", NULL);
        ck_assert(g_file_set_contents(path, more, -1, NULL));
        d->oobe = OOBE_RUNNING;
        d->shortcut = true;
        d->icon = g_strdup("icon.png");
        ck_assert_int_eq(registry_store(registry, d, &error), 0);
        reopen();
        d = registry_find(registry, "new");
        ck_assert_int_eq(d->oobe, OOBE_PENDING);
        ck_assert(d->shortcut);
        ck_assert_str_eq(d->icon, "icon.png");
        ck_assert_uint_eq(d->settings.linger_seconds, 7);

        d->oobe = OOBE_NONE;
        g_clear_pointer(&d->icon, g_free);
        d->default_user = g_strdup("anna");
        ck_assert_int_eq(registry_store(registry, d, &error), 0);
        reopen();
        d = registry_find(registry, "new");
        ck_assert_int_eq(d->oobe, OOBE_NONE);
        ck_assert_ptr_null(d->icon);
        ck_assert_str_eq(d->default_user, "anna");
        g_clear_pointer(&text, g_free);
        ck_assert(g_file_get_contents(path, &text, NULL, NULL));
        ck_assert_ptr_nonnull(strstr(text, "# mine"));
        tear_down();
}
END_TEST

static bool has_shortcut(const char *name) {
        g_autofree char *path = g_strdup_printf("%s/applications/lxss-%s.desktop", directory, name);

        return access(path, F_OK) == 0;
}

START_TEST(a_shortcut_follows_its_distribution) {
        g_autofree char *staging = NULL, *root = NULL, *removed = NULL;
        Distribution *d;

        become_ordinary_user(); /* root has none */
        set_up();
        install("plain");
        ck_assert(!has_shortcut("plain"));
        ck_assert_int_eq(registry_reserve(registry, "new", &d, &error), 0);
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        root = g_build_filename(staging, "rootfs", NULL);
        ck_assert_int_eq(mkdir(root, 0755), 0);
        d->id_mode = ID_MODE_SINGLE;
        d->shortcut = true;
        ck_assert_int_eq(registry_commit(registry, d, NULL, staging, &error), 0);
        ck_assert(has_shortcut("new"));
        ck_assert_int_eq(registry_rename(registry, d, "newer", &error), 0);
        ck_assert(has_shortcut("newer") && !has_shortcut("new"));
        ck_assert_int_eq(registry_withdraw(registry, d, &removed, &error), 0);
        ck_assert(!has_shortcut("newer"));
        tear_down();
}
END_TEST

START_TEST(malformed_names_are_refused) {
        static const char *const bad[] = { "",      ".",    "..",   "-a",     "_a",  ".hidden", "a/b", "../a", "a b",
                                           "a\nb",  "a\tb", "ünï",  "a\xff", "a:b", "a@b",     "a\\b", "\033[2J",
                                           "a0123456789012345678901234567890123456789012345678901234567890123" "x" };
        Distribution *d;

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ck_assert_msg(registry_reserve(registry, bad[i], &d, &error) == -EINVAL, "%s", bad[i]);
                assert_error(LXSS_ERROR_INVALID_NAME);
        }
        ck_assert_int_eq(registry_reserve(registry, "a012345678901234567890123456789012345678901234567890123456789012",
                                          &d, &error),
                         0);
        ck_assert_int_eq(registry_reserve(registry, "9", &d, &error), 0);
        tear_down();
}
END_TEST

START_TEST(names_differ_by_more_than_case) {
        Distribution *d;

        set_up();
        install("Debian");
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), -EEXIST);
        assert_error(LXSS_ERROR_DISTRIBUTION_EXISTS);
        ck_assert_int_eq(registry_reserve(registry, "Debian", &d, &error), -EEXIST);
        assert_error(LXSS_ERROR_DISTRIBUTION_EXISTS);
        ck_assert_int_eq(registry_reserve(registry, "new", &d, &error), 0);
        ck_assert_int_eq(registry_reserve(registry, "NEW", &d, &error), -EEXIST);
        assert_error(LXSS_ERROR_DISTRIBUTION_EXISTS);
        ck_assert_ptr_null(registry_find(registry, "debian"));
        tear_down();
}
END_TEST

START_TEST(an_unknown_name_gets_the_one_that_was_meant) {
        Distribution *d;

        set_up();
        install("Debian");
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), -ENOENT);
        ck_assert_ptr_nonnull(strstr(error.message, "\"Debian\"?"));
        assert_error(LXSS_ERROR_NO_SUCH_DISTRIBUTION);
        ck_assert_int_eq(registry_resolve(registry, "\033[31m\xff", &d, &error), -ENOENT);
        ck_assert_ptr_null(strchr(error.message, '\033'));
        ck_assert(g_utf8_validate(error.message, -1, NULL));
        assert_error(LXSS_ERROR_NO_SUCH_DISTRIBUTION);
        tear_down();
}
END_TEST

START_TEST(broken_distributions_are_listed_as_broken_and_can_be_removed) {
        static const char good[] = "[distribution]\nid-mode=single\nslot=0\ninstall-time=5\n";
        static const struct {
                const char *name, *conf;
        } cases[] = {
                { "no-conf", NULL },
                { "noise", "\xff\xfe not a key file" },
                { "no-mode", "[distribution]\nslot=0\n" },
                { "bad-mode", "[distribution]\nid-mode=other\n" },
                { "bad-slot", "[distribution]\nid-mode=single\nslot=4294967295\n" },
                { "negative-slot", "[distribution]\nid-mode=single\nslot=-1\n" },
                { "empty", "" },
        };
        g_autoptr(GPtrArray) list = NULL;
        Distribution *d;

        set_up();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autofree char *name = g_strdup_printf("distributions/%s/distribution.conf", cases[i].name);

                make_path("distributions/%s/rootfs", cases[i].name);
                if (cases[i].conf)
                        write_file(directory, name, cases[i].conf);
        }
        make_path("distributions/no-root");
        write_file(directory, "distributions/no-root/distribution.conf", good);
        make_path("distributions/whole/rootfs");
        write_file(directory, "distributions/whole/distribution.conf", good);
        make_path("distributions/.hidden/rootfs");
        reopen();
        list = registry_list(registry);
        ck_assert_uint_eq(list->len, ELEMENTSOF(cases) + 2);
        for (guint i = 0; i < list->len; i++) {
                g_autofree char *staging = NULL;

                d = list->pdata[i];
                if (streq(d->name, "whole")) {
                        ck_assert_int_eq(d->state, DISTRIBUTION_INSTALLED);
                        continue;
                }
                ck_assert_msg(d->state == DISTRIBUTION_BROKEN, "%s", d->name);
                ck_assert_int_eq(registry_resolve(registry, d->name, &d, &error), -EUCLEAN);
                assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
                ck_assert_int_eq(registry_withdraw(registry, d, &staging, &error), 0);
        }
        ck_assert_str_eq(registry_default(registry)->name, "whole");
        tear_down();
}
END_TEST

static void damage(const char *name, const char *conf) {
        g_autofree char *path = g_strdup_printf("distributions/%s/distribution.conf", name);

        write_file(directory, path, conf);
        reopen();
}

static Distribution *find_broken(const char *name) {
        Distribution *d = registry_find(registry, name);

        ck_assert_ptr_nonnull(d);
        ck_assert_int_eq(d->state, DISTRIBUTION_BROKEN);
        return d;
}

START_TEST(a_damaged_file_is_repaired_with_what_can_be_read_of_it) {
        g_autofree char *aside = NULL;
        Distribution *d;

        set_up();
        install("other");
        install("debian");
        damage("debian", "\xff\xfe\n[distribution]\n# mine\nrelease=Debian 12\nid-mo\xff"
                         "de=single\nslot=0\ninstall-time=x\n"
                         "[inst\nlinger=5\n[instance]\nisolated=yes\nnonsense\n");
        d = find_broken("debian");
        ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), -EUCLEAN);
        ck_assert_ptr_nonnull(strstr(error.message, "lxctl repair debian"));
        assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
        ck_assert_int_eq(registry_repair(registry, d, &aside, &error), 0);
        ck_assert_int_eq(access(aside, F_OK), 0);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), 0);
                ck_assert_str_eq(d->release, "Debian 12");
                ck_assert_uint_ne(d->slot, registry_find(registry, "other")->slot);
                ck_assert(d->settings.isolated);
                ck_assert_uint_eq(d->settings.linger_seconds, 0);
                ck_assert_int_eq(d->id_mode, geteuid() == 0 ? ID_MODE_ROOT : ID_MODE_SINGLE);
                reopen();
        }
        tear_down();
}
END_TEST

START_TEST(a_missing_file_is_repaired_and_a_missing_root_is_not) {
        g_autofree char *aside = NULL;
        Distribution *d;

        set_up();
        make_path("distributions/no-conf/rootfs");
        make_path("distributions/no-root");
        make_path("distributions/bad name/rootfs");
        make_path("distributions/lost+found");
        write_file(directory, "distributions/a-file", "x");
        reopen();
        ck_assert_int_eq(registry_repair(registry, find_broken("no-conf"), &aside, &error), 0);
        ck_assert_str_eq(aside, "");
        ck_assert_int_eq(registry_resolve(registry, "no-conf", &d, &error), 0);
        ck_assert_int_eq(registry_repair(registry, find_broken("no-root"), &aside, &error), -EUCLEAN);
        ck_assert_ptr_nonnull(strstr(error.message, "lxctl uninstall \"no-root\""));
        assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
        ck_assert_int_eq(registry_repair(registry, find_broken("bad name"), &aside, &error), -EUCLEAN);
        assert_error(LXSS_ERROR_DISTRIBUTION_BROKEN);
        ck_assert_ptr_null(registry_find(registry, "lost+found"));
        ck_assert_ptr_null(registry_find(registry, "a-file"));
        tear_down();
}
END_TEST

/* Cut anywhere, or with any byte another one: each is usable or broken, can be repaired, and nothing else suffers. */
START_TEST(whatever_becomes_of_the_file_it_can_be_repaired_and_the_others_work) {
        static const uint8_t masks[] = { 0x01, 0x20, 0x80, 0xff };
        g_autofree char *path = NULL, *whole = NULL;
        size_t size, broken = 0;

        set_up();
        install("fine");
        install("debian");
        path = g_build_filename(directory, "distributions/debian/distribution.conf", NULL);
        ck_assert(g_file_get_contents(path, &whole, &size, NULL));
        for (size_t i = 0; i < size * (ELEMENTSOF(masks) + 1); i++) {
                g_autofree char *bytes = g_memdup2(whole, size), *aside = NULL;
                size_t place = i / (ELEMENTSOF(masks) + 1), mask = i % (ELEMENTSOF(masks) + 1);
                Distribution *d;

                if (mask < ELEMENTSOF(masks))
                        bytes[place] ^= masks[mask];
                ck_assert(g_file_set_contents(path, bytes, mask < ELEMENTSOF(masks) ? size : place, NULL));
                reopen();
                ck_assert_int_eq(registry_resolve(registry, "fine", &d, &error), 0);
                d = registry_find(registry, "debian");
                broken += d->state == DISTRIBUTION_BROKEN;
                if (d->state == DISTRIBUTION_BROKEN)
                        ck_assert_int_eq(registry_repair(registry, d, &aside, &error), 0);
                ck_assert_int_eq(registry_resolve(registry, "debian", &d, &error), 0);
        }
        ck_assert_uint_gt(broken, size);
        tear_down();
}
END_TEST

START_TEST(a_link_is_withdrawn_and_not_what_it_leads_to) {
        g_autofree char *staging = NULL, *link = NULL;
        g_auto(GStrv) leftovers = NULL;
        Distribution *d;

        set_up();
        make_path("outside/rootfs");
        link = g_build_filename(directory, "distributions/linked", NULL);
        ck_assert_int_eq(symlink("../outside", link), 0);
        link = (g_free(link), g_build_filename(directory, "staging/linked", NULL));
        ck_assert_int_eq(symlink("../outside", link), 0);
        reopen();
        leftovers = registry_leftovers(registry);
        ck_assert_ptr_null(leftovers[0]);
        d = find_broken("linked");
        ck_assert_int_eq(registry_withdraw(registry, d, &staging, &error), 0);
        ck_assert_int_eq(rmdir(staging), 0);
        link = (g_free(link), g_build_filename(directory, "outside/rootfs", NULL));
        ck_assert_int_eq(access(link, F_OK), 0);
        tear_down();
}
END_TEST

START_TEST(the_list_is_in_the_order_of_names) {
        g_autoptr(GPtrArray) list = NULL;

        set_up();
        install("c");
        install("a");
        install("b");
        list = registry_list(registry);
        for (guint i = 0; i < 3; i++)
                ck_assert_int_eq(((Distribution *)list->pdata[i])->name[0], "abc"[i]);
        tear_down();
}
END_TEST

START_TEST(the_default_is_the_chosen_one_or_the_one_installed_first) {
        Distribution *d, *first, *second;

        set_up();
        first = install("zeta");
        second = install("alpha");
        second->install_time = first->install_time + 1;
        ck_assert_int_eq(registry_resolve(registry, "", &d, &error), 0);
        ck_assert_str_eq(d->name, "zeta");
        ck_assert_int_eq(registry_set_default(registry, second, &error), 0);
        ck_assert_str_eq(registry_default(registry)->name, "alpha");
        reopen();
        ck_assert_str_eq(registry_default(registry)->name, "alpha");
        registry_find(registry, "alpha")->state = DISTRIBUTION_UNINSTALLING;
        ck_assert_str_eq(registry_default(registry)->name, "zeta");
        tear_down();
}
END_TEST

START_TEST(a_withdrawn_distribution_is_a_leftover_until_it_is_removed) {
        g_autofree char *staging = NULL;
        g_auto(GStrv) before = NULL, after = NULL;
        Distribution *d;

        set_up();
        before = registry_leftovers(registry);
        ck_assert_ptr_null(before[0]);
        d = install("debian");
        ck_assert_int_eq(registry_withdraw(registry, d, &staging, &error), 0);
        ck_assert_int_ne(access(d->rootfs, F_OK), 0);
        registry_forget(registry, d);
        reopen();
        ck_assert_ptr_null(registry_find(registry, "debian"));
        after = registry_leftovers(registry);
        ck_assert_str_eq(after[0], staging);
        ck_assert_ptr_null(after[1]);
        tear_down();
}
END_TEST

START_TEST(a_distribution_that_vanished_can_be_withdrawn) {
        g_autofree char *staging = NULL, *elsewhere = NULL, *own = NULL;
        Distribution *d;

        set_up();
        d = install("debian");
        own = g_path_get_dirname(d->rootfs);
        elsewhere = g_strconcat(own, "-elsewhere", NULL);
        ck_assert_int_eq(rename(own, elsewhere), 0);
        ck_assert_int_eq(registry_withdraw(registry, d, &staging, &error), 0);
        ck_assert_int_eq(rmdir(staging), 0);
        tear_down();
}
END_TEST

START_TEST(a_commit_replaces_nothing_that_appeared_meanwhile) {
        g_autofree char *staging = NULL;
        Distribution *d;

        set_up();
        ck_assert_int_eq(registry_reserve(registry, "debian", &d, &error), 0);
        ck_assert_int_eq(registry_make_staging(registry, &staging, &error), 0);
        d->id_mode = ID_MODE_SINGLE;
        make_path("distributions/debian");
        ck_assert_int_lt(registry_commit(registry, d, NULL, staging, &error), 0);
        assert_error(LXSS_ERROR_FAILED);
        ck_assert_int_eq(access(staging, F_OK), 0);
        ck_assert_int_ne(d->state, DISTRIBUTION_INSTALLED);
        tear_down();
}
END_TEST

START_TEST(every_distribution_has_a_slot_of_its_own) {
        Distribution *a, *b, *c;

        set_up();
        a = install("a");
        b = install("b");
        ck_assert_uint_ne(a->slot, b->slot);
        registry_forget(registry, a);
        c = install("c");
        ck_assert_uint_ne(c->slot, b->slot);
        tear_down();
}
END_TEST

START_TEST(a_directory_that_others_can_write_to_is_refused) {
        Registry *other = NULL;

        directory = make_directory_for_test();
        settings_file = strdup("/nonexistent/lxss.conf");
        ck_assert_int_eq(chmod(directory, 0777), 0);
        ck_assert_int_eq(registry_open(directory, settings_file, &other, &error), -EACCES);
        assert_error(LXSS_ERROR_ACCESS_DENIED);
        ck_assert_ptr_null(other);
        tear_down();
}
END_TEST

/* Holds the lock in a process of its own until it is killed; returns once it is held. */
static pid_t start_other_lxssd(void) {
        g_autofree char *path = g_build_filename(directory, "lock", NULL);
        int pipes[2];
        char byte;
        pid_t pid;

        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

                if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(pipes[1], "x", 1) != 1)
                        _exit(EXIT_FAILURE);
                (void)close(pipes[1]);
                (void)close(pipes[0]);
                for (;;)
                        pause();
        }
        closep(&pipes[1]);
        ck_assert_int_eq(read(pipes[0], &byte, 1), 1);
        closep(&pipes[0]);
        return pid;
}

static void on_alarm_kill(int signal _unused_) {
}

START_TEST(a_second_one_waits_for_the_first_to_end) {
        pid_t pid, killer;

        directory = make_directory_for_test();
        settings_file = strdup("/nonexistent/lxss.conf");
        pid = start_other_lxssd();
        killer = fork();
        if (killer == 0) {
                (void)kill(pid, SIGKILL);
                _exit(EXIT_SUCCESS);
        }
        open_registry();
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
        tear_down();
}
END_TEST

static pid_t wait_through_signals(pid_t pid) {
        pid_t r;

        do
                r = waitpid(pid, NULL, 0);
        while (r < 0 && errno == EINTR);
        return r;
}

/* The wait is bounded by SIGALRM; the test sends it early rather than wait its seconds. */
START_TEST(a_second_one_gives_up_in_the_end) {
        struct sigaction before = { .sa_handler = on_alarm_kill, .sa_flags = SA_RESTART }, after;
        Registry *other = NULL;
        pid_t pid, parent = getpid(), alarmer;

        directory = make_directory_for_test();
        settings_file = strdup("/nonexistent/lxss.conf");
        sigaction(SIGALRM, &before, NULL);
        pid = start_other_lxssd();
        alarmer = fork();
        if (alarmer == 0)
                for (;;) { /* the first ones may come before it waits */
                        (void)kill(parent, SIGALRM);
                        (void)sched_yield();
                        if (getppid() != parent)
                                _exit(EXIT_SUCCESS);
                }
        ck_assert_int_eq(registry_open(directory, settings_file, &other, &error), -EBUSY);
        (void)kill(alarmer, SIGKILL);
        (void)kill(pid, SIGKILL);
        ck_assert_int_eq(wait_through_signals(alarmer), alarmer);
        ck_assert_int_eq(wait_through_signals(pid), pid);
        assert_error(LXSS_ERROR_SERVICE_UNAVAILABLE);
        ck_assert_ptr_null(other);
        sigaction(SIGALRM, NULL, &after);
        ck_assert_ptr_eq(after.sa_handler, on_alarm_kill);
        tear_down();
}
END_TEST

START_TEST(states_have_names) {
        for (DistributionState s = 0; s < DISTRIBUTION_STATE_MAX; s++)
                ck_assert_ptr_nonnull(distribution_state_to_string(s));
        ck_assert_ptr_null(distribution_state_to_string(DISTRIBUTION_STATE_INVALID));
}
END_TEST

int main(void) {
        return RUN_TESTS("registry", an_empty_directory_holds_nothing, a_reserved_name_is_pending_and_then_there,
                         what_was_committed_is_there_after_a_restart, metadata_survives_a_restart_byte_by_byte,
                         a_reservation_that_was_not_committed_leaves_nothing,
                         a_reserved_name_can_turn_out_to_be_another,
                         what_is_stored_is_there_after_a_restart_beside_what_people_have_set,
                         a_shortcut_follows_its_distribution, malformed_names_are_refused,
                         names_differ_by_more_than_case, an_unknown_name_gets_the_one_that_was_meant,
                         broken_distributions_are_listed_as_broken_and_can_be_removed,
                         a_damaged_file_is_repaired_with_what_can_be_read_of_it,
                         a_missing_file_is_repaired_and_a_missing_root_is_not,
                         whatever_becomes_of_the_file_it_can_be_repaired_and_the_others_work,
                         a_link_is_withdrawn_and_not_what_it_leads_to, the_list_is_in_the_order_of_names,
                         the_default_is_the_chosen_one_or_the_one_installed_first,
                         a_withdrawn_distribution_is_a_leftover_until_it_is_removed,
                         a_distribution_that_vanished_can_be_withdrawn,
                         a_commit_replaces_nothing_that_appeared_meanwhile, every_distribution_has_a_slot_of_its_own,
                         a_directory_that_others_can_write_to_is_refused, a_second_one_waits_for_the_first_to_end,
                         a_second_one_gives_up_in_the_end, states_have_names);
}
