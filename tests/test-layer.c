/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of layers and snapshots: as text and back, and what is none. */

#include "daemon/layer.h"
#include "tests/test.h"

static GKeyFile *parse(const char *text) {
        GKeyFile *file = g_key_file_new();

        ck_assert(g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_KEEP_COMMENTS, NULL));
        return file;
}

START_TEST(a_list_is_what_was_stored) {
        g_autoptr(GKeyFile) file = parse("[a]\nother=1\n");
        g_auto(GStrv) top = layers_push("abc123", NULL), two = layers_push("XYZ789", top), read = NULL, none = NULL;

        layers_store(file, "a", two);
        ck_assert_int_eq(layers_load(file, "a", &read), 0);
        ck_assert_str_eq(read[0], "XYZ789");
        ck_assert_str_eq(read[1], "abc123");
        ck_assert(layers_equal(read, two));
        ck_assert(!layers_equal(read, top));
        ck_assert(!layers_equal(read, NULL));
        ck_assert(layers_equal(NULL, NULL));
        layers_store(file, "a", NULL);
        ck_assert_int_eq(layers_load(file, "a", &none), 0);
        ck_assert_ptr_null(none);
        ck_assert(g_key_file_has_key(file, "a", "other", NULL));
}
END_TEST

START_TEST(what_leads_elsewhere_is_no_layer) {
        static const char *const bad[] = {
                "layers=\n",    "layers=;\n",         "layers=..\n",
                "layers=a/b\n", "layers=abc;../x;\n", "layers=a b\n",
                "layers=a:b\n", "layers=a,b\n",       "layers=123456789012345678901234567890123\n"
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                g_autofree char *text = g_strdup_printf("[a]\n%s", bad[i]);
                g_autoptr(GKeyFile) file = parse(text);
                char **layers = (char **)1;

                ck_assert_msg(layers_load(file, "a", &layers) == -EBADMSG, "%s", bad[i]);
                ck_assert_ptr_eq(layers, (char **)1);
        }
}
END_TEST

START_TEST(more_layers_than_can_be_are_refused) {
        g_autoptr(GString) text = g_string_new("[a]\nlayers=");
        g_autoptr(GKeyFile) most = NULL, more = NULL;
        g_auto(GStrv) layers = NULL;

        for (int i = 0; i < LAYERS_MAX; i++)
                g_string_append_printf(text, "L%d;", i);
        most = parse(text->str);
        ck_assert_int_eq(layers_load(most, "a", &layers), 0);
        ck_assert_uint_eq(g_strv_length(layers), LAYERS_MAX);
        g_string_append(text, "one;");
        more = parse(text->str);
        ck_assert_int_eq(layers_load(more, "a", &layers), -EBADMSG);
}
END_TEST

static const Snapshot *at(const GPtrArray *snapshots, guint i) {
        return snapshots->pdata[i];
}

START_TEST(snapshots_come_back_the_oldest_first) {
        g_autoptr(GKeyFile) file = parse(
                        "# mine\n[distribution]\nslot=0\n[instance]\nlinger=7\n[snapshot gone]\ntime=1\nlayers=x;\n");
        g_autoptr(GPtrArray) before = g_ptr_array_new_with_free_func(snapshot_free), after = NULL;
        g_auto(GStrv) layers = layers_push("abc", NULL);
        g_autofree char *text = NULL;
        guint damaged = 7;

        g_ptr_array_add(before, snapshot_new("late", 200, "Debian", layers));
        g_ptr_array_add(before, snapshot_new("early", 100, NULL, layers));
        snapshots_store(file, before);
        after = snapshots_load(file, &damaged);
        ck_assert_uint_eq(damaged, 0);
        ck_assert_uint_eq(after->len, 2);
        ck_assert_str_eq(at(after, 0)->name, "early");
        ck_assert_str_eq(at(after, 0)->release, "");
        ck_assert_str_eq(at(after, 1)->name, "late");
        ck_assert_str_eq(at(after, 1)->release, "Debian");
        ck_assert_uint_eq(at(after, 1)->time, 200);
        ck_assert(layers_equal(at(after, 1)->layers, layers));
        text = g_key_file_to_data(file, NULL, NULL);
        ck_assert_ptr_nonnull(strstr(text, "# mine"));
        ck_assert_ptr_nonnull(strstr(text, "linger=7"));
}
END_TEST

START_TEST(snapshots_that_make_no_sense_are_counted) {
        g_autoptr(GKeyFile) file = parse("[snapshot a]\ntime=1\n[snapshot b]\nlayers=../x;\n[snapshot "
                                         "c]\ntime=x\nlayers=ok;\n[snapshots]\n");
        g_autoptr(GPtrArray) snapshots = NULL;
        guint damaged = 0;

        snapshots = snapshots_load(file, &damaged);
        ck_assert_uint_eq(damaged, 2);
        ck_assert_uint_eq(snapshots->len, 1);
        ck_assert_str_eq(at(snapshots, 0)->name, "c");
        ck_assert_uint_eq(at(snapshots, 0)->time, 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("layer", a_list_is_what_was_stored, what_leads_elsewhere_is_no_layer,
                         more_layers_than_can_be_are_refused, snapshots_come_back_the_oldest_first,
                         snapshots_that_make_no_sense_are_counted);
}
