/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way from a hostile archive to files: which members are taken, under
 * which names and owners, and which error a failure is. It must not know where
 * the root directory lies: the process has been locked into it before (chroot),
 * inside a user namespace, so what the checks here and in worker-disk might miss (`..`,
 * links, swapped directories) still ends in that root. Nothing is looked up by
 * name: ids are numbers, and no program or library is started or loaded. */

#include "daemon/worker-extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <limits.h>

#include "daemon/worker-disk.h"
#include "daemon/worker-limit.h"
#include "daemon/worker-stream.h"
#include "daemon/worker-whiteout.h"
#include "shared/text.h"

/* tar -b 20 is usual, and nobody has more than some megabytes in one. */
#define PADDING_MAX (16 << 20)

typedef struct Extraction {
        WorkerStream *stream;
        struct archive *reader;
        WorkerDisk *disk;
        const ExtractOrder *order;
        uint64_t source_size; /* 0: not known */
        uint64_t n_before;    /* bytes that were read of the layers before this one */
        const FilesystemAmount *amount; /* of a file system; NULL: it is none */
        enum {
                PASS_ARCHIVE,
                PASS_WHITEOUTS, /* of a layer: what it takes away from those below, whatever the order of its members */
                PASS_LAYER,     /* of a layer: all the rest */
        } pass;
        bool padded;
        uint64_t n_members, n_bytes;
        WorkerReport *reterr;
} Extraction;

static void extraction_done(Extraction *x) {
        (void)archive_read_free(x->reader);
        worker_disk_free(x->disk);
        worker_stream_free(x->stream);
}

static int out_of_memory(Extraction *x) {
        return worker_report_fail(x->reterr, LXSS_ERROR_FAILED, "Out of memory.");
}

