/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl export`: opens the target itself, so that lxssd never resolves a path on
 * our behalf, and stands by until the distribution is in it. */

#include <sys/stat.h>

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/source.h"
#include "client/target.h"
#include "client/text.h"
#include "shared/archive-format.h"

enum {
        EXPORT_FORMAT = OPTION_OWN,
        EXPORT_TERMINATE,
};

static const Option option_table[] = {
        { EXPORT_FORMAT,    0, "format",    "FORMAT", false, "the kind of archive (by FILE's name)" },
        { EXPORT_TERMINATE, 0, "terminate", NULL,     false, "end its programs first, if it runs" },
        { 0 },
};

typedef struct Export {
        const char *name, *file;
        ArchiveFormat format;
        char *directory; /* of an image layout, owned; NULL: an archive */
        const char *tag; /* of the image, may be empty */
        bool terminate, to_stdout;
        Target target;
} Export;

static void export_finish(Export *export) {
        target_finish(&export->target);
        free(export->directory);
}

static int usage(Command *command, int r) {
        command->exit_code = r;
        return -EINVAL;
}

/* oci:DIRECTORY[:TAG] */
static int parse_layout(Command *command, Export *export, const char *format) {
        size_t n;

        if (format)
                return usage(command,
                             command_usage(command, "%s is an image layout, whatever --format says. Leave that out.",
                                           export->file));
        export->directory = source_split_image(export->file, 0, &export->tag);
        if (!export->directory)
                return usage(command, EXIT_SERVICE);
        n = strlen(export->directory);
        while (n > 1 && export->directory[n - 1] == '/')
                export->directory[--n] = '\0';
        if (n == 0)
                return usage(command, command_usage(command, "Which directory? Name it, for instance oci:%s.image",
                                                    export->name));
        return 0;
}

static int parse(Command *command, Export *export) {
        const char *words[2] = { NULL, NULL }, *format = NULL;
        int id;

        while ((id = command_next(command)) != OPTION_DONE) {
                if (id == OPTION_WORD)
                        id = command_take_word(command, 2, words);
                if (id < 0)
                        return id;
                if (id == EXPORT_FORMAT)
                        format = command->parser.argument;
                export->terminate |= id == EXPORT_TERMINATE;
        }
        if (!words[1])
                return usage(command,
                             command_usage(command,
                                           "Name a distribution and the file that it goes to (- is the standard "
                                           "output), for instance: lxctl export debian debian.tar.zst"));
        export->name = words[0];
        export->file = words[1];
        export->to_stdout = streq(words[1], "-");
        if (source_classify(words[1]) == SOURCE_LAYOUT)
                return parse_layout(command, export, format);
        if (format)
                export->format = archive_format_from_string(format);
        else
                export->format = export->to_stdout ? ARCHIVE_FORMAT_PLAIN_TAR : archive_format_from_file_name(words[1]);
        if (export->format >= 0)
                return 0;
        if (format)
                return usage(command,
                             command_usage(command, "\"%s\" is no format. There are: " ARCHIVE_FORMAT_NAMES ".",
                                           format));
        return usage(command, command_usage(command,
                                            "The name of \"%s\" says nothing of its format. Add an ending, or "
                                            "--format; there are: " ARCHIVE_FORMAT_NAMES ".",
                                            words[1]));
}

static int open_stdout(Command *command, Export *export) {
        if ((command->closed_mask & 2) || isatty(1)) {
                say("An archive is nothing for a terminal. Redirect the standard output, or name a file.");
                return -EINVAL;
        }
        if (command->json) {
                say("--json prints on the standard output, where the archive is to go. Name a file.");
                return -EINVAL;
        }
        export->target.direct = true;
        export->target.fd = dup(1);
        return export->target.fd < 0 ? -errno : 0;
}

static const char *format_name(const Export *export) {
        return export->directory ? "oci" : archive_format_to_string(export->format);
}

static int begin(LxssClient *client, const void *what, LxssOperation **ret, LxssFailure *failure) {
        const Export *export = what;
        LxssExport wanted = {
                .distribution = export->name,
                .fd = export->target.fd,
                .flags = export->terminate ? LXSS_TERMINATE : 0,
                .format = format_name(export),
                .tag = str_empty(export->tag) ? NULL : export->tag,
        };

        if (export->directory) {
                wanted.directory = target_name(export->target.path);
                wanted.temporary = target_name(export->target.temporary);
                wanted.mode = export->target.mode;
        }
        return lxss_export(client, &wanted, ret, failure);
}

static void print_success(const Command *command, const Export *export) {
        Json json = JSON_ON(stdout);
        struct stat st;

        if (command->json) {
                json_open(&json, NULL, '{');
                json_string(&json, "result", "done");
                json_string(&json, "name", export->name);
                json_string(&json, "file", export->file);
                json_string(&json, "format", format_name(export));
                if (fstat(export->target.fd, &st) == 0 && S_ISREG(st.st_mode))
                        json_unsigned(&json, "size", st.st_size);
                json_close(&json, '}');
        } else if (!command->quiet && !export->to_stdout) {
                fputs("Exported ", stdout);
                text_print(stdout, export->name);
                fputs(" to ", stdout);
                text_print(stdout, export->file);
                fputs(".\n", stdout);
        }
}

static int export_to(Command *command, Export *export) {
        int r;

        r = operation_run(command, 0, begin, export, NULL);
        if (r < 0) {
                target_finish(&export->target);
                signal_die(-r);
        }
        if (r != EXIT_SUCCESS)
                return r;
        if (target_commit(&export->target) < 0)
                return EXIT_SERVICE;
        print_success(command, export);
        return EXIT_SUCCESS;
}

static int run_export(Command *command) {
        _cleanup_(export_finish) Export export = { .target = TARGET_NONE };
        int r;

        if (parse(command, &export) < 0)
                return command->exit_code;
        if (export.directory)
                r = target_open_directory(&export.target, export.directory);
        else
                r = export.to_stdout ? open_stdout(command, &export) : target_open(&export.target, export.file);
        return r < 0 ? EXIT_SERVICE : export_to(command, &export);
}

const Verb verb_export = {
        .name = "export",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[OPTIONS] NAME FILE",
        .summary = "Write a distribution to an archive",
        .details =
                "FILE is made, or replaced, once the archive is complete; - is the standard output.\n"
                "Its ending says which format it gets: " ARCHIVE_FORMAT_NAMES ".\n"
                "oci:DIRECTORY[:TAG] is an OCI image layout, from which podman, Docker and Kubernetes\n"
                "have a container image.\n"
                "The distribution must not run. lxctl install takes the archive, here or elsewhere.",
        .options = option_table,
        .run = run_export,
};
