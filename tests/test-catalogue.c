/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Catalogues in WSL's format: what is made of them, what is refused, and what a name means. */

#include "daemon/fetch-catalogue-json.h"
#include "tests/test.h"

#define REMOTE "https://example.org/c.json"
#define HEX "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static const char whole[] = "{\"Default\":\"debian\",\"ModernDistributions\":{"
                            "\"Ubuntu\":[{\"Name\":\"Ubuntu-22.04\",\"FriendlyName\":\"older\",\"Amd64Url\":{\"Url\":"
                            "\"https://x/22.wsl\"}},"
                            "{\"Name\":\"Ubuntu-24.04\",\"Default\":true,\"Amd64Url\":{\"Url\":\"https://x/"
                            "24.wsl\",\"Sha256\":\"0x" HEX "\"},"
                            "\"Arm64Url\":{\"Url\":\"https://x/24-arm.wsl\",\"Sha256\":\"" HEX "\"}}],"
                            "\"Debian\":[{\"Name\":\"Debian\",\"FriendlyName\":\"Debian "
                            "GNU/Linux\",\"Amd64Url\":{\"Url\":\"https://x/d.wsl\"}}],"
                            "\"Arm\":[{\"Name\":\"arm\",\"Arm64Url\":{\"Url\":\"https://x/arm.wsl\"}}]},"
                            "\"Distributions\":[{\"Name\":\"Debian\",\"Amd64PackageUrl\":\"https://x/old.tar\"},"
                            "{\"Name\":\"kali\",\"FriendlyName\":\"Kali\",\"Amd64PackageUrl\":\"https://x/"
                            "k.AppxBundle?y=z\",\"Arm64PackageUrl\":null}]}";

/* Returns what catalogue_read_json() does. */
static int read_json(Catalogue *catalogue, const char *json, const char *machine, const char *url, WorkerReport *ret) {
        return catalogue_read_json(catalogue, json, strlen(json), machine, url, ret);
}

static Catalogue *good(const char *json, const char *machine) {
        Catalogue *catalogue = catalogue_new();
        WorkerReport report;

        ck_assert_int_eq(read_json(catalogue, json, machine, REMOTE, &report), 0);
        return catalogue;
}

static const CatalogueEntry *entry(const Catalogue *catalogue, guint i) {
        ck_assert_uint_lt(i, catalogue->len);
        return catalogue->pdata[i];
}