static int damaged(Extraction *x, const char *name, const char *what) {
        char shown[512];

        text_escape(name, strlen(name), shown, sizeof(shown));
        return worker_report_fail(x->reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The archive's member %s %s.", shown, what);
}

/* archive_errno() where no format claims the bytes; libarchive does not publish its name for it. */
#define ERRNO_FILE_FORMAT EILSEQ

static int reading_failed(Extraction *x) {
        int error = archive_errno(x->reader);
        const char *text = archive_error_string(x->reader);

        if (x->n_members == 0 && error == ERRNO_FILE_FORMAT)
                return worker_report_fail(x->reterr, LXSS_ERROR_NOT_AN_ARCHIVE,
                                          "The source is not a tar or cpio archive (gzip, bzip2, xz, zstd, lz4 or "
                                          "uncompressed).");
        if (error == EIO || error == EISDIR || error == EBADF || error == ENOMEM || error == ESTALE)
                return worker_report_fail(x->reterr, LXSS_ERROR_FAILED, "The archive cannot be read: %s.",
                                          strerror(error));
        return worker_report_fail(x->reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                  "The archive is damaged or incomplete (%s). Fetch or make it again.",
                                  text ? text : "no details");
}

static int writing_failed(Extraction *x, const char *name, int error) {
        char shown[512];

        text_escape(name, strlen(name), shown, sizeof(shown));
        if (error == -ENOSPC || error == -EDQUOT)
                return worker_report_fail(x->reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left for %s (%s). Make room and try again.", shown,
                                          strerror(-error));
        /* These come from members that contradict each other, not from the host. */
        if (error == -ELOOP || error == -ENOTDIR || error == -EISDIR || error == -EEXIST || error == -ENOENT ||
            error == -ENOTEMPTY || error == -ENAMETOOLONG)
                return damaged(x, name, "cannot be unpacked: it contradicts another member, or passes through a link");
        return worker_report_fail(x->reterr, LXSS_ERROR_FAILED, "%s cannot be written: %s.", shown, strerror(-error));
}

/* A warning is about an attribute that libarchive does not know. ARCHIVE_RETRY,
 * between the two in number, is a header with a wrong checksum. */
static bool was_read(int r) {
        return r == ARCHIVE_OK || r == ARCHIVE_WARN;
}

/* umoci leaves out what stands behind the last file's last byte: the rest of its
 * block, and the archive's end. Whether a layer is whole is told by its digest, not by these. */
static la_ssize_t pad_layer(Extraction *x, const void **ret) {
        static const char zeros[3 * 512];

        if (x->pass == PASS_ARCHIVE || x->padded)
                return 0;
        x->padded = true;
        *ret = zeros;
        return sizeof(zeros);
}

static la_ssize_t on_read(struct archive *reader, void *userdata, const void **ret) {
        Extraction *x = userdata;
        ssize_t n = x->padded ? 0 : worker_stream_read(x->stream, ret);

        if (n == 0)
                return pad_layer(x, ret);
        if (n < 0)
                archive_set_error(reader, -(int)n, "%s", worker_stream_trouble(x->stream));
        return n;
}

static int open_stream(int source, bool hashed, WorkerStream **ret, WorkerReport *reterr) {
        int r = worker_stream_open(source, hashed, ret);

        return r < 0 ? worker_report_fail(reterr, LXSS_ERROR_FAILED, "The archive cannot be read: %s.", strerror(-r))
                     : 0;
}

static int open_reader(Extraction *x) {
        x->reader = archive_read_new();
        if (!x->reader || archive_read_support_format_tar(x->reader) != ARCHIVE_OK ||
            archive_read_support_format_cpio(x->reader) != ARCHIVE_OK)
                return out_of_memory(x);
        if (x->pass == PASS_ARCHIVE)
                x->source_size = worker_stream_size(x->stream);
        return archive_read_open(x->reader, x, NULL, on_read, NULL) == ARCHIVE_OK ? 0 : reading_failed(x);
}

static bool has_parent_component(const char *path) {
        while (*path) {
                size_t n = strcspn(path, "/");

                if (n == 2 && path[0] == '.' && path[1] == '.')
                        return true;
                path += n;
                path += strspn(path, "/");
        }
        return false;
}

/* Makes a member's or a hard link's path relative to the root, without "." and
 * with single slashes. Returns a malloc'ed path, empty for the root itself. */
static int normalize_path(Extraction *x, const char *path, char **ret) {
        size_t n, used = 0;
        char *normal;

        if (!path)
                return worker_report_fail(x->reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                          "The archive has a member whose name cannot be read.");
        if (has_parent_component(path))
                return damaged(x, path, "has “..” in its path, which could lead out of the distribution");
        if (strlen(path) >= PATH_MAX)
                return damaged(x, path, "has a path that is too long");
        normal = malloc(strlen(path) + 1);
        if (!normal)
                return out_of_memory(x);
        for (const char *p = path + strspn(path, "/"); *p; p += n, p += strspn(p, "/")) {
                n = strcspn(p, "/");
                if (n == 1 && p[0] == '.')
                        continue;
                if (used > 0)
                        normal[used++] = '/';
                memcpy(normal + used, p, n);
                used += n;
        }
        normal[used] = '\0';
        *ret = normal;
        return 0;
}

static int set_owner(Extraction *x, struct archive_entry *entry, const char *name) {
        int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
        char what[160];

        if (id_map_is_single(x->order->uids) || id_map_is_single(x->order->gids)) {
                archive_entry_set_uid(entry, 0);
                archive_entry_set_gid(entry, 0);
                return 0;
        }
        if (id_map_contains(x->order->uids, uid) && id_map_contains(x->order->gids, gid))
                return 0;
        (void)snprintf(what, sizeof(what),
                       "belongs to user %" PRId64 " and group %" PRId64
                       ", which lie beyond the ids that instances have",
                       uid, gid);
        return damaged(x, name, what);
}

/* Device nodes are skipped quietly: instances get a /dev of their own. Returns
 * whether the member is one to write. */
static bool type_is_wanted(struct archive_entry *entry) {
        if (archive_entry_hardlink(entry))
                return true;
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
        case AE_IFDIR:
        case AE_IFLNK:
        case AE_IFIFO:
                return true;
        default:
                return false;
        }
}

/* Returns 1 where the hard link can be made, 0 where it is to one of the device
 * nodes that were skipped, or negative errno. */
