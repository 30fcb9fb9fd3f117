/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the language of wsl.conf. It must not act on anything that it reads
 * there, nor open the file: init/boot.c does. The language is WSL's: sections
 * and keys whatever their case; values without the blanks around them, in which
 * " protects, \ escapes, a \ at the end goes on in the next line, and # begins a
 * comment; of a key that is set twice the first counts. A ; begins a comment
 * only where a line begins, since commands have it in them. */

#include "init/wsl-conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "shared/text.h"

#define USER_MAX 255
/* How much of a foreign word a warning repeats. */
#define SHOWN "%.64s"

typedef struct Parser Parser;

typedef struct Key {
        const char *section, *name;
        void (*set)(Parser *p, const struct Key *key, const char *value); /* NULL: means nothing here */
        size_t offset; /* in WslConf, of what `set` fills */
} Key;

static void set_bool(Parser *p, const Key *key, const char *value);
static void set_string(Parser *p, const Key *key, const char *value);
static void set_systemd(Parser *p, const Key *key, const char *value);
static void set_user(Parser *p, const Key *key, const char *value);
static void set_hostname(Parser *p, const Key *key, const char *value);
static void set_umask(Parser *p, const Key *key, const char *value);

static const Key keys[] = {
        { "automount", "cgroups", NULL, 0 },
        { "automount", "enabled", set_bool, offsetof(WslConf, mount_host) },
        { "automount", "ldconfig", NULL, 0 },
        { "automount", "mountFsTab", set_bool, offsetof(WslConf, mount_fstab) },
        { "automount", "options", NULL, 0 },
        { "automount", "root", NULL, 0 },
        { "boot", "command", set_string, offsetof(WslConf, command) },
        { "boot", "initTimeout", NULL, 0 },
        { "boot", "protectBinfmt", NULL, 0 },
        { "boot", "systemd", set_systemd, 0 },
        { "fileServer", "enabled", NULL, 0 },
        { "fileServer", "logFile", NULL, 0 },
        { "fileServer", "logLevel", NULL, 0 },
        { "fileServer", "logTruncate", NULL, 0 },
        { "filesystem", "umask", set_umask, 0 },
        { "general", "guiApplications", NULL, 0 },
        { "gpu", "appendLibPath", NULL, 0 },
        { "gpu", "enabled", NULL, 0 },
        { "interop", "appendWindowsPath", NULL, 0 },
        { "interop", "enabled", NULL, 0 },
        { "network", "generateHosts", set_bool, offsetof(WslConf, generate_hosts) },
        { "network", "generateResolvConf", set_bool, offsetof(WslConf, generate_resolv_conf) },
        { "network", "hostname", set_hostname, 0 },
        { "time", "useWindowsTimezone", NULL, 0 },
        { "user", "default", set_user, 0 },
};

struct Parser {
        char *next, *end;     /* of a copy that may be changed, with one byte behind its end */
        unsigned line;        /* the one being read; the first, where it goes on in others */
        unsigned n_lines;
        const char *section;  /* as in keys; NULL: none that is known */
        bool in_section;
        unsigned set_at[ELEMENTSOF(keys)]; /* the line that set it; 0: none has */
        unsigned n_warnings;
        WslConf *conf;
        int error;            /* -ENOMEM */
};

static void keep_warning(Parser *p, char *taken) {
        int r = strv_consume(&p->conf->warnings, taken);

        p->error = p->error ?: r;
}

