/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every verb does with its command line: common options, help, words, and
 * the one way in which a failure becomes a line on stderr and an exit code. */

#include "client/command.h"

#include <stdarg.h>

#include "client/text.h"
#include "shared/error.h"
#include "shared/paths.h"
#include "shared/suggest.h"

static int finish(Command *command, int exit_code) {
        command->exit_code = exit_code;
        return -ECANCELED;
}

/* "lxctl" and the verb, or the program that the verb is all of. */
static void print_name(const Command *command) {
        fputs(command->program ? command->program : "lxctl", stdout);
        if (!command->program)
                printf(" %s", command->verb->name);
}

static void print_verb_help(const Command *command) {
        const Verb *verb = command->verb;

        print_name(command);
        printf("%s%s\n\n%s.\n", *verb->synopsis ? " " : "", verb->synopsis, verb->summary);
        if (verb->alias)
                printf("lxctl %s is the same.\n", verb->alias);
        if (verb->details)
                printf("\n%s\n", verb->details);
        if (verb->options) {
                fputs("\nOptions:\n", stdout);
                options_print(stdout, verb->options);
        }
        fputs("\nOptions of every verb:\n", stdout);
        options_print(stdout, NULL);
}

int command_next(Command *command) {
        for (;;) {
                int id = option_parser_next(&command->parser);

                switch (id) {
                case OPTION_JSON:
                        command->json = true;
                        break;
                case OPTION_QUIET:
                        command->quiet = true;
                        break;
                case OPTION_VERBOSE:
                        command->verbose = true;
                        break;
                case OPTION_VERSION:
                        printf("%s " PACKAGE_VERSION "\n", command->program ? command->program : "lxctl");
                        return finish(command, EXIT_SUCCESS);
                case OPTION_HELP:
                        if (!command->verb)
                                return id;
                        print_verb_help(command);
                        return finish(command, EXIT_SUCCESS);
                default:
                        if (id < 0)
                                return finish(command, command_usage(command, "%s", command->parser.problem ?
                                                                     command->parser.problem : "Out of memory."));
                        return id;
                }
        }
}

int command_take_word(Command *command, size_t max, const char **words) {
        for (size_t i = 0; i < max; i++)
                if (!words[i]) {
                        words[i] = command->parser.argument;
                        return 0;
                }
        return finish(command, command_usage(command, "\"%s\" is one word too many.", command->parser.argument));
}

int command_words(Command *command, size_t min, size_t max, const char **ret_words) {
        int id;

        for (size_t i = 0; i < max; i++)
                ret_words[i] = NULL;
        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, max, ret_words);
                if (id < 0)
                        return id;
        }
        if (min > 0 && !ret_words[min - 1])
                return finish(command, command_usage(command, "%s is missing.", command->verb->synopsis));
        return 0;
}

int command_words_and_flag(Command *command, size_t max, const char **words, int flag, bool *ret) {
        bool found = false;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, max, words);
                if (id < 0)
                        return id;
                found |= id == flag;
        }
        *ret = found;
        return 0;
}

int command_usage(Command *command, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                text = NULL;
        say("%s See %s%s%s --help.", text ? text : "The command line is wrong.",
            command->program ? command->program : "lxctl", command->verb && !command->program ? " " : "",
            command->verb && !command->program ? command->verb->name : "");
        return EXIT_SERVICE;
}

int command_unknown_distribution(Command *command, const LxssObjects *objects, const char *name) {
        _cleanup_free_ const char **names = calloc(objects->n_distributions + 1, sizeof(char *));
        const char *meant;

        for (size_t i = 0; names && i < objects->n_distributions; i++)
                names[i] = objects->distributions[i]->name;
        meant = names ? suggest_word(name, names) : NULL;
        if (meant)
                say("There is no distribution \"%s\". Did you mean \"%s\"?", name, meant);
        else
                say("There is no distribution \"%s\". lxctl list shows those that are installed.", name);
        if (command->verbose)
                say("(%s)", lxss_error_to_name(LXSS_ERROR_NO_SUCH_DISTRIBUTION));
        return lxss_error_exit_code(lxss_error_to_name(LXSS_ERROR_NO_SUCH_DISTRIBUTION));
}

int command_connect(const Command *command, int flags, LxssClient **ret, LxssFailure *reterr) {
        _cleanup_free_ char *path = NULL, *log = NULL;
        int r;

        r = lxss_connect(flags, ret, reterr);
        if (r == 0 && command->verbose && path_manager_socket(&path) >= 0 && path_describe_log(&log) >= 0)
                say("lxssd answers at %s; its log: %s", path, log);
        return r;
}

int command_fail(Command *command, int r, const LxssFailure *failure) {
        const char *name = failure ? failure->name : NULL;

        if (r == -ECONNRESET && !name) {
                _cleanup_free_ char *log = NULL;

                say("lxssd ended before it answered. Its log: %s", path_describe_log(&log) < 0 ? "unknown" : log);
                return EXIT_SERVICE;
        }
        if (failure && !str_empty(failure->message))
                say("%s", failure->message);
        else
                say("%s", strerror(r < 0 ? -r : EIO));
        if (command->verbose && name)
                say("(%s)", name);
        return lxss_error_exit_code(name);
}