static int set_hardlink(Extraction *x, struct archive_entry *entry) {
        _cleanup_free_ char *target = NULL;
        int r;

        if (!archive_entry_hardlink(entry))
                return 1;
        r = normalize_path(x, archive_entry_hardlink(entry), &target);
        if (r < 0)
                return r;
        if (strncmp(target, "dev/", 4) == 0 && faccessat(AT_FDCWD, target, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        archive_entry_copy_hardlink(entry, target);
        return 1;
}

/* Makes the member safe to write. Returns 1, 0 where it is to be skipped, or negative errno. */
static int prepare_member(Extraction *x, struct archive_entry *entry, char **ret_name) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = normalize_path(x, archive_entry_pathname(entry), &name);
        if (r < 0)
                return r;
        /* The root directory itself stays as the worker made it: archives of
         * private directories would lock every user but root out. */
        if (str_empty(name) || !type_is_wanted(entry))
                return 0;
        r = set_hardlink(x, entry);
        if (r <= 0)
                return r;
        r = set_owner(x, entry, name);
        if (r < 0)
                return r;
        archive_entry_copy_pathname(entry, name);
        *ret_name = steal_pointer(&name);
        return 1;
}

static void tell_progress(Extraction *x, uint64_t consumed) {
        if (x->amount && x->amount->bytes > 0)
                worker_progress_update_part(x->order->progress, x->n_bytes, x->amount->bytes);
        else if (x->amount)
                worker_progress_update_part(x->order->progress, x->n_members, x->amount->members);
        else if (consumed > 0 && x->pass != PASS_WHITEOUTS)
                worker_progress_update_part(x->order->progress, consumed, x->source_size);
}

static int note_progress(Extraction *x) {
        uint64_t consumed = x->amount ? x->amount->packed + 1 : x->n_before + worker_stream_consumed(x->stream);
        const WorkerAmount amount = { .members = x->n_members, .bytes = x->n_bytes, .consumed = consumed };
        char what[100];

        if (worker_limit_check(x->order->max_size, &amount, what, sizeof(what)) < 0)
                return worker_report_fail(x->reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                          "The archive %s: refused. If it is to be trusted, install it with a larger "
                                          "--max-size.", what);
        tell_progress(x, consumed);
        return 0;
}

/* To the end of the source, where compressed data have their last checksums. An archive is padded to a
 * record, or to a few; what is more than that has been unpacked like any other. */
static int drain(Extraction *x) {
        uint64_t n_drained = 0;
        const void *block;
        ssize_t n;
        int r = 0;

        while (r == 0 && (n = worker_stream_read(x->stream, &block)) > 0) {
                n_drained += (uint64_t)n;
                if (n_drained > PADDING_MAX)
                        x->n_bytes += (uint64_t)n;
                r = note_progress(x);
        }
        if (r < 0 || n == 0)
                return r;
        archive_set_error(x->reader, -(int)n, "%s", worker_stream_trouble(x->stream));
        return reading_failed(x);
}

static bool is_zero(const char *bytes, size_t n) {
        return n > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* name: of the file at hand; NULL: of what is read it is only counted how much it is, since reading takes time. */
static int copy_data(Extraction *x, const char *name) {
        for (;;) {
                const void *block;
                size_t size;
                int64_t offset;
                int r;

                r = archive_read_data_block(x->reader, &block, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (!was_read(r))
                        return reading_failed(x);
                /* sqfs2tar writes holes as zeros. */
                r = !name || (x->amount && is_zero(block, size)) ? 0 : worker_disk_write(x->disk, block, size, offset);
                if (r < 0)
                        return writing_failed(x, name, r);
                x->n_bytes += size;
                r = note_progress(x);
                if (r < 0)
                        return r;
        }
}

static int write_member(Extraction *x, struct archive_entry *entry, const char *name) {
        int r;

        r = worker_disk_begin(x->disk, entry, name);
        if (r < 0)
                return writing_failed(x, name, r);
        if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) > 0) {
                r = copy_data(x, name);
                if (r < 0)
                        return r;
        }
        r = worker_disk_end(x->disk, entry, name);
        return r < 0 ? writing_failed(x, name, r) : 0;
}

/* Before the layer's files come: what its whiteouts hide, and directories of which it makes something else. */
static int clear_way(Extraction *x, struct archive_entry *entry) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = normalize_path(x, archive_entry_pathname(entry), &name);
        if (r < 0 || str_empty(name))
                return r;
        if (whiteout_kind(name) == WHITEOUT_INVALID)
                return damaged(x, name, "hides nothing that could have a name");
        if (whiteout_kind(name) != WHITEOUT_NONE)
                return whiteout_apply(name, x->reterr);
        if (archive_entry_filetype(entry) == AE_IFDIR && !archive_entry_hardlink(entry))
                return 0;
        return whiteout_directory(name, x->reterr);
}

/* Returns whether its contents were read. */
static int take_member(Extraction *x, struct archive_entry *entry) {
        _cleanup_free_ char *name = NULL;
        int r;

        if (x->pass == PASS_WHITEOUTS)
                return clear_way(x, entry);
        r = prepare_member(x, entry, &name);
        if (r <= 0 || (x->pass == PASS_LAYER && whiteout_kind(name) != WHITEOUT_NONE))
                return r < 0 ? r : 0;
        r = write_member(x, entry, name);
        return r < 0 ? r : 1;
}