static void warn(Parser *p, const char *format, ...) _printf_(2, 3);
static void warn(Parser *p, const char *format, ...) {
        _cleanup_free_ char *sentence = NULL;
        char *warning = NULL;
        va_list arguments;
        int n;

        if (p->n_warnings > WSL_CONF_WARNINGS_MAX)
                return;
        if (p->n_warnings++ == WSL_CONF_WARNINGS_MAX)
                format = "There are more mistakes.";
        va_start(arguments, format);
        n = vasprintf(&sentence, format, arguments);
        va_end(arguments);
        if (n < 0)
                sentence = NULL;
        if (sentence && asprintf(&warning, WSL_CONF_PATH ":%u: %s", p->line, sentence) < 0)
                warning = NULL;
        keep_warning(p, warning);
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static char *skip_blanks(char *s) {
        while (is_blank(*s))
                s++;
        return s;
}

static bool is_comment(const char *s) {
        return *s == '#' || *s == ';';
}

/* Nothing more that counts stands there. */
static bool is_end(char *s) {
        s = skip_blanks(s);
        return !*s || is_comment(s);
}

/* Whether this piece of a line ends with a \ that is not itself escaped. */
static bool goes_on(const char *piece, const char *end) {
        size_t n = 0;

        while (end > piece && *--end == '\\')
                n++;
        return n % 2 == 1;
}

/* A line with those that it goes on in, without its end. NULL: it holds a NUL byte. */
static char *next_line(Parser *p) {
        char *line = p->next, *to = line;

        p->line = p->n_lines + 1;
        for (;;) {
                char *newline = memchr(p->next, '\n', p->end - p->next), *end = newline ?: p->end, *piece = to;

                memmove(to, p->next, end - p->next);
                to += end - p->next;
                p->next = newline ? newline + 1 : p->end;
                p->n_lines++;
                if (to > piece && to[-1] == '\r')
                        to--;
                *to = '\0';
                if (!newline || is_comment(skip_blanks(line)) || !goes_on(piece, to))
                        break;
                *--to = '\0';
        }
        return strlen(line) == (size_t)(to - line) ? line : NULL;
}

static void parse_section(Parser *p, char *name) {
        char *end = strchr(name, ']');

        p->in_section = true;
        p->section = NULL;
        if (!end || !is_end(end + 1)) {
                warn(p, "\"[" SHOWN "\" is no section. What stands beneath it is ignored.", name);
                return;
        }
        *end = '\0';
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcasecmp(keys[i].section, name) == 0) {
                        p->section = keys[i].section;
                        return;
                }
        warn(p, "There is no section [" SHOWN "]. What stands in it is ignored.", name);
}

static bool unescape(Parser *p, char c, char *ret) {
        static const char from[] = "\\\"bnt", to[] = "\\\"\b\n\t";
        const char *found = c ? strchr(from, c) : NULL;

        if (!found) {
                warn(p, "There is no \"\\%.1s\" in values. A backslash itself is \"\\\\\".", &c);
                return false;
        }
        *ret = to[found - from];
        return true;
}

/* Takes quotation marks and escapes out, in place. NULL: it is malformed. */
static char *read_value(Parser *p, char *value) {
        char *to = value, *trimmed = value;
        bool quoted = false;

        for (const char *from = value; *from && (quoted || *from != '#'); from++) {
                bool blank = is_blank(*from);

                if (*from == '"') {
                        quoted = !quoted;
                        trimmed = to; /* blanks before it were meant */
                        continue;
                }
                if (*from != '\\')
                        *to++ = *from;
                else if (!unescape(p, *++from, to++))
                        return NULL;
                if (!blank || quoted)
                        trimmed = to;
        }
        if (quoted) {
                warn(p, "A quotation mark has no partner.");
                return NULL;
        }
        *trimmed = '\0';
        return value;
}

static void set_key(Parser *p, size_t i, char *text) {
        const char *value;

        if (p->set_at[i] > 0) {
                warn(p, "%s is set already, in line %u.", keys[i].name, p->set_at[i]);
                return;
        }
        if (!keys[i].set)
                return;
        value = read_value(p, text);
        if (!value)
                return;
        p->set_at[i] = p->line;
        keys[i].set(p, &keys[i], value);
}

static void parse_assignment(Parser *p, char *line) {
        char *equals = strchr(line, '='), *end = equals;

        while (end && end > line && is_blank(end[-1]))
                end--;
        if (!end || end == line) {
                warn(p, "\"" SHOWN "\" is neither a [section] nor a key with its value.", line);
                return;
        }
        *end = '\0';
        if (!p->in_section)
                warn(p, "\"" SHOWN "\" stands in no section.", line);
        if (!p->section)
                return;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].section == p->section && strcasecmp(keys[i].name, line) == 0) {
                        set_key(p, i, skip_blanks(equals + 1));
                        return;
                }
        warn(p, "There is no \"" SHOWN "\" in [%s].", line, p->section);
}

