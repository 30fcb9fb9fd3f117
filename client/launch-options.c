/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the meaning of launch's options. Must not look at the process it runs
 * in: no getenv(), no descriptor is touched, so that every case can be tested. */

#include "client/launch-options.h"

#include <stdarg.h>
#include <limits.h>
#include <stdio.h>

#include "client/text.h"

#define HOST_MOUNT "/mnt/host"

const Option launch_option_table[] = {
        { LAUNCH_OPTION_DISTRIBUTION, 'd', "distribution", "NAME",        false, "which one (the default one)" },
        { LAUNCH_OPTION_USER,         'u', "user",         "USER",        false, "run as this user of the distribution" },
        { LAUNCH_OPTION_DIRECTORY,    'C', "directory",    "DIR",         false, "start there (where you are)" },
        { LAUNCH_OPTION_ENV,          'e', "env",          "VAR[=VALUE]", false, "set VAR, without a value to yours" },
        { LAUNCH_OPTION_FD,           0,   "fd",           "N",           false, "pass descriptor N too, as N" },
        { LAUNCH_OPTION_TERMINAL,     't', "terminal",     NULL,          false, "give it a terminal in any case" },
        { LAUNCH_OPTION_NO_TERMINAL,  'T', "no-terminal",  NULL,          false, "give it no terminal of its own" },
        { LAUNCH_OPTION_SHELL,        's', "shell",        NULL,          false, "give the words to the user's shell" },
        { LAUNCH_OPTION_LINGER,       0,   "linger",       "SECONDS",     true,  "let the instance outlive lxctl" },
        { LAUNCH_OPTION_NO_WAIT,      0,   "no-wait",      NULL,          false, "fail rather than wait for an install" },
        { 0 },
};

void launch_options_finish(LaunchOptions *options) {
        options->environment = strv_free(options->environment);
        free(steal_pointer(&options->fds));
        options->n_fds = 0;
}

static int complain(char **ret, const char *format, ...) _printf_(2, 3);
static int complain(char **ret, const char *format, ...) {
        va_list arguments;
        char *text;
        int r;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return -EINVAL;
}

