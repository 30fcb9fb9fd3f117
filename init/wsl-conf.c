/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what wsl.conf's keys mean. It must not act on anything that it reads
 * there, nor open the file: init/boot.c does. The language is shared/ini.c's. */

#include "init/wsl-conf.h"

#include "shared/ini.h"
#include "shared/text.h"

#define USER_MAX 255

static void set_systemd(Ini *ini, const IniKey *key, const char *value);
static void set_user(Ini *ini, const IniKey *key, const char *value);
static void set_hostname(Ini *ini, const IniKey *key, const char *value);
static void set_umask(Ini *ini, const IniKey *key, const char *value);

static const IniKey keys[] = {
        { "automount", "cgroups", NULL, 0 },
        { "automount", "enabled", ini_set_bool, offsetof(WslConf, mount_host) },
        { "automount", "ldconfig", NULL, 0 },
        { "automount", "mountFsTab", ini_set_bool, offsetof(WslConf, mount_fstab) },
        { "automount", "options", NULL, 0 },
        { "automount", "root", NULL, 0 },
        { "boot", "command", ini_set_string, offsetof(WslConf, command) },
        { "boot", "initTimeout", NULL, 0 },
        { "boot", "protectBinfmt", NULL, 0 },
        { "boot", "systemd", set_systemd, 0 },
        { "fileServer", "enabled", NULL, 0 },
        { "fileServer", "logFile", NULL, 0 },
        { "fileServer", "logLevel", NULL, 0 },
        { "fileServer", "logTruncate", NULL, 0 },
        { "filesystem", "umask", set_umask, offsetof(WslConf, umask) },
        { "general", "guiApplications", NULL, 0 },
        { "gpu", "appendLibPath", NULL, 0 },
        { "gpu", "enabled", NULL, 0 },
        { "interop", "appendWindowsPath", NULL, 0 },
        { "interop", "enabled", NULL, 0 },
        { "network", "generateHosts", ini_set_bool, offsetof(WslConf, generate_hosts) },
        { "network", "generateResolvConf", ini_set_bool, offsetof(WslConf, generate_resolv_conf) },
        { "network", "hostname", set_hostname, offsetof(WslConf, hostname) },
        { "time", "useWindowsTimezone", NULL, 0 },
        { "user", "default", set_user, offsetof(WslConf, user) },
};

static void set_systemd(Ini *ini, const IniKey *key, const char *value) {
        bool wanted = false;

        if (ini_read_bool(ini, key, value, &wanted) && wanted)
                ini_warn(ini,
                         "systemd is not started: instances have an /init of their own, and no units run in them.");
}

static void set_user(Ini *ini, const IniKey *key, const char *value) {
        size_t n = strlen(value);

        if (n > USER_MAX || !text_is_printable(value, n)) {
                ini_warn(ini, "\"" INI_SHOWN "\" is no name of a user.", value);
                return;
        }
        *(unsigned *)ini_member(ini, offsetof(WslConf, user_line)) = ini_line(ini);
        ini_set_string(ini, key, value);
}

static bool is_alphanumeric(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What hostname(7) allows of it: letters and digits, with single dots and with hyphens between them. */
static void set_hostname(Ini *ini, const IniKey *key, const char *value) {
        char name[WSL_CONF_HOSTNAME_MAX + 1];
        size_t n = 0;

        for (const char *c = value; *c && n < WSL_CONF_HOSTNAME_MAX; c++) {
                char before = n > 0 ? name[n - 1] : '.';

                if (is_alphanumeric(*c) || (*c == '-' && before != '.') ||
                    (*c == '.' && before != '.' && before != '-'))
                        name[n++] = *c;
        }
        while (n > 0 && !is_alphanumeric(name[n - 1]))
                n--;
        if (n == 0) {
                ini_warn(ini, "\"" INI_SHOWN "\" holds nothing that a host name is made of.", value);
                return;
        }
        name[n] = '\0';
        ini_set_string(ini, key, name);
}

static void set_umask(Ini *ini, const IniKey *key, const char *value) {
        size_t n = strspn(value, "01234567");
        unsigned long mask = strtoul(value, NULL, 8);

        if (n == 0 || n > 4 || value[n] || mask > 0777)
                ini_warn(ini, "%s is an octal number up to 777, not \"" INI_SHOWN "\".", key->name, value);
        else
                *(mode_t *)ini_member(ini, key->offset) = mask;
}

int wsl_conf_parse(const char *text, size_t size, WslConf *conf) {
        static const IniSchema schema = { WSL_CONF_PATH, keys, ELEMENTSOF(keys) };

        return ini_parse(&schema, text, size, conf, &conf->warnings);
}

void wsl_conf_clear(WslConf *conf) {
        free(steal_pointer(&conf->command));
        free(steal_pointer(&conf->user));
        free(steal_pointer(&conf->hostname));
        conf->warnings = strv_free(conf->warnings);
}
