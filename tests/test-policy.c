/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may call what, held against the contract in dbus/org.lxss.Manager1.xml. */

#include <glib.h>

#include "daemon/policy.h"
#include "tests/test.h"

enum { OWNER = 1234, OTHER = 4321, ROOT = 0 };

static unsigned n_methods;

/* GMarkup: remembers the interface, and tries each of its methods. */
static void on_element(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                       void *userdata, GError **error) {
        char **interface = userdata;
        const char *name = NULL;

        for (size_t i = 0; names[i]; i++)
                if (streq(names[i], "name"))
                        name = values[i];
        if (streq(element, "interface")) {
                g_free(*interface);
                *interface = g_strdup(name);
        }
        if (!streq(element, "method"))
                return;
        n_methods++;
        ck_assert_msg(policy_allows(*interface, name, OWNER, OWNER), "%s.%s", *interface, name);
        ck_assert_msg(policy_allows(*interface, name, ROOT, OWNER), "%s.%s", *interface, name);
        ck_assert_msg(!policy_allows(*interface, name, OTHER, OWNER), "%s.%s", *interface, name);
        ck_assert_msg(!policy_allows(*interface, name, OTHER, ROOT), "%s.%s", *interface, name);
}

START_TEST(every_method_of_the_contract_is_for_the_owner_and_root_only) {
        static const GMarkupParser parser = { .start_element = on_element };
        const char *sources = getenv("top_srcdir") ?: ".";
        g_autofree char *path = g_build_filename(sources, "dbus", "org.lxss.Manager1.xml", NULL), *xml = NULL,
                        *interface = NULL;
        g_autoptr(GMarkupParseContext) context = NULL;
        g_autoptr(GError) error = NULL;

        ck_assert_msg(g_file_get_contents(path, &xml, NULL, NULL), "%s", path);
        context = g_markup_parse_context_new(&parser, G_MARKUP_TREAT_CDATA_AS_TEXT, &interface, NULL);
        ck_assert_msg(g_markup_parse_context_parse(context, xml, -1, &error), "%s", error ? error->message : "");
        ck_assert_uint_gt(n_methods, 10);
}
END_TEST

START_TEST(what_is_not_listed_is_refused_to_everybody) {
        static const char *const unknown[][2] = {
                { "org.lxss.Manager1", "Reboot" },
                { "org.lxss.Manager1", "" },
                { "org.lxss.Manager1", "launch" },
                { "org.lxss.Manager1", "Launch " },
                { "org.lxss.Manager1.Process", "Launch" },
                { "org.lxss.Manager1.Distribution", "Launch" },
                { "org.lxss.Manager2", "Launch" },
                { "", "Launch" },
                { "org.freedesktop.DBus.Properties", "Set" },
                { "org.freedesktop.DBus.Peer", "Launch" },
                { "org.freedesktop.DBus", "RequestName" },
                { "org.freedesktop.DBus.Monitoring", "BecomeMonitor" },
        };

        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                ck_assert_msg(!policy_allows(unknown[i][0], unknown[i][1], OWNER, OWNER), "%s", unknown[i][1]);
                ck_assert_msg(!policy_allows(unknown[i][0], unknown[i][1], ROOT, ROOT), "%s", unknown[i][1]);
        }
}
END_TEST

START_TEST(a_call_without_interface_or_member_is_refused) {
        ck_assert(!policy_allows(NULL, "Launch", OWNER, OWNER));
        ck_assert(!policy_allows("org.lxss.Manager1", NULL, OWNER, OWNER));
        ck_assert(!policy_allows(NULL, NULL, ROOT, ROOT));
}
END_TEST

START_TEST(properties_can_be_read_and_objects_listed) {
        ck_assert(policy_allows("org.freedesktop.DBus.Properties", "Get", OWNER, OWNER));
        ck_assert(policy_allows("org.freedesktop.DBus.Properties", "GetAll", OWNER, OWNER));
        ck_assert(policy_allows("org.freedesktop.DBus.ObjectManager", "GetManagedObjects", OWNER, OWNER));
        ck_assert(!policy_allows("org.freedesktop.DBus.Properties", "GetAll", OTHER, OWNER));
}
END_TEST

int main(void) {
        return RUN_TESTS("policy", every_method_of_the_contract_is_for_the_owner_and_root_only,
                         what_is_not_listed_is_refused_to_everybody, a_call_without_interface_or_member_is_refused,
                         properties_can_be_read_and_objects_listed);
}
