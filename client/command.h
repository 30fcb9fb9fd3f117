/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What main and the verbs share: a verb as data, and the command line being
 * carried out. Every cmd-*.c defines one Verb. */

#include <stdbool.h>

#include "client/handles.h"
#include "client/options.h"
#include "shared/util.h"

/* lxctl itself or the service failed, as env(1) has it. */
#define EXIT_SERVICE 125

typedef enum VerbGroup {
        VERB_GROUP_DISTRIBUTIONS,
        VERB_GROUP_PROGRAMS,
        VERB_GROUP_SERVICE,
        VERB_GROUP_MAX,
} VerbGroup;

typedef struct Command Command;

typedef struct Verb {
        const char *name;
        const char *alias;     /* NULL: none */
        VerbGroup group;
        const char *synopsis;  /* what stands behind the name, "" for nothing */
        const char *summary;   /* one line */
        const char *details;   /* paragraphs for --help, NULL: none */
        const Option *options; /* ends with id 0, NULL: none of its own */
        int (*run)(Command *command); /* returns the exit code */
} Verb;

struct Command {
        const Verb *verb; /* NULL before it is known */
        const char *program; /* that this verb is all of; NULL: lxctl */
        bool json, quiet, verbose;
        unsigned closed_mask; /* which of 0, 1 and 2 were closed when lxctl started */
        int exit_code;        /* where command_next() says that all is done */
        OptionParser parser;
};

extern const Verb verb_bus;
extern const Verb verb_clone;
extern const Verb verb_config;
extern const Verb verb_doctor;
extern const Verb verb_export;
extern const Verb verb_hold;
extern const Verb verb_install;
extern const Verb verb_launch;
extern const Verb verb_list;
extern const Verb verb_move;
extern const Verb verb_ps;
extern const Verb verb_rename;
extern const Verb verb_repair;
extern const Verb verb_rollback;
extern const Verb verb_set_default;
extern const Verb verb_shutdown;
extern const Verb verb_snapshot;
extern const Verb verb_snapshots;
extern const Verb verb_status;
extern const Verb verb_terminate;
extern const Verb verb_uninstall;

/* option_parser_next() with the options that every verb takes carried out.
 * Returns an id, OPTION_WORD, OPTION_DONE, or -ECANCELED where the command ends
 * here with ->exit_code: help was printed, or a complaint. */
int command_next(Command *command);

/* For verbs without options of their own: takes at least `min` and at most ELEMENTSOF(words) = `max`
 * words, says what is wrong otherwise. 0, or -ECANCELED with ->exit_code. Missing words are NULL. */
int command_words(Command *command, size_t min, size_t max, const char **ret_words);

/* Stores one more word, or complains that there are too many. 0, or -ECANCELED. */
int command_take_word(Command *command, size_t max, const char **words);

/* For verbs with words and one option, a flag with this id: takes at most `max` words, and says whether the flag
 * was there. 0, or -ECANCELED. Missing words are as they were. */
int command_words_and_flag(Command *command, size_t max, const char **words, int flag, bool *ret);

/* Says that the command line is wrong. Returns the exit code. */
int command_usage(Command *command, const char *format, ...) _printf_(2, 3);

/* Says that no distribution has this name, and which was probably meant. Returns the exit code. */
int command_unknown_distribution(Command *command, const LxssObjects *objects, const char *name);

/* lxss_connect(), and with --verbose says where lxssd was found and where its log is. */
int command_connect(const Command *command, int flags, LxssClient **ret, LxssFailure *reterr);

/* Says why a call failed. Returns the exit code that belongs to it. */
int command_fail(Command *command, int r, const LxssFailure *failure);
