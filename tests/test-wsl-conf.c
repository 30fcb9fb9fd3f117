/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The language of wsl.conf: what counts, what is warned of and in which line. */

#include "init/wsl-conf.h"
#include "shared/ini.h"
#include "tests/test.h"

static WslConf conf;

static void parse_bytes(const char *text, size_t size) {
        wsl_conf_clear(&conf);
        conf = (WslConf)WSL_CONF_DEFAULT;
        ck_assert_int_eq(wsl_conf_parse(text, size, &conf), 0);
}

static void parse(const char *text) {
        parse_bytes(text, strlen(text));
}

static void assert_string(const char *found, const char *expected) {
        ck_assert_int_eq(found != NULL, expected != NULL);
        if (expected)
                ck_assert_str_eq(found, expected);
}

/* "" for none, else one line for each warning, without the file's name. */
static void assert_warnings(const char *expected) {
        char all[8192] = "";

        for (char **w = conf.warnings; w && *w; w++) {
                ck_assert_int_eq(strncmp(*w, "/etc/wsl.conf:", 14), 0);
                strcat(strcat(all, *w + 14), w[1] ? "\n" : "");
        }
        ck_assert_str_eq(all, expected);
        wsl_conf_clear(&conf);
}

static void assert_defaults(void) {
        ck_assert(conf.mount_host && conf.mount_fstab && conf.generate_hosts && conf.generate_resolv_conf);
        ck_assert_uint_eq(conf.umask, 022);
        ck_assert_ptr_null(conf.command);
        ck_assert_ptr_null(conf.user);
        ck_assert_ptr_null(conf.hostname);
}

START_TEST(an_empty_file_leaves_the_defaults) {
        static const char *const texts[] = { "",
                                             "\n",
                                             "\r\n",
                                             " \t \n",
                                             "# comment",
                                             ";comment\n#\n",
                                             "\xef\xbb\xbf",
                                             "[boot]",
                                             "[boot]\n[network] # nothing\n[user];\n" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                parse(texts[i]);
                assert_defaults();
                assert_warnings("");
        }
}
END_TEST

static void assert_everything(const char *text) {
        parse(text);
        assert_string(conf.command, "service cron start; true");
        assert_string(conf.user, "anna");
        ck_assert_uint_eq(conf.user_line, 6);
        assert_string(conf.hostname, "box.example");
        ck_assert(!conf.generate_hosts && !conf.generate_resolv_conf && !conf.mount_host && !conf.mount_fstab);
        ck_assert_uint_eq(conf.umask, 077);
        assert_warnings("");
}

START_TEST(every_key_is_read_with_either_end_of_lines) {
        assert_everything("# first\n[boot]\ncommand=service cron start; true\n\n[user]\ndefault=anna\n[network]\n"
                          "hostname=box.example\ngenerateHosts=false\ngenerateResolvConf=false\n[automount]\n"
                          "enabled=false\nmountFsTab=false\n[filesystem]\numask=077\n");
        assert_everything("# first\r\n[boot]\r\ncommand = service cron start; true\r\n\r\n[user]\r\ndefault\t=\tanna "
                          "\r\n"
                          "[network]\r\n hostname = box.example # ours\r\n generateHosts = "
                          "0\r\ngenerateResolvConf=False\r\n"
                          "[automount] # none\r\nenabled=FALSE\r\nmountFsTab=0\r\n[filesystem]\r\numask=0077");
}
END_TEST

START_TEST(sections_and_keys_have_any_case) {
        assert_everything("\xef\xbb\xbf\n[BOOT]\nCommand=service cron start; true\n\n[User]\nDEFAULT=anna\n[netWORK]\n"
                          "HostName=box.example\nGENERATEHOSTS=false\ngenerateresolvconf=false\n[AutoMount]\n"
                          "Enabled=false\nmountfstab=false\n[FileSystem]\nUMASK=77\n");
}
END_TEST

START_TEST(what_means_nothing_here_is_accepted_in_silence) {
        parse("[interop]\nenabled=false\nappendWindowsPath=maybe\n[time]\nuseWindowsTimezone=true\n[fileServer]\n"
              "enabled=x\nlogFile=/x\nlogLevel=3\nlogTruncate=0\n[automount]\nroot=/mnt/"
              "\noptions=\"metadata\nldconfig=1\n"
              "cgroups=v1\n[boot]\ninitTimeout=1\nprotectBinfmt=false\nsystemd=false\n[gpu]\nenabled=true\n"
              "appendLibPath=true\n[general]\nguiApplications=true\n");
        assert_defaults();
        assert_warnings("");
}
END_TEST

