/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of org.lxss.Manager1 that do something to distributions: parse, one
 * core call, and the operation that comes of it as the reply. */

#include "daemon/bus-requests.h"

#include <pwd.h>

#include "daemon/bus-catalogue.h"
#include "daemon/bus-objects.h"
#include "daemon/bus-options.h"
#include "daemon/image-target.h"
#include "daemon/source-scheme.h"
#include "daemon/text.h"
#include "shared/source-name.h"
#include "shared/util.h"

#define IMAGE_NAME_MAX 512

/* Nobody is the default user of root's distributions, since nobody inside is root outside. */
static const char *default_user_name(void) {
        const struct passwd *pw = geteuid() == 0 ? NULL : getpwuid(geteuid());

        return pw ? pw->pw_name : geteuid() == 0 ? NULL : "user";
}

typedef struct OperationOptions {
        char *user, *format, *sha256, *fallback_name, *signature_url, *image, *tag;
        int keyring, signature;
        char **environment;
        char *directory_name, *temporary;
        int directory;
        uint64_t max_size, mode;
        bool make_default, detach, terminate, without_oobe, without_shortcut, legacy, copy;
} OperationOptions;

#define NO_OPTIONS { .directory = -EBADF, .keyring = -EBADF, .signature = -EBADF, .mode = 0755 }

static void operation_options_clear(OperationOptions *options) {
        free(options->user);
        free(options->format);
        free(options->sha256);
        free(options->fallback_name);
        free(options->signature_url);
        free(options->image);
        free(options->tag);
        free(options->directory_name);
        free(options->temporary);
        strv_free(options->environment);
        closep(&options->keyring);
        closep(&options->signature);
}

static const Option install_options[] = {
        { "user", "s", option_string, offsetof(OperationOptions, user) },
        { "sha256", "s", option_string, offsetof(OperationOptions, sha256) },
        { "format", "s", option_string, offsetof(OperationOptions, format) },
        { "image", "s", option_string, offsetof(OperationOptions, image) },
        { "environment", "as", option_transfer_variables, offsetof(OperationOptions, environment) },
        { "max-size", "t", option_u64, offsetof(OperationOptions, max_size) },
        { "fallback-name", "s", option_string, offsetof(OperationOptions, fallback_name) },
        { "oobe", "b", option_not_bool, offsetof(OperationOptions, without_oobe) },
        { "shortcut", "b", option_not_bool, offsetof(OperationOptions, without_shortcut) },
        { "keyring", "h", option_fd, offsetof(OperationOptions, keyring) },
        { "signature", "h", option_fd, offsetof(OperationOptions, signature) },
        { "signature-url", "s", option_string, offsetof(OperationOptions, signature_url) },
        { "legacy", "b", option_bool, offsetof(OperationOptions, legacy) },
        { "default", "b", option_bool, offsetof(OperationOptions, make_default) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option terminating_options[] = {
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option clone_options[] = {
        { "copy", "b", option_bool, offsetof(OperationOptions, copy) },
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option move_options[] = {
        { "directory", "h", option_fd, offsetof(OperationOptions, directory) },
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option export_options[] = {
        { "format", "s", option_string, offsetof(OperationOptions, format) },
        { "tag", "s", option_string, offsetof(OperationOptions, tag) },
        { "directory", "ay", option_bytes, offsetof(OperationOptions, directory_name) },
        { "temporary", "ay", option_bytes, offsetof(OperationOptions, temporary) },
        { "mode", "t", option_u64, offsetof(OperationOptions, mode) },
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static int reply_operation(sd_bus_message *m, const Operation *operation) {
        g_autofree char *path = bus_operation_path(operation->id);

        return sd_bus_reply_method_return(m, "o", path);
}

/* It is there for archives that were made to hurt. */
static int check_max_size(const InstallRequest *request, sd_bus_error *reterr) {
        if (!request->suite)
                return 0;
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                         "There is no archive that could unpack to more than a size: packages are installed as they "
                         "are. Leave --max-size out.");
}

/* Makes the digits lower-case. */
static int check_sha256(char *digits, const InstallRequest *request, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;
        size_t n = strspn(digits, "0123456789abcdefABCDEF");

        if (request->transport)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "An image is verified by the digests in it. To get a certain one, name it by its "
                                 "own: NAME@sha256:DIGITS.");
        if (request->suite)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "There is no archive whose SHA-256 could be compared: packages are verified by their "
                                 "own signatures.");
        for (char *c = digits; *c; c++)
                *c = g_ascii_tolower(*c);
        if (n == 64 && !digits[n])
                return 0;
        safe = text_printable(digits, 80);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "\"%s\" is no SHA-256, which has 64 hexadecimal digits.",
                         safe);
}

/* Takes what the options say of it over into the request. */
static int check_signature(InstallRequest *request, const OperationOptions *options, sd_bus_error *reterr) {
        const char *rest;

        if (options->keyring < 0 && (options->signature >= 0 || options->signature_url))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "A signature says nothing without the keys that may have made it: "
                                 "name them with --keyring.");
        if (options->keyring >= 0 && request->suite)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "There is no archive that could have a signature: packages are verified by their own "
                                 "ones.");
        if (options->signature_url && source_scheme_of(options->signature_url, &rest) != SOURCE_SCHEME_TRANSFER)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "The signature's URL is none of http, https or file.");
        request->keyring = options->keyring;
        request->signature = options->signature;
        request->signature_url = options->signature_url;
        return 0;
}

