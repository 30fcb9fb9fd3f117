/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way from files to an archive: libarchive walks the tree and writes the
 * format; which members there are, and what a failure is called, is decided here.
 * The tree is a distribution's, so it may be as hostile as it likes: it is read in
 * a root that the process is locked into, and no link is followed. */

#include "daemon/worker-archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/worker-tree.h"
#include "shared/util.h"

/* A directory that has been seen and not been written yet. There may be very many side by side, so of most of them
 * there is no more than what an entry is made of. */
typedef struct Waiting {
        struct archive_entry *entry; /* one that has more to it than that */
        struct stat st;
        char path[];
} Waiting;

typedef struct Archiving {
        struct archive *reader, *writer;
        GPtrArray *waiting; /* Waiting, the next to be written at the end */
        Waiting *here;      /* the directory written last, or NULL */
        struct archive_entry_linkresolver *links;
        const OwnerMap *owners; /* NULL: as they are */
        LayerWriter *layer;     /* what it goes through; NULL: libarchive's own filters */
        int target;
        uint64_t total, done; /* bytes of the files' contents */
        WorkerProgress *progress;
        WorkerReport *reterr;
} Archiving;

static void archive_entry_freep(struct archive_entry **entry) {
        archive_entry_free(*entry);
}

static void waiting_free(void *p) {
        Waiting *directory = p;

        if (!directory)
                return;
        archive_entry_free(directory->entry);
        g_free(directory);
}

static void archiving_done(Archiving *a) {
        g_ptr_array_unref(a->waiting);
        waiting_free(a->here);
        archive_entry_linkresolver_free(a->links);
        (void)archive_read_free(a->reader);
        (void)archive_write_free(a->writer);
}

static int out_of_memory(Archiving *a) {
        return worker_report_fail(a->reterr, LXSS_ERROR_FAILED, "Out of memory.");
}

/* entry: at which it was, or NULL. libarchive names no more than the last part of the path. */
static int reading_failed(Archiving *a, struct archive_entry *entry) {
        const char *path = entry ? archive_entry_pathname(entry) : NULL, *text = archive_error_string(a->reader);
        int error = archive_errno(a->reader);

        if (path && error > 0)
                return worker_report_fail(a->reterr, LXSS_ERROR_FAILED, "The file %s cannot be read: %s.", path,
                                          strerror(error));
        return worker_report_fail(a->reterr, LXSS_ERROR_FAILED, "The distribution's files cannot be read: %s.",
                                  text ? text : "no details");
}

static int writing_failed(Archiving *a) {
        int error = archive_errno(a->writer);
        const char *text = archive_error_string(a->writer);

        if (error == ENOSPC || error == EDQUOT || error == EFBIG)
                return worker_report_fail(a->reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left for the archive (%s). Make room and try again.",
                                          strerror(error));
        if (error == EPIPE)
                return worker_report_fail(a->reterr, LXSS_ERROR_FAILED, "Whoever was to read the archive went away.");
        return worker_report_fail(a->reterr, LXSS_ERROR_FAILED, "The archive cannot be written: %s.",
                                  text ? text : strerror(error));
}

/* ------------------------------------------------------------------ both ends */

static int open_reader(Archiving *a) {
        a->reader = archive_read_disk_new();
        if (!a->reader || archive_read_disk_set_symlink_physical(a->reader) != ARCHIVE_OK ||
            archive_read_disk_set_behavior(a->reader, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS | ARCHIVE_READDISK_NO_ACL |
                                                              ARCHIVE_READDISK_NO_FFLAGS) != ARCHIVE_OK)
                return out_of_memory(a);
        return archive_read_disk_open(a->reader, ".") == ARCHIVE_OK ? 0 : reading_failed(a, NULL);
}

#define THREADS "?"

