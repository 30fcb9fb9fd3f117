/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the language of WSL's files. It must not know what they are for, act on
 * anything that it reads there, nor open them. The language is WSL's: sections
 * and keys whatever their case; values without the blanks around them, in which
 * " protects, \ escapes, a \ at the end goes on in the next line, and # begins a
 * comment; of a key that is set twice the first counts. A ; begins a comment
 * only where a line begins, since commands have it in them. */

#include "shared/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

struct Ini {
        const IniSchema *schema;
        char *next, *end;     /* of a copy that may be changed, with one byte behind its end */
        unsigned line;        /* the one being read; the first, where it goes on in others */
        unsigned n_lines;
        const char *section;  /* as in the keys; NULL: none that is known */
        bool in_section;
        unsigned *set_at;     /* for each key the line that set it; 0: none has */
        unsigned n_warnings;
        void *values;
        char ***warnings;
        int error;            /* -ENOMEM */
};

static void keep_warning(Ini *p, char *taken) {
        int r = strv_consume(p->warnings, taken);

        p->error = p->error ?: r;
}

void ini_warn(Ini *p, const char *format, ...) {
        _cleanup_free_ char *sentence = NULL;
        char *warning = NULL;
        va_list arguments;
        int n;

        if (p->n_warnings > INI_WARNINGS_MAX)
                return;
        if (p->n_warnings++ == INI_WARNINGS_MAX)
                format = "There are more mistakes.";
        va_start(arguments, format);
        n = vasprintf(&sentence, format, arguments);
        va_end(arguments);
        if (n < 0)
                sentence = NULL;
        if (sentence && asprintf(&warning, "%s:%u: %s", p->schema->path, p->line, sentence) < 0)
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
static char *next_line(Ini *p) {
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

static void parse_section(Ini *p, char *name) {
        char *end = strchr(name, ']');

        p->in_section = true;
        p->section = NULL;
        if (!end || !is_end(end + 1)) {
                ini_warn(p, "\"[" INI_SHOWN "\" is no section. What stands beneath it is ignored.", name);
                return;
        }
        *end = '\0';
        for (size_t i = 0; i < p->schema->n_keys; i++)
                if (strcasecmp(p->schema->keys[i].section, name) == 0) {
                        p->section = p->schema->keys[i].section;
                        return;
                }
        ini_warn(p, "There is no section [" INI_SHOWN "]. What stands in it is ignored.", name);
}

static bool unescape(Ini *p, char c, char *ret) {
        static const char from[] = "\\\"bnt", to[] = "\\\"\b\n\t";
        const char *found = c ? strchr(from, c) : NULL;

        if (!found) {
                ini_warn(p, "There is no \"\\%.1s\" in values. A backslash itself is \"\\\\\".", &c);
                return false;
        }
        *ret = to[found - from];
        return true;
}

/* Takes quotation marks and escapes out, in place. NULL: it is malformed. */
static char *read_value(Ini *p, char *value) {
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
                ini_warn(p, "A quotation mark has no partner.");
                return NULL;
        }
        *trimmed = '\0';
        return value;
}

static void set_key(Ini *p, size_t i, char *text) {
        const IniKey *key = &p->schema->keys[i];
        const char *value;

        if (p->set_at[i] > 0) {
                ini_warn(p, "%s is set already, in line %u.", key->name, p->set_at[i]);
                return;
        }
        if (!key->set)
                return;
        value = read_value(p, text);
        if (!value)
                return;
        p->set_at[i] = p->line;
        key->set(p, key, value);
}

static void parse_assignment(Ini *p, char *line) {
        char *equals = strchr(line, '='), *end = equals;

        while (end && end > line && is_blank(end[-1]))
                end--;
        if (!end || end == line) {
                ini_warn(p, "\"" INI_SHOWN "\" is neither a [section] nor a key with its value.", line);
                return;
        }
        *end = '\0';
        if (!p->in_section)
                ini_warn(p, "\"" INI_SHOWN "\" stands in no section.", line);
        if (!p->section)
                return;
        for (size_t i = 0; i < p->schema->n_keys; i++)
                if (streq(p->schema->keys[i].section, p->section) && strcasecmp(p->schema->keys[i].name, line) == 0) {
                        set_key(p, i, skip_blanks(equals + 1));
                        return;
                }
        ini_warn(p, "There is no \"" INI_SHOWN "\" in [%s].", line, p->section);
}

void *ini_member(Ini *p, size_t offset) {
        return (char *)p->values + offset;
}

unsigned ini_line(const Ini *p) {
        return p->line;
}

bool ini_read_bool(Ini *p, const IniKey *key, const char *value, bool *ret) {
        bool yes = strcasecmp(value, "true") == 0 || streq(value, "1");

        if (!yes && strcasecmp(value, "false") != 0 && !streq(value, "0")) {
                ini_warn(p, "%s is \"true\" or \"false\", not \"" INI_SHOWN "\".", key->name, value);
                return false;
        }
        *ret = yes;
        return true;
}

void ini_set_bool(Ini *p, const IniKey *key, const char *value) {
        (void)ini_read_bool(p, key, value, ini_member(p, key->offset));
}

void ini_set_string(Ini *p, const IniKey *key, const char *value) {
        char **string = ini_member(p, key->offset);

        if (!*value)
                return;
        free(*string);
        *string = strdup(value);
        if (!*string)
                p->error = -ENOMEM;
}

static void parse_line(Ini *p) {
        char *line = next_line(p);

        if (!line) {
                ini_warn(p, "This line holds a byte that is no text.");
                return;
        }
        line = skip_blanks(line);
        if (*line == '[')
                parse_section(p, line + 1);
        else if (*line && !is_comment(line))
                parse_assignment(p, line);
}

int ini_parse(const IniSchema *schema, const char *text, size_t size, void *values, char ***warnings) {
        static const char byte_order_mark[] = "\xef\xbb\xbf"; /* Windows' editors like to write one */
        _cleanup_free_ unsigned *set_at = calloc(schema->n_keys, sizeof(*set_at));
        _cleanup_free_ char *copy = malloc(size + 1);
        Ini p = { .schema = schema, .next = copy, .set_at = set_at, .values = values, .warnings = warnings };

        if (!copy || !set_at)
                return -ENOMEM;
        memcpy(copy, text, size);
        p.end = copy + size;
        if (size >= 3 && memcmp(copy, byte_order_mark, 3) == 0)
                p.next += 3;
        while (p.next < p.end && p.error == 0)
                parse_line(&p);
        return p.error;
}
