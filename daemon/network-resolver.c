/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/network-resolver.h. Text in, text out. */

#include "daemon/network-resolver.h"

#include <arpa/inet.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* As resolvers read it: the keyword at the beginning of the line, then blanks. */
static bool is_on_loopback(const char *line) {
        static const char keyword[] = "nameserver";
        g_autofree char *address = NULL;
        struct in6_addr six;
        struct in_addr four;

        if (!g_str_has_prefix(line, keyword) || !g_ascii_isspace(line[strlen(keyword)]))
                return false;
        line += strlen(keyword);
        line += strspn(line, " \t");
        address = g_strndup(line, strcspn(line, " \t\r#;%"));
        if (inet_pton(AF_INET, address, &four) == 1)
                return ntohl(four.s_addr) >> 24 == 127 || four.s_addr == 0;
        return inet_pton(AF_INET6, address, &six) == 1 &&
               (IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six));
}

char *network_resolver_compose(const char *host, const char *address) {
        g_auto(GStrv) lines = g_strsplit(host, "\n", -1);
        g_autoptr(GString) text = g_string_new(NULL);
        bool replaced = false;

        for (size_t i = 0; lines[i]; i++) {
                if (!is_on_loopback(lines[i]))
                        g_string_append_printf(text, "%s%s", lines[i], lines[i + 1] ? "\n" : "");
                else if (!replaced)
                        g_string_append_printf(text, "nameserver %s\n", address);
                replaced = replaced || is_on_loopback(lines[i]);
        }
        return replaced ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}