static int take_fd(LaunchOptions *options, const char *argument, char **ret_problem) {
        uint64_t number;
        int *grown;

        if (text_parse_u64(argument, &number) < 0 || number > INT_MAX)
                return complain(ret_problem, "\"%s\" is not the number of a descriptor.", argument);
        for (size_t i = 0; i < options->n_fds; i++)
                if (options->fds[i] == (int)number)
                        return 0;
        grown = reallocarray(options->fds, options->n_fds + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        grown[options->n_fds++] = number;
        options->fds = grown;
        return 0;
}

static int take_linger(LaunchOptions *options, const char *argument, char **ret_problem) {
        if (!argument)
                options->linger_seconds = LXSS_LINGER_FOREVER;
        else if (text_parse_u64(argument, &options->linger_seconds) < 0)
                return complain(ret_problem, "\"%s\" is not a number of seconds.", argument);
        return 0;
}

static int take_env(LaunchOptions *options, const char *argument, char **ret_problem) {
        if (!*argument || *argument == '=')
                return complain(ret_problem, "\"%s\" is not of the form VAR or VAR=VALUE.", argument);
        return strv_push_copy(&options->environment, argument);
}

int launch_options_take(LaunchOptions *options, int id, const char *argument, char **ret_problem) {
        switch (id) {
        case LAUNCH_OPTION_DISTRIBUTION:
                options->distribution = argument;
                return 0;
        case LAUNCH_OPTION_USER:
                options->user = argument;
                return 0;
        case LAUNCH_OPTION_DIRECTORY:
                options->directory = argument;
                return 0;
        case LAUNCH_OPTION_ENV:
                return take_env(options, argument, ret_problem);
        case LAUNCH_OPTION_FD:
                return take_fd(options, argument, ret_problem);
        case LAUNCH_OPTION_TERMINAL:
                options->terminal = TERMINAL_FORCE;
                return 0;
        case LAUNCH_OPTION_NO_TERMINAL:
                options->terminal = TERMINAL_NEVER;
                return 0;
        case LAUNCH_OPTION_SHELL:
                options->shell = true;
                return 0;
        case LAUNCH_OPTION_LINGER:
                return take_linger(options, argument, ret_problem);
        case LAUNCH_OPTION_NO_WAIT:
                options->no_wait = true;
                return 0;
        default:
                return -EINVAL;
        }
}

static const char *lookup(char *const *environment, const char *name, size_t length) {
        for (char *const *e = environment; e && *e; e++)
                if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
                        return *e + length + 1;
        return NULL;
}

/* Replaces or appends; `value` is copied. */
static int set(char ***environment, const char *name, size_t length, const char *value) {
        char *entry;

        if (asprintf(&entry, "%.*s=%s", (int)length, name, value) < 0)
                return -ENOMEM;
        for (char **e = *environment; e && *e; e++)
                if (strncmp(*e, entry, length + 1) == 0) {
                        free(*e);
                        *e = entry;
                        return 0;
                }
        return strv_consume(environment, entry);
}

static bool is_passed_on(const char *entry) {
        static const char *const names[] = {
                "TERM=", "COLORTERM=", "LANG=", "LANGUAGE=", "LC_", "TZ=", "DISPLAY=", "WAYLAND_DISPLAY=",
                "http_proxy=", "https_proxy=", "ftp_proxy=", "no_proxy=", "all_proxy=",
                "HTTP_PROXY=", "HTTPS_PROXY=", "FTP_PROXY=", "NO_PROXY=", "ALL_PROXY=",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strncmp(entry, names[i], strlen(names[i])) == 0)
                        return strchr(entry, '=');
        return false;
}

/* Paths of the host as the instance sees them: each absolute element gets the mount's prefix. */
static char *translate_paths(const char *value, bool list) {
        size_t n = 1;
        char *out, *p;

        for (const char *c = value; *c; c++)
                n += *c == ':';
        out = p = malloc(strlen(value) + n * strlen(HOST_MOUNT) + 1);
        if (!out)
                return NULL;
        for (const char *c = value;; c++) {
                bool starts = c == value || (list && c[-1] == ':');

                if (starts && *c == '/')
                        p = stpcpy(p, HOST_MOUNT);
                *p++ = *c;
                if (!*c)
                        return out;
        }
}

/* One entry of LXENV, NAME or NAME/flags, `length` bytes. */
static int set_listed(char ***ret, char *const *environment, const char *entry, size_t length) {
        const char *slash = memchr(entry, '/', length), *value;
        size_t name_length = slash ? (size_t)(slash - entry) : length;
        bool path = false, list = false, in = false, out = false;
        _cleanup_free_ char *translated = NULL;

        for (const char *flag = slash ? slash + 1 : entry + length; flag < entry + length; flag++)
                switch (*flag) {
                case 'p':
                        path = true;
                        break;
                case 'l':
                        list = true;
                        break;
                case 'u':
                        in = true;
                        break;
                case 'w':
                        out = true;
                        break;
                default:
                        return 0; /* as WSLENV does: the entry is dropped */
                }
        if (name_length == 0 || memchr(entry, '=', name_length) || (out && !in))
                return 0;
        value = lookup(environment, entry, name_length);
        if (!value)
                value = "";
        if (path || list) {
                translated = translate_paths(value, list);
                if (!translated)
                        return -ENOMEM;
                value = translated;
        }
        return set(ret, entry, name_length, value);
}

static int add_lxenv(char ***ret, char *const *environment) {
        const char *lxenv = lookup(environment, "LXENV", strlen("LXENV"));
        int r;

        if (!lxenv)
                return 0;
        for (const char *entry = lxenv; *entry;) {
                size_t length = strcspn(entry, ":");

                r = set_listed(ret, environment, entry, length);
                if (r < 0)
                        return r;
                entry += length;
                entry += *entry == ':';
        }
        return set(ret, "LXENV", strlen("LXENV"), lxenv);
}

static int add_addition(char ***ret, char *const *environment, const char *addition) {
        size_t length = strcspn(addition, "=");
        const char *value = addition[length] ? addition + length + 1 : lookup(environment, addition, length);

        return value ? set(ret, addition, length, value) : 0;
}

int launch_environment(char *const *environment, char *const *additions, char ***ret) {
        _cleanup_strv_free_ char **made = NULL;
        int r = 0;

        for (char *const *e = environment; e && *e && r == 0; e++)
                if (is_passed_on(*e))
                        r = strv_push_copy(&made, *e);
        if (r == 0)
                r = add_lxenv(&made, environment);
        for (char *const *a = additions; a && *a && r == 0; a++)
                r = add_addition(&made, environment, *a);
        if (r < 0)
                return r;
        *ret = steal_pointer(&made);
        return 0;
}

/* -t gives all three the terminal, as ssh -t does. A descriptor named by --fd is passed itself in any case. */
static LaunchDescriptors plan_descriptors(const LaunchOptions *options, const LaunchSurroundings *surroundings) {
        unsigned terminal = 0, own = 0;

        if (options->terminal == TERMINAL_FORCE)
                terminal = 7;
        else if (options->terminal == TERMINAL_AUTO)
                terminal = surroundings->open_mask & surroundings->terminal_mask;
        for (size_t i = 0; i < options->n_fds; i++)
                if (options->fds[i] < 3)
                        own |= 1u << options->fds[i];
        terminal &= ~own;
        return (LaunchDescriptors){
                .pass_mask = (surroundings->open_mask | own) & ~terminal,
                .terminal_mask = terminal,
        };
}

int launch_options_apply(const LaunchOptions *options, const LaunchSurroundings *surroundings, LxssLaunch *launch,
                         LaunchDescriptors *ret_descriptors, char ***ret_environment) {
        LaunchDescriptors descriptors = plan_descriptors(options, surroundings);
        int r;

        r = launch_environment(surroundings->environment, options->environment, ret_environment);
        if (r < 0)
                return r;
        launch->distribution = options->distribution;
        launch->user = options->user;
        launch->directory = options->directory;
        launch->argv = options->argv;
        launch->environment = *ret_environment;
        launch->linger_seconds = options->linger_seconds;
        launch->flags = (options->shell ? LXSS_SHELL : 0) | (options->no_wait ? LXSS_NO_WAIT : 0);
        launch->closed_mask = 7 & ~(descriptors.terminal_mask | descriptors.pass_mask);
        *ret_descriptors = descriptors;
        return 0;
}
