/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxctl: the table of verbs, and what stands before the verb on the command
 * line. Knows no verb's insides. */

#include <stdio.h>

#include "client/command.h"
#include "client/text.h"
#include "shared/suggest.h"

/* In the order in which --help shows them. */
static const Verb *const verbs[] = {
        &verb_install,
        &verb_list,
        &verb_set_default,
        &verb_config,
        &verb_rename,
        &verb_clone,
        &verb_move,
        &verb_snapshot,
        &verb_snapshots,
        &verb_rollback,
        &verb_export,
        &verb_repair,
        &verb_uninstall,
        &verb_launch,
        &verb_ps,
        &verb_hold,
        &verb_bus,
        &verb_terminate,
        &verb_status,
        &verb_shutdown,
        &verb_doctor,
};

static const char *const group_titles[VERB_GROUP_MAX] = {
        [VERB_GROUP_DISTRIBUTIONS] = "distributions",
        [VERB_GROUP_PROGRAMS] = "programs and instances",
        [VERB_GROUP_SERVICE] = "the service and the host",
};

static void print_help(void) {
        fputs("lxctl [OPTIONS] VERB …: other distributions' programs beside your own\n", stdout);
        for (VerbGroup group = 0; group < VERB_GROUP_MAX; group++) {
                printf("\n%s\n", group_titles[group]);
                for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                        if (verbs[i]->group == group)
                                printf("   %-14s %s\n", verbs[i]->name, verbs[i]->summary);
        }
        fputs("\nOptions:\n", stdout);
        options_print(stdout, NULL);
        fputs("\nlxctl VERB --help says more of each.\n", stdout);
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i]->name, name) || (verbs[i]->alias && streq(verbs[i]->alias, name)))
                        return verbs[i];
        return NULL;
}

static int unknown_verb(Command *command, const char *name) {
        const char *names[2 * ELEMENTSOF(verbs) + 1], *meant;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                names[n++] = verbs[i]->name;
                if (verbs[i]->alias)
                        names[n++] = verbs[i]->alias;
        }
        names[n] = NULL;
        meant = suggest_word(name, names);
        if (meant)
                return command_usage(command, "There is no verb \"%s\". Did you mean \"%s\"?", name, meant);
        return command_usage(command, "There is no verb \"%s\".", name);
}

/* Where a standard descriptor is closed the next open() would land on it and be
 * taken for it, by us or by the program. Returns which were closed. */
static unsigned fill_standard_descriptors(void) {
        unsigned closed = 0;

        for (int fd = 0; fd < 3; fd++)
                if (fcntl(fd, F_GETFD) < 0) {
                        closed |= 1u << fd;
                        (void)open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
                }
        return closed;
}

static int run(Command *command) {
        static char *help[] = { (char *)"--help", NULL };
        int id = command_next(command);
        const char *name;
        char **words;

        if (id < 0)
                return command->exit_code;
        name = command->parser.argv[0];
        if (id == OPTION_HELP || !name) {
                print_help();
                return EXIT_SUCCESS;
        }
        words = command->parser.argv + 1;
        if (streq(name, "help")) { /* lxctl help VERB is lxctl VERB --help */
                name = command->parser.argv[1];
                words = help;
        }
        if (!name) {
                print_help();
                return EXIT_SUCCESS;
        }
        command->verb = find_verb(name);
        if (!command->verb)
                return unknown_verb(command, name);
        option_parser_finish(&command->parser);
        command->parser = (OptionParser){ .options = command->verb->options, .argv = words };
        return command->verb->run(command);
}

int main(int argc, char **argv) {
        Command command = { .closed_mask = fill_standard_descriptors() };
        int r;

        command.parser = (OptionParser){ .argv = argc > 0 ? argv + 1 : argv, .stop_at_word = true };
        r = run(&command);
        option_parser_finish(&command.parser);
        if (fflush(stdout) != 0 && r == EXIT_SUCCESS && !(command.closed_mask & 2)) {
                say("Cannot write the output: %s", strerror(errno));
                r = EXIT_SERVICE;
        }
        return r;
}