START_TEST(what_is_wrong_is_warned_of_with_its_line_and_the_rest_applies) {
        parse("key=1\r\n"
              "[network]\r\n"
              "hostnam=x\r\n"
              "generateHosts=maybe\r\n"
              "nonsense\r\n"
              "=x\r\n"
              "[nonsense]\r\n"
              "hostname=no\r\n"
              "generateHosts=no\r\n"
              "[network\r\n"
              "hostname=no\r\n"
              "[network] x\r\n"
              "[filesystem]\r\n"
              "umask=8\r\n"
              "[network]\r\n"
              "hostname=yes\r\n");
        assert_string(conf.hostname, "yes");
        ck_assert(conf.generate_hosts);
        assert_warnings("1: \"key\" stands in no section.\n"
                        "3: There is no \"hostnam\" in [network].\n"
                        "4: generateHosts is \"true\" or \"false\", not \"maybe\".\n"
                        "5: \"nonsense\" is neither a [section] nor a key with its value.\n"
                        "6: \"=x\" is neither a [section] nor a key with its value.\n"
                        "7: There is no section [nonsense]. What stands in it is ignored.\n"
                        "10: \"[network\" is no section. What stands beneath it is ignored.\n"
                        "12: \"[network] x\" is no section. What stands beneath it is ignored.\n"
                        "14: umask is an octal number up to 777, not \"8\".");
}
END_TEST

START_TEST(systemd_is_refused_in_words) {
        parse("[boot]\nsystemd=TRUE\n");
        assert_warnings("2: systemd is not started: instances have an /init of their own, and no units run in them.");
        parse("[boot]\nsystemd=yes\n");
        assert_warnings("2: systemd is \"true\" or \"false\", not \"yes\".");
}
END_TEST

START_TEST(the_first_of_two_counts) {
        parse("[network]\nhostname=one\n[boot]\n[Network]\nHOSTNAME=two\n");
        assert_string(conf.hostname, "one");
        assert_warnings("5: hostname is set already, in line 2.");
}
END_TEST

static void assert_command(const char *value, const char *expected) {
        char text[256];

        snprintf(text, sizeof(text), "[boot]\ncommand=%s\n[user]\ndefault=last\n", value);
        parse(text);
        assert_string(conf.command, expected);
        assert_string(conf.user, "last");
        if (expected || !*value)
                assert_warnings("");
        else
                ck_assert_uint_eq(strv_length(conf.warnings), 1);
}

START_TEST(values_have_quotes_escapes_comments_and_further_lines) {
        assert_command("a b", "a b");
        assert_command("  a  ", "a");
        assert_command("\"  a  \"  ", "  a  ");
        assert_command("a \"b c\" d", "a b c d");
        assert_command("a # b", "a");
        assert_command("a \"# b\"", "a # b");
        assert_command("a ; b", "a ; b");
        assert_command("a=b", "a=b");
        assert_command("\\\"a\\\"", "\"a\"");
        assert_command("a\\tb\\nc\\\\", "a\tb\nc\\");
        assert_command("a \\\n  b", "a   b");
        assert_command("a\\\r\nb\\\r\nc", "abc");
        assert_command("", NULL);
}
END_TEST

START_TEST(malformed_values_are_left_out) {
        parse("[boot]\ncommand=\"a\n[user]\ndefault=a\\q\n");
        ck_assert_ptr_null(conf.command);
        ck_assert_ptr_null(conf.user);
        assert_warnings("2: A quotation mark has no partner.\n"
                        "4: There is no \"\\q\" in values. A backslash itself is \"\\\\\".");
        parse("[boot]\ncommand=a\\");
        ck_assert_ptr_null(conf.command);
        assert_warnings("2: There is no \"\\\" in values. A backslash itself is \"\\\\\".");
}
END_TEST

START_TEST(a_comment_does_not_go_on_and_lines_are_counted_through) {
        parse("# a \\\n[boot]\ncommand=a \\\nb\n[x]\n");
        assert_string(conf.command, "a b");
        assert_warnings("5: There is no section [x]. What stands in it is ignored.");
}
END_TEST

