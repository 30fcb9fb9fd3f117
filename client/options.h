/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Command line options from one table, from which the help is printed too, so
 * that the two cannot differ. Not getopt_long(3): no global state, messages that
 * suggest, and no abbreviations that a later option would make ambiguous. */

#include <stdbool.h>
#include <stdio.h>

typedef struct Option {
        int id;               /* what option_parser_next() returns: a letter or OPTION_OWN and above */
        char letter;          /* 0: none */
        const char *name;     /* without its dashes */
        const char *argument; /* what the help calls it; NULL: takes none */
        bool optional;        /* the argument may be missing, and stands only in --name=ARGUMENT */
        const char *help;
} Option;

enum {
        OPTION_DONE = 0, /* end of options and words */
        OPTION_WORD,     /* argument is a word that is no option */
        OPTION_HELP,     /* the options that every verb takes */
        OPTION_JSON,
        OPTION_QUIET,
        OPTION_VERBOSE,
        OPTION_VERSION,
        OPTION_OWN = 256,
};

typedef struct OptionParser {
        const Option *options; /* the verb's own, ending with id 0; NULL: none */
        char **argv;           /* what is left; at OPTION_DONE the words not handed out */
        bool stop_at_word;     /* the first word and all behind it are left in argv */

        const char *argument;  /* of the option just returned; NULL: none was given */
        char *problem;         /* why option_parser_next() failed: a sentence, owned */
        const char *cluster;   /* the letters still to come in "-abc" */
        bool only_words;       /* "--" was seen */
} OptionParser;

/* Returns the next option's id, OPTION_WORD, OPTION_DONE, or -EINVAL with ->problem set (-ENOMEM without). */
int option_parser_next(OptionParser *parser);

void option_parser_finish(OptionParser *parser);

/* Prints the table for --help, NULL: the options that every verb takes. */
void options_print(FILE *f, const Option *options);
