/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program's environment: nothing of /init's own, which has none. */

#include "init/environment.h"

#include <stdio.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/games:/usr/games:/run/lxss/bin"
#define LOCALE_MAX (64u << 10)

const char *environment_get(char *const *env, const char *name) {
        size_t n = strlen(name);

        for (; env && *env; env++)
                if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
                        return *env + n + 1;
        return NULL;
}

/* Takes the entry over; NULL means that making it had no memory. */
static int put(char ***env, char *entry) {
        size_t n;

        if (!entry)
                return -ENOMEM;
        n = strcspn(entry, "=") + 1;
        for (char **e = *env; e && *e; e++)
                if (strncmp(*e, entry, n) == 0) {
                        free(*e);
                        *e = entry;
                        return 0;
                }
        return strv_consume(env, entry);
}

static int put_variable(char ***env, const char *name, const char *value) {
        char *entry = NULL;

        if (asprintf(&entry, "%s=%s", name, value) < 0)
                entry = NULL;
        return put(env, entry);
}

/* One line of locale.conf(5) or Debian's default/locale, its quotes taken off. */
static int put_locale_line(char ***env, char *line) {
        char *value = strchr(line, '=');
        size_t n;

        if (!value || (strncmp(line, "LANG", 4) != 0 && strncmp(line, "LC_", 3) != 0))
                return 0;
        *value++ = '\0';
        n = strlen(value);
        if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
                value[n - 1] = '\0';
                value++;
        }
        return put_variable(env, line, value);
}

/* The first of the files that is there counts, as in WSL. */
static int put_locale(char ***env) {
        static const char *const files[] = { "/etc/default/locale", "/etc/locale.conf" };
        _cleanup_free_ char *contents = NULL;
        char *rest;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(files) && !contents; i++)
                (void)read_regular_file(AT_FDCWD, files[i], LOCALE_MAX, &contents, NULL);
        rest = contents;
        for (char *line; r == 0 && (line = strsep(&rest, "\n"));)
                r = put_locale_line(env, line);
        return r;
}

static int put_runtime_directory(char ***env, uid_t uid) {
        char path[sizeof("/run/user/") + 10];
        struct stat st;

        snprintf(path, sizeof(path), "/run/user/%u", (unsigned)uid);
        if (stat(path, &st) < 0 || st.st_uid != uid)
                return 0;
        return put_variable(env, "XDG_RUNTIME_DIR", path);
}

int environment_build(const Account *account, char *const *overrides, bool terminal, char ***ret) {
        _cleanup_strv_free_ char **env = NULL;
        int r;

        if ((r = put_variable(&env, "PATH", DEFAULT_PATH)) < 0 ||
            (r = put_variable(&env, "HOME", account->home)) < 0 ||
            (r = put_variable(&env, "USER", account->name)) < 0 ||
            (r = put_variable(&env, "LOGNAME", account->name)) < 0 ||
            (r = put_variable(&env, "SHELL", account->shell)) < 0 ||
            (r = put_locale(&env)) < 0 ||
            (r = put_runtime_directory(&env, account->uid)) < 0)
                return r;
        if (terminal && (r = put_variable(&env, "TERM", "xterm-256color")) < 0)
                return r;
        for (; overrides && *overrides; overrides++)
                if ((r = put(&env, strdup(*overrides))) < 0)
                        return r;
        *ret = steal_pointer(&env);
        return 0;
}