/* Returns 1 after a member, 0 at the end of the archive, or negative errno. */
static int extract_member(Extraction *x) {
        struct archive_entry *entry;
        int r;

        r = archive_read_next_header(x->reader, &entry);
        if (r == ARCHIVE_EOF)
                return 0;
        if (!was_read(r))
                return reading_failed(x);
        x->n_members++;
        r = take_member(x, entry);
        if (r == 0)
                r = copy_data(x, NULL);
        if (r >= 0)
                r = note_progress(x);
        return r < 0 ? r : 1;
}

int worker_verify_sha256(WorkerStream *stream, const char *wanted, WorkerReport *reterr) {
        const char *found = wanted ? worker_stream_sha256(stream) : NULL;

        if (!wanted || (found && streq(found, wanted)))
                return 0;
        if (!found)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The archive cannot be read: %s.",
                                          worker_stream_trouble(stream));
        return worker_report_fail(
                        reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                        "The archive's SHA-256 is %s, and not %s: it was damaged on its way, or is another one.",
                        found, wanted);
}

/* All that there is to say of one source. The very bytes that were unpacked are verified; nothing shows before. */
static int extract_stream(Extraction *x, const char *sha256) {
        int r;

        r = open_reader(x);
        if (r < 0)
                return r;
        if (worker_disk_new(&x->disk) < 0)
                return out_of_memory(x);
        do
                r = extract_member(x);
        while (r > 0);
        if (r == 0)
                r = drain(x);
        if (r == 0)
                r = worker_verify_sha256(x->stream, sha256, x->reterr);
        if (r < 0)
                return r;
        r = worker_disk_finish(x->disk);
        return r < 0 ? writing_failed(x, "a directory", r) : 0;
}

/* Says so, where it was known how far it was. */
static int finish_progress(const Extraction *x, int r) {
        if (r == 0 && (x->amount || x->source_size > 0))
                worker_progress_finish(x->order->progress);
        return r;
}

int worker_extract(WorkerStream *source, const ExtractOrder *order, WorkerReport *reterr) {
        _cleanup_(extraction_done) Extraction x = { .stream = source, .order = order, .reterr = reterr };

        return finish_progress(&x, extract_stream(&x, order->sha256));
}

int worker_extract_filesystem(WorkerStream *tar, const FilesystemAmount *amount, const ExtractOrder *order,
                              WorkerReport *reterr) {
        _cleanup_(extraction_done) Extraction x = {
                .stream = tar,
                .amount = amount,
                .order = order,
                .reterr = reterr,
        };

        return finish_progress(&x, extract_stream(&x, NULL));
}

static int extract_blob(Extraction *x, int blob, const char *digest) {
        int r = open_stream(blob, true, &x->stream, x->reterr);

        return r < 0 ? r : extract_stream(x, digest);
}

static void close_source(Extraction *x) {
        if (x->pass == PASS_LAYER && x->stream)
                x->n_before += worker_stream_consumed(x->stream);
        x->padded = false;
        (void)archive_read_free(x->reader);
        x->reader = NULL;
        x->stream = worker_stream_free(x->stream);
        x->disk = worker_disk_free(x->disk);
}

/* A pass that makes nothing: what it counts is counted again in the one that does. */
static int apply_whiteouts(Extraction *x, int blob, const char *digest) {
        uint64_t n_members = x->n_members, n_bytes = x->n_bytes;
        int r;

        x->pass = PASS_WHITEOUTS;
        r = extract_blob(x, blob, digest);
        close_source(x);
        x->n_members = n_members;
        x->n_bytes = n_bytes;
        return r;
}

static int extract_layer(Extraction *x, int blobs, const char *digest, bool lowest) {
        _cleanup_close_ int blob = openat(blobs, digest, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        int r;

        if (blob < 0)
                return worker_report_fail(x->reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                          "The image's layer %s cannot be read: %s.", digest, strerror(errno));
        if (!lowest) {
                r = apply_whiteouts(x, blob, digest);
                if (r < 0)
                        return r;
                if (lseek(blob, 0, SEEK_SET) < 0)
                        return worker_report_fail(x->reterr, LXSS_ERROR_FAILED,
                                                  "The image's layer %s cannot be read: %s.", digest, strerror(errno));
        }
        x->pass = PASS_LAYER;
        r = extract_blob(x, blob, digest);
        close_source(x);
        return r;
}

int worker_extract_layers(const ImageLayers *layers, const ExtractOrder *order, WorkerReport *reterr) {
        _cleanup_(extraction_done) Extraction x = { .order = order, .source_size = layers->n_bytes, .reterr = reterr };
        int r = 0;

        for (unsigned i = 0; r == 0 && i < layers->digests->len; i++)
                r = extract_layer(&x, layers->blobs, g_ptr_array_index(layers->digests, i), i == 0);
        return finish_progress(&x, r);
}