static bool read_bool(Parser *p, const Key *key, const char *value, bool *ret) {
        bool yes = strcasecmp(value, "true") == 0 || streq(value, "1");

        if (!yes && strcasecmp(value, "false") != 0 && !streq(value, "0")) {
                warn(p, "%s is \"true\" or \"false\", not \"" SHOWN "\".", key->name, value);
                return false;
        }
        *ret = yes;
        return true;
}

static void set_bool(Parser *p, const Key *key, const char *value) {
        (void)read_bool(p, key, value, (bool *)((char *)p->conf + key->offset));
}

static void set_systemd(Parser *p, const Key *key, const char *value) {
        bool wanted = false;

        if (read_bool(p, key, value, &wanted) && wanted)
                warn(p, "systemd is not started: instances have an /init of their own, and no units run in them.");
}

/* Empty: as if it were not there. */
static void set_string(Parser *p, const Key *key, const char *value) {
        char **string = (char **)((char *)p->conf + key->offset);

        if (!*value)
                return;
        *string = strdup(value);
        if (!*string)
                p->error = -ENOMEM;
}

static void set_user(Parser *p, const Key *key, const char *value) {
        size_t n = strlen(value);

        if (n > USER_MAX || !text_is_printable(value, n)) {
                warn(p, "\"" SHOWN "\" is no name of a user.", value);
                return;
        }
        p->conf->user_line = p->line;
        set_string(p, &(Key){ key->section, key->name, set_string, offsetof(WslConf, user) }, value);
}

static bool is_alphanumeric(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What hostname(7) allows of it: letters and digits, with single dots and with hyphens between them. */
static void set_hostname(Parser *p, const Key *key _unused_, const char *value) {
        char name[WSL_CONF_HOSTNAME_MAX + 1];
        size_t n = 0;

        for (const char *c = value; *c && n < WSL_CONF_HOSTNAME_MAX; c++) {
                char before = n > 0 ? name[n - 1] : '.';

                if (is_alphanumeric(*c) || (*c == '-' && before != '.') || (*c == '.' && before != '.' && before != '-'))
                        name[n++] = *c;
        }
        while (n > 0 && !is_alphanumeric(name[n - 1]))
                n--;
        if (n == 0) {
                warn(p, "\"" SHOWN "\" holds nothing that a host name is made of.", value);
                return;
        }
        p->conf->hostname = strndup(name, n);
        if (!p->conf->hostname)
                p->error = -ENOMEM;
}

static void set_umask(Parser *p, const Key *key, const char *value) {
        size_t n = strspn(value, "01234567");
        unsigned long mask = strtoul(value, NULL, 8);

        if (n == 0 || n > 4 || value[n] || mask > 0777)
                warn(p, "%s is an octal number up to 777, not \"" SHOWN "\".", key->name, value);
        else
                p->conf->umask = mask;
}

int wsl_conf_parse(const char *text, size_t size, WslConf *conf) {
        static const char byte_order_mark[] = "\xef\xbb\xbf"; /* Windows' editors like to write one */
        _cleanup_free_ char *copy = malloc(size + 1);
        Parser p = { .next = copy, .conf = conf };

        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, size);
        p.end = copy + size;
        if (size >= 3 && memcmp(copy, byte_order_mark, 3) == 0)
                p.next += 3;
        while (p.next < p.end && p.error == 0) {
                char *line = next_line(&p);

                if (!line) {
                        warn(&p, "This line holds a byte that is no text.");
                        continue;
                }
                line = skip_blanks(line);
                if (*line == '[')
                        parse_section(&p, line + 1);
                else if (*line && !is_comment(line))
                        parse_assignment(&p, line);
        }
        return p.error;
}

void wsl_conf_clear(WslConf *conf) {
        free(steal_pointer(&conf->command));
        free(steal_pointer(&conf->user));
        free(steal_pointer(&conf->hostname));
        conf->warnings = strv_free(conf->warnings);
}
