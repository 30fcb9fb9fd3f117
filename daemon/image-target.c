/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the files of an image layout (OCI image-spec: image-layout.md, manifest.md,
 * config.md) but for the bytes of its layer, which a worker writes. They are made
 * here, since a worker's files would belong to an id that the user cannot remove
 * files of. They are few and small, and everything in them is known to need no
 * quoting. The directory for them can be made here, too: whoever asked for it may
 * be killed at any moment, and could not take it away any more. */

#include "daemon/image-target.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "daemon/error.h"
#include "daemon/text.h"
#include "shared/machine.h"
#include "shared/util.h"

#define BLOBS "blobs/sha256"
#define LAYER BLOBS "/layer" /* until its digest is known */
#define DIGEST_LENGTH 64
#define PATH_LENGTH_MAX 128
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define MEDIA "application/vnd.oci.image."

typedef struct Blob {
        char digest[DIGEST_LENGTH + 1];
        uint64_t size;
} Blob;

struct ImageTarget {
        int parent;              /* where directory was made, and is to be renamed; or -EBADF */
        const ImagePlace *place; /* borrowed */
        int directory;
        char *tag;
        Blob layer;
        char diff_id[DIGEST_LENGTH + 1];
        char shell[PATH_LENGTH_MAX + 1];
        GPtrArray *files; /* that were made, for the case that it fails */
};