static int install_from(sd_bus_message *m, Bus *bus, const Catalogue *found, sd_bus_error *reterr);

typedef struct Waiting {
        sd_bus_message *m;
        Bus *bus;
} Waiting;

/* The same call again, and what the catalogue says beside it. */
static void on_catalogue(const Catalogue *catalogue, const sd_bus_error *error, void *userdata) {
        g_autofree Waiting *waiting = userdata;
        g_autoptr(sd_bus_message) m = waiting->m;
        g_auto(sd_bus_error) e = SD_BUS_ERROR_NULL;
        int r;

        if (error)
                r = sd_bus_error_copy(&e, error);
        else if ((r = sd_bus_message_rewind(m, true)) >= 0)
                r = install_from(m, waiting->bus, catalogue, &e);
        if (r < 0)
                (void)sd_bus_reply_method_errno(m, r, &e);
}

static int look_up(sd_bus_message *m, Bus *bus, Peer *peer, char *const *environment, sd_bus_error *reterr) {
        Waiting *waiting = g_new(Waiting, 1);
        int r;

        *waiting = (Waiting){ .m = sd_bus_message_ref(m), .bus = bus };
        r = manager_read_catalogue(bus_manager(bus), peer->client, environment, on_catalogue, waiting, reterr);
        if (r >= 0)
                return 1; /* answered once it is there */
        sd_bus_message_unref(m);
        g_free(waiting);
        return r;
}

/* What an archive of the catalogue must be, and be called, unless the caller says otherwise. */
static int apply_entry(InstallRequest *request, const OperationOptions *options, const CatalogueEntry *entry,
                       sd_bus_error *reterr) {
        request->url = entry->url;
        if (str_empty(request->name))
                request->name = entry->name;
        if (!request->sha256)
                request->sha256 = str_empty(entry->sha256) ? NULL : entry->sha256;
        else if (!str_empty(entry->sha256) && !streq(entry->sha256, options->sha256))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "The catalogue says that the SHA-256 of %s is %s, and you say another one.",
                                 entry->name, entry->sha256);
        return 0;
}

/* What skopeo takes as a name, and nothing that would look like something else. */
static int check_image(const char *image, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;
        size_t n = strspn(image, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@/:[]");

        if (!image[n] && n <= IMAGE_NAME_MAX)
                return 0;
        safe = text_printable(image, 200);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                         "\"%s\" is no name of an image, which looks like registry.example.org/debian:bookworm.", safe);
}