static const struct {
        int (*add)(struct archive *);
        const char *module; /* of the options; NULL: it has none to set */
        const char *key, *value; /* THREADS: as many as there are processors */
} filters[ARCHIVE_FORMAT_KINDS] = {
        [ARCHIVE_FORMAT_PLAIN_TAR] = { archive_write_add_filter_none },
        [ARCHIVE_FORMAT_TAR_GZ] = { archive_write_add_filter_gzip, "gzip", "timestamp", NULL },
        [ARCHIVE_FORMAT_TAR_BZ2] = { archive_write_add_filter_bzip2 },
        [ARCHIVE_FORMAT_TAR_XZ] = { archive_write_add_filter_xz, "xz", "threads", THREADS },
        [ARCHIVE_FORMAT_TAR_ZST] = { archive_write_add_filter_zstd, "zstd", "threads", THREADS },
        [ARCHIVE_FORMAT_TAR_LZ4] = { archive_write_add_filter_lz4 },
};

/* libarchive's own way to say so, 0, is none for zstd, and would look into /sys, which is the distribution's. An
 * older libarchive does not know all options, and needs none of them. */
static void set_option(struct archive *writer, ArchiveFormat format) {
        const char *value = filters[format].value;
        char count[16];
        cpu_set_t set;

        if (!filters[format].module)
                return;
        if (value && streq(value, THREADS)) {
                (void)snprintf(count, sizeof(count), "%d",
                               sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1);
                value = count;
        }
        (void)archive_write_set_filter_option(writer, filters[format].module, filters[format].key, value);
}

static la_ssize_t on_write(struct archive *writer, void *userdata, const void *bytes, size_t size) {
        Archiving *a = userdata;
        int r = layer_writer_write(a->layer, bytes, size);

        if (r < 0) {
                archive_set_error(writer, -r, "%s", strerror(-r));
                return -1;
        }
        return (la_ssize_t)size;
}

static int open_target(Archiving *a) {
        int r = a->layer ? archive_write_open(a->writer, a, NULL, on_write, NULL)
                         : archive_write_open_fd(a->writer, a->target);

        return r == ARCHIVE_OK ? 0 : writing_failed(a);
}

/* ARCHIVE_WARN: libarchive was built without the library, and would look for a program by name. */
static int open_writer(Archiving *a, ArchiveFormat format) {
        struct stat st;

        a->writer = archive_write_new();
        if (!a->writer || archive_write_set_format_pax_restricted(a->writer) != ARCHIVE_OK)
                return out_of_memory(a);
        if (filters[format].add(a->writer) != ARCHIVE_OK)
                return worker_report_fail(a->reterr, LXSS_ERROR_TOOL_MISSING,
                                          "libarchive cannot write %s on this machine. Choose another format.",
                                          archive_format_to_string(format));
        set_option(a->writer, format);
        /* Whole blocks are for tapes; a file or pipe ends where the archive does. */
        if (fstat(a->target, &st) == 0 && !S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                (void)archive_write_set_bytes_in_last_block(a->writer, 1);
        return open_target(a);
}

static int open_links(Archiving *a) {
        a->links = archive_entry_linkresolver_new();
        if (!a->links)
                return out_of_memory(a);
        archive_entry_linkresolver_set_strategy(a->links, archive_format(a->writer));
        return 0;
}

/* -------------------------------------------------------------------- members */

/* Empty files and directories that an instance's own mounts lie upon (container-child.c). */
static bool is_mount_point(struct archive_entry *entry) {
        const char *path = archive_entry_pathname(entry);

        return streq(path, "./init") && archive_entry_filetype(entry) == AE_IFREG && archive_entry_size(entry) == 0;
}

/* Directories all are. */
static bool is_wanted(struct archive_entry *entry) {
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
        case AE_IFLNK:
        case AE_IFIFO:
                return !is_mount_point(entry);
        default: /* device nodes are not made again, either */
                return false;
        }
}