START_TEST(host_names_are_made_such_that_can_be_set) {
        static const char *const names[][2] = {
                { "box", "box" },
                { "Box-1.example.org", "Box-1.example.org" },
                { "xn--bcher-kva", "xn--bcher-kva" },
                { "-box", "box" },
                { "box-", "box" },
                { ".box.", "box" },
                { "--..--box..--..", "box" },
                { "my_box", "mybox" },
                { "my box", "mybox" },
                { "b\xc3\xbc" "cher", "bcher" },
                { "a..b", "a.b" },
                { "a.-b", "a.b" },
                { "a-.b", "a-b" },
                { "!\\\"$%&/()=box?", "box" },
                { "\xff\xfe" "box\x80", "box" },
                { "123", "123" },
                { "012345678901234567890123456789012345678901234567890123456789012345678901234567",
                  "0123456789012345678901234567890123456789012345678901234567890123" },
                { "012345678901234567890123456789012345678901234567890123456789012-45678901234567",
                  "012345678901234567890123456789012345678901234567890123456789012" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char text[256];

                snprintf(text, sizeof(text), "[network]\nhostname=%s\n", names[i][0]);
                parse(text);
                assert_string(conf.hostname, names[i][1]);
                assert_warnings("");
        }
}
END_TEST

START_TEST(a_host_name_of_which_nothing_is_left_is_ignored) {
        parse("[network]\nhostname=-._.-\n");
        ck_assert_ptr_null(conf.hostname);
        assert_warnings("2: \"-._.-\" holds nothing that a host name is made of.");
        parse("[network]\nhostname=\n");
        ck_assert_ptr_null(conf.hostname);
        assert_warnings("2: \"\" holds nothing that a host name is made of.");
}
END_TEST

START_TEST(a_umask_is_octal) {
        static const char *const wrong[] = { "",      "8",   "0x12",
                                             "-1",    " +7", "1000",
                                             "00000", "7 7", "99999999999999999999" };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                char text[128];

                snprintf(text, sizeof(text), "[filesystem]\numask=%s\n", wrong[i]);
                parse(text);
                ck_assert_uint_eq(conf.umask, 022);
                ck_assert_uint_eq(strv_length(conf.warnings), 1);
        }
        parse("[filesystem]\numask=0\n");
        ck_assert_uint_eq(conf.umask, 0);
        assert_warnings("");
}
END_TEST

START_TEST(a_user_is_printable) {
        parse("[user]\ndefault=an\033na\n");
        ck_assert_ptr_null(conf.user);
        ck_assert_uint_eq(strv_length(conf.warnings), 1);
        parse("[user]\ndefault=an\xff\n");
        ck_assert_ptr_null(conf.user);
        parse("[user]\ndefault=ann\xc3\xa4\n");
        assert_string(conf.user, "ann\xc3\xa4");
        parse("[user]\ndefault=\n");
        ck_assert_ptr_null(conf.user);
        assert_warnings("");
}
END_TEST

START_TEST(nul_bytes_spoil_their_line_alone) {
        static const char text[] = "[user]\ndefault=a\0b\ndefault=c\n\0\n";

        parse_bytes(text, sizeof(text) - 1);
        assert_string(conf.user, "c");
        assert_warnings("2: This line holds a byte that is no text.\n4: This line holds a byte that is no text.");
}
END_TEST

START_TEST(a_file_of_mistakes_has_few_warnings) {
        _cleanup_free_ char *text = malloc(WSL_CONF_MAX);

        for (size_t i = 0; i < WSL_CONF_MAX; i += 2)
                memcpy(text + i, "x\n", 2);
        parse_bytes(text, WSL_CONF_MAX);
        ck_assert_uint_eq(strv_length(conf.warnings), INI_WARNINGS_MAX + 1);
        ck_assert_str_eq(conf.warnings[INI_WARNINGS_MAX], "/etc/wsl.conf:17: There are more mistakes.");
        memset(text, 'x', WSL_CONF_MAX);
        parse_bytes(text, WSL_CONF_MAX);
        ck_assert_uint_eq(strv_length(conf.warnings), 1);
        ck_assert_uint_lt(strlen(conf.warnings[0]), 200);
        memset(text, '\\', WSL_CONF_MAX);
        parse_bytes(text, WSL_CONF_MAX);
        wsl_conf_clear(&conf);
}
END_TEST

int main(void) {
        return RUN_TESTS("wsl-conf", an_empty_file_leaves_the_defaults, every_key_is_read_with_either_end_of_lines,
                         sections_and_keys_have_any_case, what_means_nothing_here_is_accepted_in_silence,
                         what_is_wrong_is_warned_of_with_its_line_and_the_rest_applies, systemd_is_refused_in_words,
                         the_first_of_two_counts, values_have_quotes_escapes_comments_and_further_lines,
                         malformed_values_are_left_out, a_comment_does_not_go_on_and_lines_are_counted_through,
                         host_names_are_made_such_that_can_be_set, a_host_name_of_which_nothing_is_left_is_ignored,
                         a_umask_is_octal, a_user_is_printable, nul_bytes_spoil_their_line_alone,
                         a_file_of_mistakes_has_few_warnings);
}
