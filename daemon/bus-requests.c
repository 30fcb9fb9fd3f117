/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of org.lxss.Manager1 that do something to distributions: parse, one
 * core call, and the operation that comes of it as the reply. */

#include "daemon/bus-requests.h"

#include <pwd.h>

#include "daemon/bus-objects.h"
#include "daemon/bus-options.h"
#include "daemon/image-target.h"
#include "daemon/text.h"
#include "shared/util.h"

#define BOOTSTRAP_SCHEME "bootstrap:"
#define REGISTRY_SCHEME "docker://"
#define IMAGE_NAME_MAX 512

/* Nobody is the default user of root's distributions, since nobody inside is root outside. */
static const char *default_user_name(void) {
        const struct passwd *pw = geteuid() == 0 ? NULL : getpwuid(geteuid());

        return pw ? pw->pw_name : geteuid() == 0 ? NULL : "user";
}

typedef struct OperationOptions {
        char *user, *format, *sha256, *image, *tag;
        bool make_default, detach, terminate;
} OperationOptions;

static void operation_options_clear(OperationOptions *options) {
        free(options->user);
        free(options->format);
        free(options->sha256);
        free(options->image);
        free(options->tag);
}

static const Option install_options[] = {
        { "user", "s", option_string, offsetof(OperationOptions, user) },
        { "sha256", "s", option_string, offsetof(OperationOptions, sha256) },
        { "format", "s", option_string, offsetof(OperationOptions, format) },
        { "image", "s", option_string, offsetof(OperationOptions, image) },
        { "default", "b", option_bool, offsetof(OperationOptions, make_default) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option terminating_options[] = {
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static const Option export_options[] = {
        { "format", "s", option_string, offsetof(OperationOptions, format) },
        { "tag", "s", option_string, offsetof(OperationOptions, tag) },
        { "terminate", "b", option_bool, offsetof(OperationOptions, terminate) },
        { "detach", "b", option_bool, offsetof(OperationOptions, detach) },
};

static int reply_operation(sd_bus_message *m, const Operation *operation) {
        g_autofree char *path = bus_operation_path(operation->id);

        return sd_bus_reply_method_return(m, "o", path);
}

/* Makes the digits lower-case. */
static int check_sha256(char *digits, const InstallRequest *request, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;
        size_t n = strspn(digits, "0123456789abcdefABCDEF");

        if (request->transport)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "An image is verified by the digests in it. To get a certain one, name it by its own: NAME@sha256:DIGITS.");
        if (request->suite)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "There is no archive whose SHA-256 could be compared: packages are verified by their own signatures.");
        for (char *c = digits; *c; c++)
                *c = g_ascii_tolower(*c);
        if (n == 64 && !digits[n])
                return 0;
        safe = text_printable(digits, 80);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "\"%s\" is no SHA-256, which has 64 hexadecimal digits.", safe);
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
        static const char *const formats[] = { "oci", "docker-archive" };
        g_autofree char *safe = NULL;

        if (!options->format && !options->image)
                return 0;
        for (size_t i = 0; options->format && i < ELEMENTSOF(formats); i++)
                if (streq(formats[i], options->format))
                        request->transport = formats[i];
        if (request->source < 0 || !request->transport) {
                safe = text_printable(options->format ?: "", 40);
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is no format of a source. There are oci and docker-archive.", safe);
        }
        request->image = options->image ?: "";
        request->label = request->transport;
        return check_image(request->image, reterr);
}

/* The rest of the message: options, then the call. */
static int install(sd_bus_message *m, Bus *bus, InstallRequest *request, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = { 0 };
        Operation *operation;
        Peer *peer;
        int r;

        r = options_read(m, install_options, ELEMENTSOF(install_options), &options, reterr);
        if (r < 0)
                return r;
        if ((r = take_format(&options, request, reterr)) < 0 || (r = bus_find_peer(bus, m, &peer, reterr)) < 0)
                return r;
        if (options.sha256) {
                r = check_sha256(options.sha256, request, reterr);
                if (r < 0)
                        return r;
        }
        request->sha256 = options.sha256;
        request->user = options.user ?: default_user_name();
        request->make_default = options.make_default;
        request->detached = options.detach;
        r = manager_install(bus_manager(bus), peer->client, request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

int bus_method_install(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        InstallRequest request = { .label = "archive" };
        int r;

        r = sd_bus_message_read(m, "hs", &request.source, &request.name);
        return r < 0 ? r : install(m, userdata, &request, reterr);
}

/* The last part of an image's name, without tag and digest. */
static char *image_default_name(const char *image) {
        const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;

        return g_strndup(last, strcspn(last, ":@"));
}

static int take_uri(const char *uri, InstallRequest *request, char **ret_name, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;

        if (g_str_has_prefix(uri, BOOTSTRAP_SCHEME)) {
                request->suite = uri + strlen(BOOTSTRAP_SCHEME);
                *ret_name = g_strdup(request->suite);
                return 0;
        }
        if (g_str_has_prefix(uri, REGISTRY_SCHEME)) {
                request->transport = "docker";
                request->image = uri + strlen(REGISTRY_SCHEME);
                *ret_name = image_default_name(request->image);
                return check_image(request->image, reterr);
        }
        safe = text_printable(uri, 200);
        return error_set(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                         "\"%s\" is no source that lxssd knows. It takes archives, images of registries "
                         "(docker://HOST/NAME:TAG), and bootstrap:SUITE, for instance bootstrap:bookworm.",
                         safe);
}

int bus_method_install_from(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        InstallRequest request = { .source = -EBADF };
        g_autofree char *name = NULL;
        const char *uri;
        int r;

        r = sd_bus_message_read(m, "ss", &uri, &request.name);
        if (r >= 0)
                r = take_uri(uri, &request, &name, reterr);
        if (r < 0)
                return r;
        request.label = uri;
        if (str_empty(request.name))
                request.name = name;
        return install(m, userdata, &request, reterr);
}

int bus_method_uninstall(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = { 0 };
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
        _cleanup_(operation_options_clear) OperationOptions options = { 0 };
        ExportRequest request = { .format = ARCHIVE_FORMAT_PLAIN_TAR };
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "sh", &request.name, &request.target)) < 0 ||
            (r = options_read(m, export_options, ELEMENTSOF(export_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        r = take_export_format(&options, &request, reterr);
        if (r < 0)
                return r;
        request.terminate = options.terminate;
        request.detached = options.detach;
        r = manager_export(bus_manager(userdata), peer->client, &request, &operation, reterr);
        return r < 0 ? r : reply_operation(m, operation);
}

int bus_method_clone(sd_bus_message *m, void *userdata, sd_bus_error *reterr) {
        _cleanup_(operation_options_clear) OperationOptions options = { 0 };
        CloneRequest request = { 0 };
        Operation *operation;
        Peer *peer;
        int r;

        if ((r = sd_bus_message_read(m, "ss", &request.name, &request.new_name)) < 0 ||
            (r = options_read(m, terminating_options, ELEMENTSOF(terminating_options), &options, reterr)) < 0 ||
            (r = bus_find_peer(userdata, m, &peer, reterr)) < 0)
                return r;
        request.terminate = options.terminate;
        request.detached = options.detach;
        r = manager_clone(bus_manager(userdata), peer->client, &request, &operation, reterr);
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