START_TEST(the_order_stays_and_other_machines_are_left_out) {
        g_autoptr(Catalogue) pc = good(whole, "x86_64"), arm = good(whole, "aarch64"), other = good(whole, "riscv64");

        ck_assert_uint_eq(pc->len, 5);
        ck_assert_str_eq(entry(pc, 0)->name, "Ubuntu-22.04");
        ck_assert_str_eq(entry(pc, 0)->friendly_name, "older");
        ck_assert_str_eq(entry(pc, 0)->sha256, "");
        ck_assert(!entry(pc, 0)->family_default);
        ck_assert_str_eq(entry(pc, 1)->name, "Ubuntu-24.04");
        ck_assert_str_eq(entry(pc, 1)->friendly_name, "Ubuntu-24.04");
        ck_assert_str_eq(entry(pc, 1)->sha256, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        ck_assert(entry(pc, 1)->family_default);
        ck_assert_str_eq(entry(pc, 2)->name, "Debian");
        ck_assert(entry(pc, 2)->standard && entry(pc, 2)->family_default);
        ck_assert(entry(pc, 3)->legacy && !entry(pc, 3)->foreign);
        ck_assert(entry(pc, 4)->legacy && entry(pc, 4)->foreign);
        ck_assert_uint_eq(arm->len, 2);
        ck_assert_str_eq(entry(arm, 0)->url, "https://x/24-arm.wsl");
        ck_assert_uint_eq(other->len, 0);
}
END_TEST

START_TEST(a_name_is_an_entry_or_else_a_family_whatever_its_case) {
        g_autoptr(Catalogue) catalogue = good(whole, "x86_64");

        ck_assert_str_eq(catalogue_find(catalogue, "ubuntu-22.04", false)->url, "https://x/22.wsl");
        ck_assert_str_eq(catalogue_find(catalogue, "UBUNTU", false)->url, "https://x/24.wsl");
        ck_assert_str_eq(catalogue_find(catalogue, "debian", false)->url, "https://x/d.wsl");
        ck_assert_str_eq(catalogue_find(catalogue, "debian", true)->url, "https://x/old.tar");
        ck_assert(catalogue_find(catalogue, "kali", false)->foreign);
        ck_assert_ptr_null(catalogue_find(catalogue, "ubuntu", true));
        ck_assert_ptr_null(catalogue_find(catalogue, "arm", false));
        ck_assert_ptr_null(catalogue_find(catalogue, "", false));
        ck_assert_str_eq(catalogue_suggest(catalogue, "DEBAIN"), "Debian");
        ck_assert_ptr_null(catalogue_suggest(catalogue, "slackware"));
}
END_TEST

START_TEST(a_later_entry_takes_the_place_of_one_of_its_name) {
        static const char json[] = "{\"ModernDistributions\":{\"Ours\":[{\"Name\":\"DEBIAN\",\"Amd64Url\":{\"Url\":"
                                   "\"https://y/d.wsl\"}},"
                                   "{\"Name\":\"New\",\"Amd64Url\":{\"Url\":\"https://y/n.wsl\"}}]}}";
        g_autoptr(Catalogue) catalogue = good(whole, "x86_64"), ours = good(json, "x86_64");

        ck_assert(catalogue_add(catalogue, g_ptr_array_steal_index(ours, 0)));
        ck_assert(!catalogue_add(catalogue, g_ptr_array_steal_index(ours, 0)));
        ck_assert_uint_eq(catalogue->len, 6);
        ck_assert_str_eq(entry(catalogue, 2)->url, "https://y/d.wsl");
        ck_assert(entry(catalogue, 3)->legacy);
        ck_assert_str_eq(entry(catalogue, 5)->name, "New");
}
END_TEST

START_TEST(only_a_file_may_name_files) {
        static const char json[] = "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":{\"Url\":\"file:///"
                                   "etc/passwd\"}}]}}";
        g_autoptr(Catalogue) catalogue = catalogue_new();
        WorkerReport report;

        ck_assert_int_lt(read_json(catalogue, json, "x86_64", REMOTE, &report), 0);
        ck_assert_ptr_nonnull(strstr(report.text, "\"a\""));
        ck_assert_int_eq(read_json(catalogue, json, "x86_64", "file:///srv/c.json", &report), 0);
        ck_assert_str_eq(entry(catalogue, 0)->url, "file:///etc/passwd");
}
END_TEST

START_TEST(what_is_damaged_is_said) {
        static const struct {
                const char *json, *said;
        } cases[] = {
                { "", "empty" },
                { "\xef\xbb\xbf", "no object" },
                { "<html>a page</html>", "no JSON" },
                { "{\"Default\":\"a\"", "no JSON" },
                { "[]", "no object" },
                { "{}", "neither" },
                { "\xff\xfe{}", "UTF-8" },
                { "{\"ModernDistributions\":[]}", "families" },
                { "{\"ModernDistributions\":{\"A\":{}}}", "no list" },
                { "{\"ModernDistributions\":{\"A\":[1]}}", "no Name" },
                { "{\"ModernDistributions\":{\"A\":[{\"FriendlyName\":\"x\"}]}}", "no Name" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":7}]}}", "no Name" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":\"https://x\"}]}}", "no Url" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":{}}]}}", "no Url" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":{\"Url\":\"ftp://x/y\"}}]}}",
                  "address" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":{\"Url\":\"https://x/ y\"}}]}}",
                  "address" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\\u001b\",\"Amd64Url\":{\"Url\":\"https://x/y\"}}]}}",
                  "shown" },
                { "{\"ModernDistributions\":{\"A\":[{\"Name\":\"a\",\"Amd64Url\":{\"Url\":\"https://"
                  "x\",\"Sha256\":\"0x12\"}}]}}",
                  "Sha256" },
                { "{\"Distributions\":{}}", "no list" },
                { "{\"Distributions\":[{}]}", "no Name" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                g_autoptr(Catalogue) catalogue = catalogue_new();
                WorkerReport report;

                ck_assert_int_lt(read_json(catalogue, cases[i].json, "x86_64", REMOTE, &report), 0);
                ck_assert_int_eq(report.error, LXSS_ERROR_CATALOGUE_DAMAGED);
                ck_assert_msg(strstr(report.text, cases[i].said), "%s: %s", cases[i].json, report.text);
                ck_assert_ptr_nonnull(strstr(report.text, REMOTE));
        }
}
END_TEST

START_TEST(brackets_cannot_exhaust_the_stack) {
        g_autofree char *deep = g_strnfill(1024 * 1024, '['), *just = g_strnfill(2000, '[');
        g_autoptr(Catalogue) catalogue = catalogue_new();
        WorkerReport report;

        ck_assert_int_lt(read_json(catalogue, deep, "x86_64", REMOTE, &report), 0);
        ck_assert_ptr_nonnull(strstr(report.text, "brackets"));
        ck_assert_int_lt(read_json(catalogue, just, "x86_64", REMOTE, &report), 0);
}
END_TEST

START_TEST(a_mark_of_windows_editors_is_no_harm) {
        g_autofree char *marked = g_strconcat("\xef\xbb\xbf", whole, NULL);
        g_autoptr(Catalogue) catalogue = good(marked, "x86_64");

        ck_assert_uint_eq(catalogue->len, 5);
}
END_TEST

START_TEST(what_is_passed_on_is_what_arrives) {
        g_autoptr(Catalogue) catalogue = good(whole, "x86_64"), arrived = NULL;
        g_autoptr(GByteArray) bytes = catalogue_encode(catalogue);

        ck_assert_int_eq(catalogue_decode(bytes->data, bytes->len, &arrived), 0);
        ck_assert_uint_eq(arrived->len, catalogue->len);
        for (guint i = 0; i < arrived->len; i++) {
                ck_assert_str_eq(entry(arrived, i)->name, entry(catalogue, i)->name);
                ck_assert_str_eq(entry(arrived, i)->url, entry(catalogue, i)->url);
                ck_assert_str_eq(entry(arrived, i)->sha256, entry(catalogue, i)->sha256);
                ck_assert(entry(arrived, i)->legacy == entry(catalogue, i)->legacy);
                ck_assert(entry(arrived, i)->standard == entry(catalogue, i)->standard);
        }
        /* Cut anywhere but between entries it is nothing. */
        for (guint n = 0; n < bytes->len; n++) {
                g_autoptr(Catalogue) part = NULL;
                int r = catalogue_decode(bytes->data, n, &part);

                ck_assert(r == -EBADMSG || (r == 0 && part->len < catalogue->len));
        }
}
END_TEST

START_TEST(nothing_is_an_empty_catalogue) {
        g_autoptr(Catalogue) empty = catalogue_new(), arrived = NULL;
        g_autoptr(GByteArray) bytes = catalogue_encode(empty);

        ck_assert_int_eq(catalogue_decode(bytes->data, bytes->len, &arrived), 0);
        ck_assert_uint_eq(arrived->len, 0);
}
END_TEST

START_TEST(lies_are_not_decoded) {
        static const char *const lies[] = {
                "a\0f\0\0file:///etc/shadow\0\0https://x/c.json\0\0",
                "\033[2J\0f\0\0https://x/a\0\0https://x/c.json\0\0",
                "a\0f\0\0gopher://x/a\0\0https://x/c.json\0\0",
                "a\0f\0\0https://x/a\0abc\0https://x/c.json\0\0",
                "a\0f\0\0https://x/a\0\0\0\0\0",
        };

        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                g_autoptr(Catalogue) catalogue = NULL;
                size_t n = 0;

                for (unsigned strings = 0; strings < 7; strings++)
                        n += strlen(lies[i] + n) + 1;
                ck_assert_int_eq(catalogue_decode(lies[i], n, &catalogue), -EBADMSG);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("catalogue", the_order_stays_and_other_machines_are_left_out,
                         a_name_is_an_entry_or_else_a_family_whatever_its_case,
                         a_later_entry_takes_the_place_of_one_of_its_name, only_a_file_may_name_files,
                         what_is_damaged_is_said, brackets_cannot_exhaust_the_stack,
                         a_mark_of_windows_editors_is_no_harm, what_is_passed_on_is_what_arrives,
                         nothing_is_an_empty_catalogue, lies_are_not_decoded);
}
