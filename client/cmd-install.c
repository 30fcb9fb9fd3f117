/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl install`: opens the source itself, so that lxssd never resolves a path
 * on our behalf, and stands by until the distribution is there. */

#include <sys/stat.h>

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/remote.h"
#include "client/signals.h"
#include "client/snapshot.h"
#include "client/source.h"
#include "client/text.h"

enum {
        INSTALL_NAME = OPTION_OWN,
        INSTALL_USER,
        INSTALL_DEFAULT,
};

static const Option option_table[] = {
        { INSTALL_NAME,    0, "name",    "NAME", false, "call it NAME" },
        { INSTALL_USER,    0, "user",    "USER", false, "the name of its default user (yours)" },
        { INSTALL_DEFAULT, 0, "default", NULL,   false, "make it the default distribution" },
        { 0 },
};

typedef struct Install {
        const char *source, *name, *user;
        bool make_default;
        char *operation;    /* object path, owned */
        char *distribution; /* its name, owned; NULL: not known */
} Install;

static void install_finish(Install *install) {
        free(install->operation);
        free(install->distribution);
}

static int parse(Command *command, Install *install) {
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, 1, &install->source);
                if (id < 0)
                        return id;
                if (id == INSTALL_NAME)
                        install->name = command->parser.argument;
                else if (id == INSTALL_USER)
                        install->user = command->parser.argument;
                else if (id == INSTALL_DEFAULT)
                        install->make_default = true;
        }
        if (install->source)
                return 0;
        command->exit_code = command_usage(command, "What is to be installed? Name an archive, for instance "
                                           "debian.tar.xz, or bootstrap:bookworm.");
        return -EINVAL;
}

/* Returns the descriptor, or negative errno having said why. */
static int open_archive(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0) {
                int r = -errno;

                say("Cannot open %s: %s", path, strerror(-r));
                return r;
        }
        if (S_ISDIR(st.st_mode)) {
                say("%s is a directory. Give its contents as an archive: tar -C %s -c . | lxctl install - --name NAME",
                    path, path);
                return -EISDIR;
        }
        return steal_fd(&fd);
}

static int open_stdin(Command *command, const Install *install) {
        if (!install->name) {
                say("An archive on the standard input has no name. Say how to call it: --name NAME");
                return -EINVAL;
        }
        if ((command->closed_mask & 1) || isatty(0)) {
                say("There is no archive on the standard input. Redirect it: lxctl install - --name NAME <ARCHIVE");
                return -EINVAL;
        }
        return dup(0);
}

static int append_options(sd_bus_message *m, const Install *install) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && install->user)
                r = sd_bus_message_append(m, "{sv}", "user", "s", install->user);
        if (r >= 0 && install->make_default)
                r = sd_bus_message_append(m, "{sv}", "default", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* fd negative: InstallFrom. */
static int begin(sd_bus *bus, Install *install, int fd, sd_bus_error *reterr) {
        _cleanup_bus_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *derived = NULL;
        const char *name = install->name, *path;
        int r;

        if (!name && fd >= 0) {
                name = derived = source_default_name(install->source);
                if (!derived)
                        return -ENOMEM;
        }
        r = sd_bus_message_new_method_call(bus, &m, NULL, MANAGER_PATH, MANAGER_INTERFACE,
                                           fd >= 0 ? "Install" : "InstallFrom");
        if (r >= 0)
                r = fd >= 0 ? sd_bus_message_append(m, "hs", fd, name) :
                              sd_bus_message_append(m, "ss", install->source, name ? name : "");
        if (r >= 0)
                r = append_options(m, install);
        if (r >= 0)
                r = sd_bus_call(bus, m, UINT64_MAX, reterr, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        install->operation = strdup(path);
        if (!install->operation)
                return -ENOMEM;
        if (sd_bus_get_property_string(bus, NULL, path, OPERATION_INTERFACE, "Distribution", NULL,
                                       &install->distribution) < 0 || str_empty(install->distribution)) {
                free(install->distribution);
                install->distribution = str_empty(name) ? NULL : strdup(name);
        }
        return 0;
}

static void print_json(const Install *install, const DistributionInfo *d) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "result", "done");
        json_string(&json, "name", install->distribution);
        json_string(&json, "release", d ? d->release : NULL);
        json_bool(&json, "default", d && d->is_default);
        json_string(&json, "default_user", d ? d->default_user : NULL);
        json_string(&json, "root", d ? d->root : NULL);
        json_close(&json, '}');
}

static void print_success(Command *command, sd_bus *bus, const Install *install) {
        _cleanup_snapshot_ Snapshot snapshot = {};
        const DistributionInfo *d = NULL;

        if (install->distribution && snapshot_take(bus, &snapshot, NULL) >= 0)
                d = snapshot_find_distribution(&snapshot, install->distribution);
        if (command->json) {
                print_json(install, d);
                return;
        }
        if (command->quiet)
                return;
        fputs("Installed ", stdout);
        text_print(stdout, install->distribution ? install->distribution : "it");
        if (d && *d->release) {
                fputs(" (", stdout);
                text_print(stdout, d->release);
                fputc(')', stdout);
        }
        fputs(". Start it with: lxctl launch", stdout);
        if (d && !d->is_default) {
                fputs(" -d ", stdout);
                text_print(stdout, d->name);
        }
        fputc('\n', stdout);
}

/* fd is closed as soon as lxssd has it. */
static int install_from(Command *command, Install *install, int *fd) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = command_connect(command, true, &bus, &error);
        if (r < 0)
                return command_fail(command, r, &error);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = begin(bus, install, *fd, &error);
        closep(fd);
        if (r < 0)
                return command_fail(command, r, &error);
        r = operation_wait(command, bus, install->operation, signal_fd);
        if (r == EXIT_SUCCESS)
                print_success(command, bus, install);
        return r;
}

static int run_install(Command *command) {
        _cleanup_(install_finish) Install install = {};
        _cleanup_close_ int fd = -EBADF;

        if (parse(command, &install) < 0)
                return command->exit_code;
        switch (source_classify(install.source)) {
        case SOURCE_PATH:
                fd = open_archive(install.source);
                break;
        case SOURCE_STDIN:
                fd = open_stdin(command, &install);
                break;
        case SOURCE_URI:
                return install_from(command, &install, &fd);
        }
        return fd < 0 ? EXIT_SERVICE : install_from(command, &install, &fd);
}

const Verb verb_install = {
        .name = "install",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[OPTIONS] SOURCE",
        .summary = "Install a distribution",
        .details =
                "SOURCE is an archive of a root file system (tar, however it is compressed, or a\n"
                ".wsl file), - for one on the standard input, or bootstrap:SUITE, which makes a\n"
                "Debian from your own package sources, for instance bootstrap:bookworm.",
        .options = option_table,
        .run = run_install,
};
