/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what wsl-distribution.conf's keys mean. It must not act on anything that
 * it reads there. The language is shared/ini.c's. */

#include "shared/wsl-distribution.h"

#include "shared/distribution-name.h"
#include "shared/ini.h"
#include "shared/text.h"

static void set_name(Ini *ini, const IniKey *key, const char *value);
static void set_uid(Ini *ini, const IniKey *key, const char *value);
static void set_icon(Ini *ini, const IniKey *key, const char *value);

static const IniKey keys[] = {
        { "oobe", "command", ini_set_string, offsetof(WslDistribution, command) },
        { "oobe", "defaultName", set_name, offsetof(WslDistribution, name) },
        { "oobe", "defaultUid", set_uid, offsetof(WslDistribution, uid) },
        { "shortcut", "enabled", ini_set_bool, offsetof(WslDistribution, shortcut) },
        { "shortcut", "icon", set_icon, offsetof(WslDistribution, icon) },
        { "windowsterminal", "enabled", NULL, 0 },
        { "windowsterminal", "profileTemplate", NULL, 0 },
};

static void set_name(Ini *ini, const IniKey *key, const char *value) {
        if (distribution_name_is_valid(value))
                ini_set_string(ini, key, value);
        else
                ini_warn(ini, "\"" INI_SHOWN "\" cannot be a distribution's name.", value);
}

/* Strict: no sign, no leading zero, nothing behind it. */
static void set_uid(Ini *ini, const IniKey *key, const char *value) {
        size_t n = strspn(value, "0123456789");

        if (n == 0 || n > 9 || value[n] || (n > 1 && value[0] == '0'))
                ini_warn(ini, "%s is the number of a user, not \"" INI_SHOWN "\".", key->name, value);
        else
                *(int64_t *)ini_member(ini, key->offset) = strtoul(value, NULL, 10);
}

static bool leads_upwards(const char *path) {
        while (*path) {
                size_t n = strcspn(path, "/");

                if (n == 2 && path[0] == '.' && path[1] == '.')
                        return true;
                path += n + (path[n] == '/');
        }
        return false;
}

static void set_icon(Ini *ini, const IniKey *key, const char *value) {
        if (*value && (*value != '/' || leads_upwards(value) || !text_is_printable(value, strlen(value))))
                ini_warn(ini, "\"" INI_SHOWN "\" is no absolute path without \"..\".", value);
        else
                ini_set_string(ini, key, value);
}

int wsl_distribution_parse(const char *text, size_t size, WslDistribution *values) {
        static const IniSchema schema = { WSL_DISTRIBUTION_PATH, keys, ELEMENTSOF(keys) };

        return ini_parse(&schema, text, size, values, &values->warnings);
}

int wsl_distribution_read(WslDistribution *values) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_linked_file(WSL_DISTRIBUTION_PATH, WSL_DISTRIBUTION_MAX, &text, &size);
        return r < 0 ? r : wsl_distribution_parse(text, size, values);
}

void wsl_distribution_clear(WslDistribution *values) {
        free(steal_pointer(&values->command));
        free(steal_pointer(&values->name));
        free(steal_pointer(&values->icon));
        values->warnings = strv_free(values->warnings);
}