bool image_tag_is_valid(const char *tag) {
        size_t n = strlen(tag);

        return n > 0 && n <= 128 && tag[0] != '.' && tag[0] != '-' &&
               strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static bool name_is_valid(const char *name) {
        return *name && !strchr(name, '/') && !streq(name, ".") && !streq(name, "..");
}

bool image_place_is_valid(const ImagePlace *place) {
        return place->name && place->temporary && name_is_valid(place->name) && name_is_valid(place->temporary);
}

static int failed(sd_bus_error *reterr, int error) {
        return error_set(reterr, error == ENOSPC || error == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                         "The image cannot be written: %s", g_strerror(error));
}

static int make_directory(ImageTarget *target, const char *path, sd_bus_error *reterr) {
        if (mkdirat(target->directory, path, 0755) < 0)
                return error_set(reterr, LXSS_ERROR_FAILED, "The image's %s cannot be made: %s", path,
                                 g_strerror(errno));
        g_ptr_array_add(target->files, g_strdup(path));
        /* The directory above says who may see the image. */
        return fchmodat(target->directory, path, 0755, 0) < 0 ? failed(reterr, errno) : 0;
}

static int make_file(ImageTarget *target, const char *path, int *ret, sd_bus_error *reterr) {
        _cleanup_close_ int fd =
                        openat(target->directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

        if (fd < 0)
                return failed(reterr, errno);
        g_ptr_array_add(target->files, g_strdup(path));
        if (fchmod(fd, 0644) < 0)
                return failed(reterr, errno);
        *ret = steal_fd(&fd);
        return 0;
}

static int write_file(ImageTarget *target, const char *path, const char *text, sd_bus_error *reterr) {
        _cleanup_close_ int fd = -EBADF;
        int r = make_file(target, path, &fd, reterr);

        if (r < 0)
                return r;
        r = write_all(fd, text, strlen(text));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r < 0 ? failed(reterr, -r) : 0;
}

static int fail_place(const ImagePlace *place, int error, sd_bus_error *reterr) {
        g_autofree char *safe = text_printable(place->name, 200);

        return error_set(reterr, error == ENOSPC || error == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                         "The directory %s cannot be made: %s", safe, g_strerror(error));
}

static int make_place(ImageTarget *target, int parent, const ImagePlace *place, sd_bus_error *reterr) {
        _cleanup_close_ int copy = fcntl(parent, F_DUPFD_CLOEXEC, 3);

        if (copy < 0 || mkdirat(copy, place->temporary, 0700) < 0)
                return fail_place(place, errno, reterr);
        target->parent = steal_fd(&copy);
        target->place = place;
        target->directory = openat(target->parent, place->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (target->directory < 0 || fchmod(target->directory, place->mode & 0777) < 0)
                return fail_place(place, errno, reterr);
        return 0;
}

static int take_directory(ImageTarget *target, int directory, sd_bus_error *reterr) {
        target->directory = fcntl(directory, F_DUPFD_CLOEXEC, 3);
        return target->directory < 0 ? failed(reterr, errno) : 0;
}

int image_target_new(int directory, const ImagePlace *place, const char *tag, ImageTarget **ret, int *ret_layer,
                     sd_bus_error *reterr) {
        ImageTarget *target = g_new0(ImageTarget, 1);
        int r;

        target->files = g_ptr_array_new_with_free_func(g_free);
        target->tag = g_strdup(tag);
        target->parent = target->directory = -EBADF;
        r = place->name ? make_place(target, directory, place, reterr) : take_directory(target, directory, reterr);
        if (r < 0 || (r = make_directory(target, "blobs", reterr)) < 0 ||
            (r = make_directory(target, BLOBS, reterr)) < 0 || (r = make_file(target, LAYER, ret_layer, reterr)) < 0) {
                image_target_free(target);
                return r;
        }
        *ret = target;
        return 0;
}

static bool is_digest(const char *text) {
        return strlen(text) == DIGEST_LENGTH && strspn(text, "0123456789abcdef") == DIGEST_LENGTH;
}

int image_target_take_layer(ImageTarget *target, const char *text) {
        char digest[DIGEST_LENGTH + 1], diff_id[DIGEST_LENGTH + 1], shell[PATH_LENGTH_MAX + 1];
        uint64_t size;
        int n = 0;

        if (sscanf(text, "%" SCNu64 " %64s %64s %128s%n", &size, digest, diff_id, shell, &n) != 4 || text[n] ||
            !is_digest(digest) || !is_digest(diff_id) || shell[0] != '/' ||
            shell[strspn(shell, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")])
                return -EBADMSG;
        target->layer.size = size;
        strcpy(target->layer.digest, digest);
        strcpy(target->diff_id, diff_id);
        strcpy(target->shell, shell);
        return 0;
}

static char *make_config(const ImageTarget *target) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
        struct utsname host;

        (void)uname(&host);
        return g_strdup_printf("{\"created\":\"%s\",\"architecture\":\"%s\",\"os\":\"linux\","
                               "\"config\":{\"Env\":[\"PATH=" SEARCH_PATH "\"],\"Cmd\":[\"%s\"]},"
                               "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]},"
                               "\"history\":[{\"created\":\"%s\",\"created_by\":\"lxctl export\"}]}",
                               created, machine_image_name(host.machine), target->shell, target->diff_id, created);
}

static int write_blob(ImageTarget *target, const char *text, Blob *ret, sd_bus_error *reterr) {
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
        g_autofree char *path = g_strconcat(BLOBS "/", digest, NULL);

        g_strlcpy(ret->digest, digest, sizeof(ret->digest));
        ret->size = strlen(text);
        return write_file(target, path, text, reterr);
}

static int write_config(ImageTarget *target, Blob *ret, sd_bus_error *reterr) {
        g_autofree char *text = make_config(target);

        return write_blob(target, text, ret, reterr);
}

static int write_manifest(ImageTarget *target, const Blob *config, Blob *ret, sd_bus_error *reterr) {
        g_autofree char *text =
                        g_strdup_printf("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA "manifest.v1+json\","
                                        "\"config\":{\"mediaType\":\"" MEDIA
                                        "config.v1+json\",\"digest\":\"sha256:%s\",\"size\":%" PRIu64 "},"
                                        "\"layers\":[{\"mediaType\":\"" MEDIA
                                        "layer.v1.tar+gzip\",\"digest\":\"sha256:%s\",\"size\":%" PRIu64 "}]}",
                                        config->digest, config->size, target->layer.digest, target->layer.size);

        return write_blob(target, text, ret, reterr);
}

static int write_index(ImageTarget *target, const Blob *manifest, sd_bus_error *reterr) {
        g_autofree char *text = g_strdup_printf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA
                                                "manifest.v1+json\",\"digest\":\"sha256:%s\","
                                                "\"size\":%" PRIu64
                                                ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}]}",
                                                manifest->digest, manifest->size, target->tag);

        return write_file(target, "index.json", text, reterr);
}

static int name_layer(ImageTarget *target, sd_bus_error *reterr) {
        g_autofree char *path = g_strconcat(BLOBS "/", target->layer.digest, NULL);

        if (renameat(target->directory, LAYER, target->directory, path) < 0)
                return failed(reterr, errno);
        g_ptr_array_add(target->files, g_steal_pointer(&path));
        return 0;
}

static int sync_directories(ImageTarget *target, sd_bus_error *reterr) {
        static const char *const paths[] = { BLOBS, "blobs", "." };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_close_ int fd = openat(target->directory, paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (fd < 0 || fsync(fd) < 0)
                        return failed(reterr, errno);
        }
        return 0;
}

/* It takes the place of nothing, or of an empty directory. */
static int give_name(ImageTarget *target, sd_bus_error *reterr) {
        _cleanup_close_ int parent = -EBADF;

        if (target->parent < 0)
                return 0;
        if (renameat(target->parent, target->place->temporary, target->parent, target->place->name) < 0)
                return fail_place(target->place, errno, reterr);
        parent = openat(target->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent >= 0)
                (void)fsync(parent); /* it is there, and whole, whether or not that can be made durable */
        closep(&target->parent);
        return 0;
}

int image_target_commit(ImageTarget *target, sd_bus_error *reterr) {
        Blob config, manifest;
        int r;

        if (!target->layer.digest[0])
                return error_set(reterr, LXSS_ERROR_FAILED, "The worker did not say what it wrote.");
        if ((r = name_layer(target, reterr)) < 0 || (r = write_config(target, &config, reterr)) < 0 ||
            (r = write_manifest(target, &config, &manifest, reterr)) < 0 ||
            (r = write_file(target, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", reterr)) < 0 ||
            (r = write_index(target, &manifest, reterr)) < 0 || (r = sync_directories(target, reterr)) < 0 ||
            (r = give_name(target, reterr)) < 0)
                return r;
        g_ptr_array_set_size(target->files, 0);
        return 0;
}

ImageTarget *image_target_free(ImageTarget *target) {
        if (!target)
                return NULL;
        for (guint i = target->files->len; i > 0; i--) {
                const char *path = g_ptr_array_index(target->files, i - 1);

                if (unlinkat(target->directory, path, 0) < 0 && errno == EISDIR)
                        (void)unlinkat(target->directory, path, AT_REMOVEDIR);
        }
        if (target->parent >= 0)
                (void)unlinkat(target->parent, target->place->temporary, AT_REMOVEDIR);
        g_ptr_array_unref(target->files);
        closep(&target->parent);
        closep(&target->directory);
        g_free(target->tag);
        g_free(target);
        return NULL;
}