/* What worker_extract() restores; the rest is this host's business (security.selinux, trusted.*). */
static int keep_xattrs(Archiving *a, struct archive_entry *entry) {
        struct archive_entry *all = archive_entry_clone(entry);
        const char *key;
        const void *value;
        size_t size;

        if (!all)
                return out_of_memory(a);
        archive_entry_xattr_clear(entry);
        (void)archive_entry_xattr_reset(all);
        while (archive_entry_xattr_next(all, &key, &value, &size) == ARCHIVE_OK)
                if (strncmp(key, "user.", 5) == 0 || streq(key, "security.capability"))
                        archive_entry_xattr_add_entry(entry, key, value, size);
        archive_entry_free(all);
        return 0;
}

/* The writer wants the bytes of holes as well, and leaves them out itself. */
static int write_zeros(Archiving *a, int64_t n) {
        static const char zeros[64 * 1024];

        while (n > 0) {
                la_ssize_t written = archive_write_data(a->writer, zeros,
                                                        n < (int64_t)sizeof(zeros) ? (size_t)n : sizeof(zeros));

                if (written <= 0)
                        return writing_failed(a);
                n -= written;
        }
        return 0;
}

static void note_progress(Archiving *a, size_t n) {
        a->done += n;
        worker_progress_update_part(a->progress, a->done, a->total);
}

static int write_contents(Archiving *a, struct archive_entry *entry) {
        int64_t end = 0;

        for (;;) {
                const void *block;
                size_t size;
                int64_t offset;
                int r;

                r = archive_read_data_block(a->reader, &block, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r != ARCHIVE_OK)
                        return reading_failed(a, entry);
                r = write_zeros(a, offset - end);
                if (r < 0)
                        return r;
                if (size > 0 && archive_write_data(a->writer, block, size) < 0)
                        return writing_failed(a);
                end = offset + (int64_t)size;
                note_progress(a, size);
        }
}

static void set_owner(Archiving *a, struct archive_entry *entry) {
        if (!a->owners)
                return;
        archive_entry_set_uid(entry, owner_map_uid(a->owners, (uint32_t)archive_entry_uid(entry)));
        archive_entry_set_gid(entry, owner_map_gid(a->owners, (uint32_t)archive_entry_gid(entry)));
}

static int write_member(Archiving *a, struct archive_entry *entry) {
        struct archive_entry *spare = NULL;
        int r;

        set_owner(a, entry);
        r = keep_xattrs(a, entry);
        if (r < 0)
                return r;
        /* The formats of tar never hold an entry back. */
        archive_entry_linkify(a->links, &entry, &spare);
        r = archive_write_header(a->writer, entry);
        if (r == ARCHIVE_WARN) /* a name that is not UTF-8 goes in as its bytes */
                r = ARCHIVE_OK;
        if (r != ARCHIVE_OK)
                return writing_failed(a);
        if (archive_entry_size(entry) > 0) {
                r = write_contents(a, entry);
                if (r < 0)
                        return r;
        }
        return archive_write_finish_entry(a->writer) == ARCHIVE_OK ? 0 : writing_failed(a);
}

/* ---------------------------------------------------------------------- order
 *
 * libarchive lists a directory to its end, and then enters the last of those that it has found in it, and so on. Were
 * its directories written where it lists them, those who unpack would be done with one before they get to what is in
 * it, which changes the time that they have given it (GNU tar does so when it leaves the directory). Written when
 * libarchive enters them, each is directly before all that is in it, and costs nothing. */

static int hold_back(Archiving *a, struct archive_entry **entry) {
        const char *path = archive_entry_pathname(*entry);
        size_t size = strlen(path) + 1;
        Waiting *directory = g_malloc0(sizeof(*directory) + size);

        memcpy(directory->path, path, size);
        directory->st = *archive_entry_stat(*entry);
        g_ptr_array_add(a->waiting, directory);
        if (archive_entry_xattr_count(*entry) == 0)
                return 0;
        directory->entry = *entry;
        *entry = archive_entry_new();
        return *entry ? 0 : out_of_memory(a);
}

