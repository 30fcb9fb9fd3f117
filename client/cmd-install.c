/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl install`: opens the source itself, so that lxssd never resolves a path
 * on our behalf, and stands by until the distribution is there. */

#include <sys/stat.h>

#include "client/command.h"
#include "client/json.h"
#include "client/operation.h"
#include "client/signals.h"
#include "client/signature.h"
#include "client/objects.h"
#include "client/source.h"
#include "client/text.h"
#include "shared/source-name.h"

enum {
        INSTALL_NAME = OPTION_OWN,
        INSTALL_USER,
        INSTALL_SHA256,
        INSTALL_KEYRING,
        INSTALL_SIGNATURE,
        INSTALL_LEGACY,
        INSTALL_MAX_SIZE,
        INSTALL_DEFAULT,
        INSTALL_NO_OOBE,
        INSTALL_NO_SHORTCUT,
};

static const Option option_table[] = {
        { INSTALL_NAME,    0, "name",    "NAME", false, "call it NAME" },
        { INSTALL_USER,    0, "user",    "USER", false, "the name of its default user (yours)" },
        { INSTALL_SHA256,  0, "sha256",  "DIGITS", false, "only if this is the archive's SHA-256" },
        { INSTALL_KEYRING, 0, "keyring", "FILE", false, "only if one of these keys has signed the archive" },
        { INSTALL_SIGNATURE, 0, "signature", "FILE|URL", false, "where the signature is (beside the archive)" },
        { INSTALL_LEGACY,  0, "legacy",  NULL,   false, "NAME is one of the catalogue's older section" },
        { INSTALL_MAX_SIZE, 0, "max-size", "SIZE", false, "at most so much, unpacked (200 times the archive)" },
        { INSTALL_DEFAULT, 0, "default", NULL,   false, "make it the default distribution" },
        { INSTALL_NO_OOBE, 0, "no-oobe", NULL,   false, "never run its command for the first launch" },
        { INSTALL_NO_SHORTCUT, 0, "no-shortcut", NULL, false, "no entry in the desktop's menus" },
        { 0 },
};

typedef struct Install {
        const char *source, *name, *user, *sha256, *keyring, *signed_by, *max_size_text;
        uint64_t max_size;  /* 0: not given */
        Signature signature;
        const char *format; /* of an image; NULL: the source is none */
        const char *image;  /* its name, may be empty */
        char *path;         /* of that, where it is not the source itself; owned */
        bool make_default, no_oobe, no_shortcut, legacy, is_uri;
        char *uri;          /* of a name in the catalogue, owned; NULL: source is what it is */
} Install;

static void install_finish(Install *install) {
        signature_close(&install->signature);
        free(install->path);
        free(install->uri);
}

/* A number of bytes, KiB (K), MiB (M), GiB (G) or TiB (T). */
static int parse_size(const char *text, uint64_t *ret) {
        static const char units[] = "KMGT";
        size_t digits = strspn(text, "0123456789");
        const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
        unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
        uint64_t n;

        if (digits == 0 || digits > 19 || (text[digits] && (!unit || text[digits + 1])))
                return -EINVAL;
        n = strtoull(text, NULL, 10);
        if (n == 0 || n > UINT64_MAX >> shift)
                return -ERANGE;
        *ret = n << shift;
        return 0;
}

/* 0, or -EINVAL having said what is wrong. */
static int check(Command *command, Install *install) {
        if (install->name && !*install->name)
                command->exit_code = command_usage(command, "A distribution's name cannot be empty.");
        else if (install->max_size_text && parse_size(install->max_size_text, &install->max_size) < 0)
                command->exit_code =
                                command_usage(command, "\"%s\" is no size, such as 500M, 20G or a number of bytes.",
                                              install->max_size_text);
        else if (!install->source)
                command->exit_code = command_usage(command, "What is to be installed? Name an archive, for instance "
                                                   "debian.tar.xz, or what the catalogue has (lxctl list --online).");
        else
                return 0;
        return -EINVAL;
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
                else if (id == INSTALL_SHA256)
                        install->sha256 = command->parser.argument;
                else if (id == INSTALL_KEYRING)
                        install->keyring = command->parser.argument;
                else if (id == INSTALL_SIGNATURE)
                        install->signed_by = command->parser.argument;
                else if (id == INSTALL_LEGACY)
                        install->legacy = true;
                else if (id == INSTALL_MAX_SIZE)
                        install->max_size_text = command->parser.argument;
                else if (id == INSTALL_DEFAULT)
                        install->make_default = true;
                else if (id == INSTALL_NO_OOBE)
                        install->no_oobe = true;
                else if (id == INSTALL_NO_SHORTCUT)
                        install->no_shortcut = true;
        }
        return check(command, install);
}

/* Returns the descriptor, or negative errno having said why; -EBADF: it is a name of the catalogue. */
static int open_path(Install *install) {
        int fd = open(install->source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        int r = fd < 0 ? -errno : fd;

        if (r == -ENOENT && source_may_be_name(install->source))
                return asprintf(&install->uri, "catalogue:%s", install->source) < 0 ? -ENOMEM : -EBADF;
        if (r < 0)
                say("Cannot open %s: %s", install->source, strerror(-r));
        return r;
}

/* Files may have colons in their names: of all that may be the path, the longest that leads somewhere is it.
 * Returns the descriptor, or negative errno as for the shortest. */
static int open_longest(Install *install) {
        for (unsigned colons = source_count_colons(install->source);; colons--) {
                int fd;

                free(install->path);
                install->path = source_split_image(install->source, colons, &install->image);
                if (!install->path)
                        return -ENOMEM;
                fd = open(install->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (fd >= 0 || colons == 0 || (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG))
                        return fd < 0 ? -errno : fd;
        }
}

static int open_image(Install *install, const char *format) {
        int fd = open_longest(install);

        install->format = format;
        if (install->path && !*install->path) {
                say("Which one? Name it, for instance %s:PATH", format);
                return -EINVAL;
        }
        if (fd < 0)
                say("Cannot open %s: %s", install->path ? install->path : install->source, strerror(-fd));
        return fd;
}

static int open_stdin(Command *command) {
        if ((command->closed_mask & 1) || isatty(0)) {
                say("There is no archive on the standard input. Redirect it: lxctl install - <ARCHIVE");
                return -EINVAL;
        }
        return dup(0);
}

/* "." is called what it is called from above. */
static char *derive_name(const Install *install) {
        const char *path = install->path ? install->path : install->source;
        _cleanup_free_ char *whole = NULL;
        struct stat st;

        /* A layout's images have tags alone. */
        if (!str_empty(install->image) && streq(install->format, "docker-archive"))
                return source_default_name_of_image(install->image);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                whole = realpath(path, NULL);
        return source_default_name(whole ? whole : path);
}

static int flags_of(const Install *install) {
        return (install->make_default ? LXSS_DEFAULT : 0) | (install->no_oobe ? LXSS_NO_OOBE : 0) |
               (install->no_shortcut ? LXSS_NO_SHORTCUT : 0) | (install->legacy ? LXSS_LEGACY : 0);
}

/* fd negative: from a URI. */
static int begin(LxssClient *client, const Install *install, int fd, LxssOperation **ret, LxssFailure *failure) {
        _cleanup_free_ char *fallback = NULL;
        LxssInstall wanted = {
                .fd = fd,
                .flags = flags_of(install),
                .max_size = install->max_size,
                .uri = install->uri ? install->uri : install->source,
                .name = install->name,
                .format = install->format,
                .image = str_empty(install->image) ? NULL : install->image,
                .user = install->user,
                .sha256 = install->sha256,
        };

        if (fd >= 0)
                wanted.uri = NULL;
        if (!install->name && (install->path || source_classify(install->source) == SOURCE_PATH)) {
                fallback = derive_name(install);
                if (!fallback)
                        return -ENOMEM;
        }
        wanted.fallback_name = fallback;
        signature_put(&install->signature, &wanted);
        return lxss_install(client, &wanted, ret, failure);
}

static void print_json(const char *name, const LxssDistribution *d) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "result", "done");
        json_string(&json, "name", name);
        json_string(&json, "release", d ? d->release : NULL);
        json_bool(&json, "default", d && d->is_default);
        json_string(&json, "default_user", d ? d->default_user : NULL);
        json_string(&json, "root", d ? d->root : NULL);
        json_close(&json, '}');
}

static void print_success(Command *command, LxssClient *client, const char *name) {
        _cleanup_result_ LxssObjects *objects = NULL;
        const LxssDistribution *d = NULL;

        if (name && lxss_get_objects(client, &objects, NULL) >= 0)
                d = objects_find_distribution(objects, name);
        if (command->json) {
                print_json(name, d);
                return;
        }
        if (command->quiet)
                return;
        fputs("Installed ", stdout);
        text_print(stdout, name ? name : "it");
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
static int install_from(Command *command, const Install *install, int *fd) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_close_ int signal_fd = -EBADF;
        _cleanup_client_ LxssClient *client = NULL;
        _cleanup_operation_ LxssOperation *operation = NULL;
        int r;

        r = command_connect(command, LXSS_FOR_INSTANCE, &client, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        /* A catalogue may take its time to answer: until there is an operation, a signal simply ends us, and
         * with us what we asked for. */
        r = begin(client, install, *fd, &operation, &failure);
        closep(fd);
        if (r < 0 && install->uri)
                say("There is no file \"%s\", and as a name of the catalogue it cannot be installed:", install->source);
        if (r < 0)
                return command_fail(command, r, &failure);
        signal_fd = signals_block_termination();
        if (signal_fd < 0)
                return command_fail(command, signal_fd, NULL);
        r = operation_wait(command, client, operation, signal_fd);
        if (r < 0)
                signal_die(-r);
        if (r == EXIT_SUCCESS)
                print_success(command, client, lxss_operation_distribution(operation));
        return r;
}

/* What the source says is beside it is opened as late as it is. */
static int open_signature(Install *install, int fd) {
        bool is_file = fd >= 0 && !install->path && !streq(install->source, "-");

        if (fd >= 0 && !is_file && !install->path && install->keyring && !install->signed_by) {
                say("There is nothing beside an archive on the standard input. Say where its signature is: "
                    "--signature");
                return -EINVAL;
        }
        return signature_open(install->keyring, install->signed_by, is_file ? install->source : NULL,
                              &install->signature);
}

static int run_install(Command *command) {
        _cleanup_(install_finish) Install install = { .signature = NO_SIGNATURE };
        _cleanup_close_ int fd = -EBADF;

        if (parse(command, &install) < 0)
                return command->exit_code;
        switch (source_classify(install.source)) {
        case SOURCE_PATH:
                fd = open_path(&install);
                break;
        case SOURCE_LAYOUT:
                fd = open_image(&install, "oci");
                break;
        case SOURCE_LAYOUT_ARCHIVE:
                fd = open_image(&install, "oci-archive");
                break;
        case SOURCE_DOCKER_ARCHIVE:
                fd = open_image(&install, "docker-archive");
                break;
        case SOURCE_STDIN:
                fd = open_stdin(command);
                break;
        case SOURCE_URI:
                install.is_uri = true;
                break;
        }
        if ((fd < 0 && !install.is_uri && !install.uri) || open_signature(&install, fd) < 0)
                return EXIT_SERVICE;
        return install_from(command, &install, &fd);
}

const Verb verb_install = {
        .name = "install",
        .group = VERB_GROUP_DISTRIBUTIONS,
        .synopsis = "[OPTIONS] SOURCE",
        .summary = "Install a distribution",
        .details =
                "SOURCE is an archive of a root file system (tar or cpio, however it is compressed,\n"
                "or a .wsl file), - for one on the standard input, a squashfs or ext4 file system in\n"
                "a file, a directory, the URL of an archive\n"
                "(http://, https://, file://), a name of the catalogue (lxctl list --online), or\n"
                "bootstrap:SUITE, which makes a Debian from your own package sources, for instance\n"
                "bootstrap:bookworm.\n"
                "An image comes from a registry with docker://[HOST/]NAME[:TAG], from an OCI image\n"
                "layout with oci:DIRECTORY[:TAG], from one in a tar with oci-archive:FILE[:TAG], from what\n"
                "docker save wrote with docker-archive:FILE.",
        .options = option_table,
        .run = run_install,
};
