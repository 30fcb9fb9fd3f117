/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A distribution's wsl.conf: whatever stands in it, what comes out is bounded
 * and can be used, and the same bytes mean the same again. */

#include "init/wsl-conf.h"
#include "shared/ini.h"
#include "shared/text.h"
#include "tests/fuzz.h"

static bool same(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static void check_hostname(const char *name) {
        size_t n = strlen(name);

        FUZZ_REQUIRE(n > 0 && n <= WSL_CONF_HOSTNAME_MAX);
        FUZZ_REQUIRE(!strchr("-.", name[0]) && !strchr("-.", name[n - 1]));
        FUZZ_REQUIRE(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_wsl_conf_ WslConf conf = WSL_CONF_DEFAULT, again = WSL_CONF_DEFAULT;

        FUZZ_REQUIRE(wsl_conf_parse((const char *)data, size, &conf) == 0);
        FUZZ_REQUIRE(strv_length(conf.warnings) <= INI_WARNINGS_MAX + 1);
        for (char **w = conf.warnings; w && *w; w++)
                FUZZ_REQUIRE(strlen(*w) < 400 && strncmp(*w, WSL_CONF_PATH ":", strlen(WSL_CONF_PATH) + 1) == 0);
        if (conf.hostname)
                check_hostname(conf.hostname);
        FUZZ_REQUIRE(!conf.user ||
                     (*conf.user && conf.user_line > 0 && text_is_printable(conf.user, strlen(conf.user))));
        FUZZ_REQUIRE(!conf.command || (*conf.command && strlen(conf.command) <= size));
        FUZZ_REQUIRE(conf.umask <= 0777);

        FUZZ_REQUIRE(wsl_conf_parse((const char *)data, size, &again) == 0);
        FUZZ_REQUIRE(same(conf.hostname, again.hostname) && same(conf.user, again.user) &&
                     same(conf.command, again.command) && conf.umask == again.umask &&
                     strv_length(conf.warnings) == strv_length(again.warnings));
        return 0;
}