static int write_directory(Archiving *a, const Waiting *directory) {
        _cleanup_(archive_entry_freep) struct archive_entry *entry = NULL;

        if (directory->entry)
                return write_member(a, directory->entry);
        entry = archive_entry_new();
        if (!entry)
                return out_of_memory(a);
        archive_entry_copy_pathname(entry, directory->path);
        archive_entry_copy_stat(entry, &directory->st);
        return write_member(a, entry);
}

static bool is_directly_in(const char *path, const Waiting *directory) {
        size_t n = strlen(directory->path);

        return strncmp(path, directory->path, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

/* Writes those that have been entered by the time that libarchive is at this path (NULL: at its end): the one that it
 * is in, and those before it in which there was nothing. */
static int write_entered(Archiving *a, const char *path) {
        int r = 0;

        if (path && a->here && is_directly_in(path, a->here))
                return 0;
        while (r == 0 && a->waiting->len > 0) {
                waiting_free(a->here);
                a->here = g_ptr_array_steal_index(a->waiting, a->waiting->len - 1);
                r = write_directory(a, a->here);
                if (path && is_directly_in(path, a->here))
                        break;
        }
        return r;
}

static int take_member(Archiving *a, struct archive_entry **entry) {
        int r = write_entered(a, archive_entry_pathname(*entry));

        if (r < 0)
                return r;
        if (archive_entry_filetype(*entry) == AE_IFDIR)
                return hold_back(a, entry);
        return is_wanted(*entry) ? write_member(a, *entry) : 0;
}

static int write_members(Archiving *a) {
        _cleanup_(archive_entry_freep) struct archive_entry *entry = archive_entry_new();

        if (!entry)
                return out_of_memory(a);
        for (;;) {
                int r;

                archive_entry_clear(entry);
                r = archive_read_next_header2(a->reader, entry);
                if (r == ARCHIVE_EOF)
                        return write_entered(a, NULL);
                if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                        return reading_failed(a, entry);
                if (archive_read_disk_can_descend(a->reader))
                        (void)archive_read_disk_descend(a->reader);
                r = take_member(a, &entry);
                if (r < 0)
                        return r;
        }
}

static int finish(Archiving *a) {
        int r;

        if (archive_write_close(a->writer) != ARCHIVE_OK)
                return writing_failed(a);
        r = a->layer ? layer_writer_finish(a->layer) : 0;
        if (r < 0) {
                archive_set_error(a->writer, -r, "%s", strerror(-r));
                return writing_failed(a);
        }
        /* EINVAL, EROFS: nothing that could be synced, such as a pipe. */
        if (fsync(a->target) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP)
                return 0;
        return worker_report_fail(a->reterr,
                                  errno == ENOSPC || errno == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The archive cannot be written to disk: %s.", strerror(errno));
}

static int run(Archiving *a, ArchiveFormat format) {
        int r;

        a->waiting = g_ptr_array_new_with_free_func(waiting_free);
        (void)signal(SIGPIPE, SIG_IGN); /* the error says it */
        a->total = worker_tree_bytes();
        r = open_reader(a);
        if (r == 0)
                r = open_writer(a, format);
        if (r == 0)
                r = open_links(a);
        if (r == 0)
                r = write_members(a);
        return r < 0 ? r : finish(a);
}

int worker_archive(int target, ArchiveFormat format, const OwnerMap *owners, WorkerProgress *progress,
                   WorkerReport *reterr) {
        _cleanup_(archiving_done) Archiving a = {
                .owners = owners,
                .target = target,
                .progress = progress,
                .reterr = reterr,
        };

        return run(&a, format);
}

int worker_archive_layer(int target, LayerWriter *writer, WorkerProgress *progress, WorkerReport *reterr) {
        _cleanup_(archiving_done) Archiving a = {
                .layer = writer,
                .target = target,
                .progress = progress,
                .reterr = reterr,
        };

        return run(&a, ARCHIVE_FORMAT_PLAIN_TAR);
}
