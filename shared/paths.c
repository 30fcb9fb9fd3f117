/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Environment → paths. Both ends must agree on the socket's, so it stands here. */

#include "shared/paths.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/un.h>

#include "shared/util.h"

static int join(const char *directory, const char *name, char **ret) {
        return asprintf(ret, "%s/%s", directory, name) < 0 ? -ENOMEM : 0;
}

static int duplicate(const char *path, char **ret) {
        size_t n = strlen(path);
        char *copy;

        while (n > 1 && path[n - 1] == '/')
                n--;
        copy = strndup(path, n);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static const char *environment_path(const char *variable) {
        const char *value = getenv(variable);

        return value && value[0] == '/' ? value : NULL;
}

static int below_home(const char *variable, const char *fallback, const char *name, char **ret) {
        const char *value = environment_path(variable), *home = environment_path("HOME");

        if (value)
                return join(value, name, ret);
        if (!home) {
                const struct passwd *pw = getpwuid(getuid());

                if (!pw || pw->pw_dir[0] != '/')
                        return -ENXIO;
                home = pw->pw_dir;
        }
        return asprintf(ret, "%s/%s/%s", home, fallback, name) < 0 ? -ENOMEM : 0;
}

int path_data_directory(char **ret) {
        const char *override = environment_path("LXSS_DATA_DIR");

        if (override)
                return duplicate(override, ret);
        if (geteuid() == 0)
                return duplicate("/var/lib/lxss", ret);
        return below_home("XDG_DATA_HOME", ".local/share", "lxss", ret);
}

int path_applications_directory(char **ret) {
        if (geteuid() == 0 || environment_path("LXSS_DATA_DIR"))
                return -ENOENT;
        return below_home("XDG_DATA_HOME", ".local/share", "applications", ret);
}

int path_settings_file(char **ret) {
        const char *override = environment_path("LXSS_CONFIG_FILE");

        if (override)
                return duplicate(override, ret);
        if (geteuid() == 0)
                return duplicate("/etc/lxss/lxss.conf", ret);
        return below_home("XDG_CONFIG_HOME", ".config", "lxss/lxss.conf", ret);
}

int path_runtime_directory(char **ret) {
        const char *override = environment_path("LXSS_RUNTIME_DIR"), *runtime = environment_path("XDG_RUNTIME_DIR");
        _cleanup_free_ char *data = NULL;
        int r;

        if (override)
                return duplicate(override, ret);
        if (geteuid() == 0)
                return duplicate("/run/lxss", ret);
        if (runtime)
                return join(runtime, "lxss", ret);
        r = path_data_directory(&data);
        if (r < 0)
                return r;
        return join(data, "run", ret);
}

int path_manager_socket(char **ret) {
        _cleanup_free_ char *runtime = NULL, *path = NULL;
        int r;

        r = path_runtime_directory(&runtime);
        if (r < 0)
                return r;
        r = join(runtime, "manager", &path);
        if (r < 0)
                return r;
        if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                return -ENAMETOOLONG;
        *ret = steal_pointer(&path);
        return 0;
}

int path_log_file(char **ret) {
        _cleanup_free_ char *runtime = NULL;
        int r;

        r = path_runtime_directory(&runtime);
        if (r < 0)
                return r;
        return join(runtime, "lxssd.log", ret);
}

int path_describe_log(char **ret) {
        _cleanup_free_ char *path = NULL;

        /* sd_booted(3): without systemd there is no journal either. */
        if (path_log_file(&path) >= 0 && (access(path, F_OK) == 0 || access("/run/systemd/system", F_OK) < 0)) {
                *ret = steal_pointer(&path);
                return 0;
        }
        *ret = strdup(geteuid() == 0 ? "journalctl -u lxssd" : "journalctl --user -u lxssd");
        return *ret ? 0 : -ENOMEM;
}

int path_libexec(const char *program, char **ret) {
        const char *override = environment_path("LXSS_LIBEXEC_DIR");

        return join(override ? override : PKGLIBEXECDIR, program, ret);
}
