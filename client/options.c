/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the grammar of options: -x, -xVALUE, -x VALUE, clusters, --name,
 * --name=VALUE, --name VALUE and "--". Pure: reads argv, prints nothing but help.
 * Knows no verb; each brings its table. */

#include "client/options.h"

#include <stdarg.h>
#include <string.h>

#include "client/text.h"
#include "shared/suggest.h"
#include "shared/util.h"

static const Option common_options[] = {
        { OPTION_JSON,    0,   "json",    NULL, false, "print JSON" },
        { OPTION_QUIET,   'q', "quiet",   NULL, false, "print only what was asked for" },
        { OPTION_VERBOSE, 0,   "verbose", NULL, false, "say more, about failures too" },
        { OPTION_HELP,    'h', "help",    NULL, false, "print this" },
        { OPTION_VERSION, 0,   "version", NULL, false, "print the version" },
        { 0 },
};

static const Option *table_find(const Option *table, char letter, const char *name, size_t length) {
        for (const Option *o = table; o && o->id; o++) {
                if (letter && o->letter == letter)
                        return o;
                if (name && o->name && strlen(o->name) == length && strncmp(o->name, name, length) == 0)
                        return o;
        }
        return NULL;
}

static const Option *find(const OptionParser *p, char letter, const char *name, size_t length) {
        const Option *o = table_find(p->options, letter, name, length);

        return o ? o : table_find(common_options, letter, name, length);
}

static const char *suggest(const OptionParser *p, const char *name) {
        const char *names[64];
        size_t n = 0;

        for (const Option *o = p->options; o && o->id && n < ELEMENTSOF(names) - 1; o++)
                if (o->name)
                        names[n++] = o->name;
        for (const Option *o = common_options; o->id && n < ELEMENTSOF(names) - 1; o++)
                names[n++] = o->name;
        names[n] = NULL;
        return suggest_word(name, names);
}

static int problem(OptionParser *p, const char *format, ...) _printf_(2, 3);
static int problem(OptionParser *p, const char *format, ...) {
        va_list arguments;
        int n;

        free(steal_pointer(&p->problem));
        va_start(arguments, format);
        n = vasprintf(&p->problem, format, arguments);
        va_end(arguments);
        if (n < 0)
                p->problem = NULL;
        return n < 0 ? -ENOMEM : -EINVAL;
}

static int next_letter(OptionParser *p) {
        char letter = *p->cluster++;
        const Option *o = find(p, letter, NULL, 0);

        if (!o)
                return problem(p, "There is no option -%c.", letter);
        if (o->argument && !o->optional) {
                p->argument = *p->cluster ? p->cluster : *p->argv ? *p->argv++ : NULL;
                if (!p->argument)
                        return problem(p, "Option -%c needs %s.", letter, o->argument);
                p->cluster = NULL;
        }
        if (p->cluster && !*p->cluster)
                p->cluster = NULL;
        return o->id;
}

static int next_long(OptionParser *p, const char *name) {
        const char *value = strchr(name, '=');
        size_t length = value ? (size_t)(value - name) : strlen(name);
        const Option *o = find(p, 0, name, length);

        if (!o) {
                _cleanup_free_ char *word = strndup(name, length);
                const char *meant = word ? suggest(p, word) : NULL;

                if (meant)
                        return problem(p, "There is no option --%s. Did you mean --%s?", word, meant);
                return problem(p, "There is no option --%s.", word ? word : name);
        }
        if (value && !o->argument)
                return problem(p, "Option --%s takes no value.", o->name);
        p->argument = value ? value + 1 : NULL;
        if (o->argument && !o->optional && !value) {
                if (!*p->argv)
                        return problem(p, "Option --%s needs %s.", o->name, o->argument);
                p->argument = *p->argv++;
        }
        return o->id;
}

int option_parser_next(OptionParser *p) {
        const char *word;

        p->argument = NULL;
        if (p->cluster)
                return next_letter(p);
        word = *p->argv;
        if (!word)
                return OPTION_DONE;
        if (!p->only_words && streq(word, "--")) {
                p->argv++;
                p->only_words = true;
                return option_parser_next(p);
        }
        if (p->only_words || word[0] != '-' || !word[1]) {
                if (p->stop_at_word)
                        return OPTION_DONE;
                p->argument = word;
                p->argv++;
                return OPTION_WORD;
        }
        p->argv++;
        if (word[1] == '-')
                return next_long(p, word + 2);
        p->cluster = word + 1;
        return next_letter(p);
}

void option_parser_finish(OptionParser *p) {
        free(steal_pointer(&p->problem));
}

void options_print(FILE *f, const Option *options) {
        for (const Option *o = options ? options : common_options; o->id; o++) {
                char left[64];

                snprintf(left, sizeof(left), "%c%c%s %s%s%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                         o->letter && o->name ? "," : " ", o->name ? "--" : "", o->name ? o->name : "",
                         o->optional ? "[=" : o->argument && o->name ? "=" : "",
                         o->argument ? o->argument : "", o->optional ? "]" : "");
                fprintf(f, "  %-28s %s\n", left, o->help);
        }
}