/* The formats of a source that is not simply an archive or a directory. */
static int take_format(const OperationOptions *options, InstallRequest *request, sd_bus_error *reterr) {
        static const char *const formats[] = { "oci", "oci-archive", "docker-archive" };
        g_autofree char *safe = NULL;

        if (!options->format && !options->image)
                return 0;
        for (size_t i = 0; options->format && i < ELEMENTSOF(formats); i++)
                if (streq(formats[i], options->format))
                        request->transport = formats[i];
        if (request->source < 0 || !request->transport) {
                safe = text_printable(options->format ?: "", 40);
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is no format of a source. There are oci, oci-archive and docker-archive.",
                                 safe);
        }
        request->image = options->image ?: "";
        request->label = request->transport;
        return check_image(request->image, reterr);
}

/* The rest of the message: options, then the call. found: what the catalogue says; NULL where it was not asked. */
static int install(sd_bus_message *m, Bus *bus, InstallRequest *request, const Catalogue *found, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = NO_OPTIONS;
        g_autofree char *label = NULL;
        const CatalogueEntry *entry;
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = options_read(m, install_options, ELEMENTSOF(install_options), &options, reterr)) < 0 ||
            (r = take_format(&options, request, reterr)) < 0 || (r = bus_find_peer(bus, m, &peer, reterr)) < 0)
                return r;
        if ((options.sha256 && (r = check_sha256(options.sha256, request, reterr)) < 0) ||
            (options.max_size > 0 && (r = check_max_size(request, reterr)) < 0))
                return r;
        r = check_signature(request, &options, reterr);
        if (r < 0)
                return r;
        if (request->catalogue_name && !found)
                return look_up(m, bus, peer, options.environment, reterr);
        request->environment = options.environment;
        request->sha256 = options.sha256;
        if (found && ((r = bus_find_in_catalogue(found, request->catalogue_name, options.legacy, &entry, reterr)) < 0 ||
                      (r = apply_entry(request, &options, entry, reterr)) < 0))
                return r;
        request->label = label = source_public_url(request->url ?: request->label);
        request->max_size = options.max_size;
        request->user = options.user ?: default_user_name();
        request->user_given = options.user;
        request->fallback_name = options.fallback_name ?: request->fallback_name;
        request->without_oobe = options.without_oobe;
        request->without_shortcut = options.without_shortcut;
        request->make_default = options.make_default;
        request->detached = options.detach;
        r = manager_install(bus_manager(bus), peer->client, request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

int bus_method_install(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        InstallRequest request = { .label = "archive" };
        int r;

        r = sd_bus_message_read(m, "hs", &request.source, &request.name);
        return r < 0 ? r : install(m, userdata, &request, NULL, reterr);
}

static int install_from(sd_bus_message *m, Bus *bus, const Catalogue *found, sd_bus_error *reterr) {
        InstallRequest request = { .source = -EBADF };
        g_autofree char *safe = NULL, *name = NULL;
        const char *uri, *rest;
        SourceScheme scheme;
        int r;

        r = sd_bus_message_read(m, "ss", &uri, &request.name);
        if (r < 0)
                return r;
        safe = text_printable(uri, 200);
        scheme = source_scheme_of(uri, &rest);
        if (scheme < 0)
                return error_set(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                 "\"%s\" is no source that lxssd knows. It takes archives, " SOURCE_SCHEMES ".", safe);
        if (scheme == SOURCE_SCHEME_BOOTSTRAP)
                request.suite = rest;
        else if (scheme == SOURCE_SCHEME_CATALOGUE)
                request.catalogue_name = rest;
        else if (scheme == SOURCE_SCHEME_REGISTRY) {
                request.transport = "docker";
                request.image = rest;
                r = check_image(rest, reterr);
                if (r < 0)
                        return r;
        } else
                request.url = uri;
        request.label = uri;
        request.fallback_name = name = source_scheme_default_name(scheme, uri, rest);
        return install(m, bus, &request, found, reterr);
}

int bus_method_install_from(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        return install_from(m, userdata, NULL, reterr);
}

int bus_method_uninstall(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = NO_OPTIONS;
        Operation *operation;
        const char *name;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "s", &name)) < 0 ||
            (r = options_read(m, terminating_options, ELEMENTSOF(terminating_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        r = manager_uninstall(bus_manager(userdata), peer->client, name, options.terminate, options.detach, &operation,
                              reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

/* Of a directory that is to be made. */
static int take_place(const OperationOptions *options, ExportRequest *request, sd_bus_error *reterr) {
        if (!options->directory_name && !options->temporary)
                return 0;
        request->place = (ImagePlace){ options->directory_name, options->temporary, (mode_t)options->mode };
        if (request->tag && image_place_is_valid(&request->place))
                return 0;
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                         "Of the directory for an image both names are needed, and they are no paths.");
}

static int take_export_format(const OperationOptions *options, ExportRequest *request, sd_bus_error *reterr) {
        const char *format = options->format ?: "tar";
        g_autofree char *safe = NULL;

        if (streq(format, "oci")) {
                request->tag = options->tag ?: "latest";
                if (image_tag_is_valid(request->tag))
                        return 0;
                safe = text_printable(request->tag, 130);
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is no tag of an image, which has letters, digits, '.', '_' and '-'.", safe);
        }
        if (options->tag)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "Only an image has a tag; an archive has none.");
        request->format = archive_format_from_string(format);
        if (request->format >= 0)
                return 0;
        safe = text_printable(format, 40);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                         "\"%s\" is no format of an archive. There are: " ARCHIVE_FORMAT_NAMES "; and oci.", safe);
}

int bus_method_export(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = NO_OPTIONS;
        ExportRequest request = { .format = ARCHIVE_FORMAT_PLAIN_TAR };
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "sh", &request.name, &request.target)) < 0 ||
            (r = options_read(m, export_options, ELEMENTSOF(export_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        if ((r = take_export_format(&options, &request, reterr)) < 0 || (r = take_place(&options, &request, reterr)) < 0)
                return r;
        request.terminate = options.terminate;
        request.detached = options.detach;
        r = manager_export(bus_manager(userdata), peer->client, &request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

int bus_method_clone(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = NO_OPTIONS;
        CloneRequest request = { 0 };
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "ss", &request.name, &request.new_name)) < 0 ||
            (r = options_read(m, clone_options, ELEMENTSOF(clone_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        request.terminate = options.terminate;
        request.copy = options.copy;
        request.detached = options.detach;
        r = manager_clone(bus_manager(userdata), peer->client, &request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

int bus_method_move(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = NO_OPTIONS;
        _cleanup_close_ int directory = -EBADF;
        MoveRequest request = { 0 };
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "s", &request.name)) < 0)
                return r;
        r = options_read(m, move_options, ELEMENTSOF(move_options), &options, reterr);
        directory = options.directory;
        if (r < 0 || (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        request.directory = directory;
        request.terminate = options.terminate;
        request.detached = options.detach;
        r = manager_move(bus_manager(userdata), peer->client, &request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

static void on_renamed(const sd_bus_error *error, void *userdata) {
        g_autoptr(sd_bus_message) m = userdata;

        if (error)
                (void)sd_bus_reply_method_error(m, error);
        else
                (void)sd_bus_reply_method_return(m, NULL);
}

int bus_method_rename(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        const char *name, *new_name;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &new_name);
        if (r < 0)
                return r;
        r = manager_rename(bus_manager(userdata), name, new_name, on_renamed, sd_bus_message_ref(m), reterr);
        if (r < 0)
                sd_bus_message_unref(m);
        return r < 0 ? r : 1;
}
