/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of ext4 with libext2fs, in a process of its own, since the file
 * system may be made to hurt: no directory is entered twice, and no name or link is
 * taken at its word; who unpacks looks at everything again. */

#include "daemon/worker-ext4.h"

#include <archive.h>
#include <archive_entry.h>
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "shared/util.h"

#define BLOCK_SIZE (256 * 1024)

/* Of all files together, holes included: those take time, if no space. */
#define BYTES_MAX (UINT64_C(4) << 40)

/* Bytes that are remembered at any time: names of the directories on the way, first names of files with
 * several, directories that were entered. A root file system has some ten kilobytes of them. */
#define MEMORY_MAX (24 << 20)

/* Of one file. What is more finely torn than this has zeros in its holes, which become holes again. */
#define RUNS_MAX 100000

typedef struct Reading {
        ext2_filsys fs;
        struct archive *writer;
        GHashTable *directories; /* inodes that were entered */
        GHashTable *links;       /* inode → path of the first name of a file with several */
        int messages;
        uint64_t n_bytes;
        size_t n_remembered;
        char buffer[BLOCK_SIZE];
} Reading;

/* Those of a directory, one behind the other: the inode, the name, and a NUL. */
typedef struct Names {
        Reading *reading;
        GByteArray *bytes;
        bool too_many;
} Names;

static void reading_done(Reading *reading) {
        if (reading->fs)
                (void)ext2fs_close_free(&reading->fs);
        (void)archive_write_free(reading->writer);
        g_clear_pointer(&reading->directories, g_hash_table_unref);
        g_clear_pointer(&reading->links, g_hash_table_unref);
}

static int damaged(Reading *reading, const char *path, const char *what) {
        (void)dprintf(reading->messages, "%s %s\n", str_empty(path) ? "the file system" : path, what);
        return -EBADMSG;
}

static int library_failed(Reading *reading, const char *path, errcode_t error) {
        return damaged(reading, path, error_message(error));
}

static int writing_failed(Reading *reading) {
        int error = archive_errno(reading->writer);

        (void)dprintf(reading->messages, "%s\n", archive_error_string(reading->writer));
        return error > 0 ? -error : -EIO;
}

/* Whether that is still little enough. */
static bool remember(Reading *reading, size_t n_bytes) {
        reading->n_remembered += n_bytes;
        return reading->n_remembered <= MEMORY_MAX;
}

/* ------------------------------------------------------------------ contents */

typedef struct Holes {
        struct archive_entry *entry;
        uint64_t block_size, begin, end; /* the run of blocks that are there */
        uint64_t size;
        unsigned n_runs;
} Holes;

static void note_run(Holes *holes) {
        uint64_t begin = holes->begin * holes->block_size, end = holes->end * holes->block_size;

        if (end > holes->size)
                end = holes->size;
        if (begin < end)
                archive_entry_sparse_add_entry(holes->entry, (la_int64_t)begin, (la_int64_t)(end - begin));
}

static int on_block(ext2_filsys fs _unused_, blk64_t *block _unused_, e2_blkcnt_t number, blk64_t reference _unused_,
                    int offset _unused_, void *userdata) {
        Holes *holes = userdata;

        if (number < 0)
                return 0;
        if ((uint64_t)number != holes->end && holes->n_runs < RUNS_MAX) {
                note_run(holes);
                holes->begin = (uint64_t)number;
                holes->n_runs++;
        }
        holes->end = (uint64_t)number + 1;
        return 0;
}

/* What is not there stays a hole. A file that is nothing but one has an empty run at its end. */
static int find_holes(Reading *reading, ext2_ino_t inode, struct ext2_inode *st, struct archive_entry *entry) {
        Holes holes = { .entry = entry, .block_size = reading->fs->blocksize, .size = EXT2_I_SIZE(st) };
        errcode_t error;

        if (holes.size == 0 || !ext2fs_inode_has_valid_blocks2(reading->fs, st))
                return 0;
        error = ext2fs_block_iterate3(reading->fs, inode, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, on_block,
                                      &holes);
        if (error)
                return library_failed(reading, archive_entry_pathname(entry), error);
        if (holes.begin == 0 && holes.end * holes.block_size >= holes.size)
                return 0;
        note_run(&holes);
        if (holes.end == 0)
                archive_entry_sparse_add_entry(entry, (la_int64_t)holes.size, 0);
        return 0;
}

static unsigned next_piece(uint64_t size) {
        return size < BLOCK_SIZE ? (unsigned)size : BLOCK_SIZE;
}

/* The writer leaves it out; reading it would take long. */
static int write_hole(Reading *reading, uint64_t size) {
        memset(reading->buffer, 0, sizeof(reading->buffer));
        for (unsigned n; size > 0; size -= n) {
                n = next_piece(size);
                if (archive_write_data(reading->writer, reading->buffer, n) < 0)
                        return writing_failed(reading);
        }
        return 0;
}

static int write_run(Reading *reading, ext2_file_t file, uint64_t offset, uint64_t size, const char *path) {
        errcode_t error = ext2fs_file_llseek(file, offset, EXT2_SEEK_SET, NULL);
        unsigned n = 1;

        for (; !error && size > 0 && n > 0; size -= n) {
                error = ext2fs_file_read(file, reading->buffer, next_piece(size), &n);
                if (!error && n > 0 && archive_write_data(reading->writer, reading->buffer, n) < 0)
                        return writing_failed(reading);
        }
        return error ? library_failed(reading, path, error) : 0;
}

/* The runs that find_holes() has found, and what is between them. */
static int write_runs(Reading *reading, ext2_file_t file, struct archive_entry *entry) {
        const char *path = archive_entry_pathname(entry);
        int64_t at = 0, offset, size, end = archive_entry_size(entry);
        int r = 0;

        if (archive_entry_sparse_reset(entry) == 0)
                return write_run(reading, file, 0, (uint64_t)end, path);
        while (r == 0 && archive_entry_sparse_next(entry, &offset, &size) == ARCHIVE_OK) {
                r = write_hole(reading, (uint64_t)(offset - at));
                if (r == 0)
                        r = write_run(reading, file, (uint64_t)offset, (uint64_t)size, path);
                at = offset + size;
        }
        return r < 0 ? r : write_hole(reading, (uint64_t)(end - at));
}

static int write_contents(Reading *reading, ext2_ino_t inode, struct archive_entry *entry) {
        ext2_file_t file;
        errcode_t error;
        int r;

        error = ext2fs_file_open(reading->fs, inode, 0, &file);
        if (error)
                return library_failed(reading, archive_entry_pathname(entry), error);
        r = write_runs(reading, file, entry);
        (void)ext2fs_file_close(file);
        return r;
}

static int read_link(Reading *reading, ext2_ino_t inode, struct ext2_inode *st, struct archive_entry *entry) {
        char target[PATH_MAX];
        uint64_t size = EXT2_I_SIZE(st);
        ext2_file_t file;
        unsigned n = 0;
        errcode_t error = 0;

        if (size == 0 || size >= sizeof(target))
                return damaged(reading, archive_entry_pathname(entry), "is a link to nothing that could be");
        if (ext2fs_is_fast_symlink(st) && size < sizeof(st->i_block)) {
                memcpy(target, st->i_block, size);
                n = (unsigned)size;
        } else {
                error = ext2fs_file_open(reading->fs, inode, 0, &file);
                if (!error) {
                        error = ext2fs_file_read(file, target, (unsigned)size, &n);
                        (void)ext2fs_file_close(file);
                }
        }
        if (error)
                return library_failed(reading, archive_entry_pathname(entry), error);
        target[n] = '\0';
        archive_entry_copy_symlink(entry, target);
        return 0;
}

/* ---------------------------------------------------------------- attributes */

static int on_xattr(char *name, char *value, size_t size, void *userdata) {
        if (strncmp(name, "user.", 5) == 0 || streq(name, "security.capability"))
                archive_entry_xattr_add_entry(userdata, name, value, size);
        return 0;
}

static int read_xattrs(Reading *reading, ext2_ino_t inode, struct archive_entry *entry) {
        struct ext2_xattr_handle *handle;
        errcode_t error = ext2fs_xattrs_open(reading->fs, inode, &handle);

        if (!error) {
                error = ext2fs_xattrs_read(handle);
                if (!error)
                        error = ext2fs_xattrs_iterate(handle, on_xattr, entry);
                (void)ext2fs_xattrs_close(&handle);
        }
        return error ? library_failed(reading, archive_entry_pathname(entry), error) : 0;
}

/* Two bits of the extra part go on where 32 bits of seconds end; the rest are nanoseconds. */
static void set_time(struct archive_entry *entry, const struct ext2_inode_large *st) {
        bool has_extra = st->i_extra_isize >= offsetof(struct ext2_inode_large, i_mtime_extra) +
                                                              sizeof(st->i_mtime_extra) - EXT2_GOOD_OLD_INODE_SIZE;
        uint32_t extra = has_extra ? st->i_mtime_extra : 0;

        archive_entry_set_mtime(entry, (time_t)(int32_t)st->i_mtime + ((time_t)(extra & 3) << 32), (long)(extra >> 2));
}

static void set_attributes(struct archive_entry *entry, const char *path, const struct ext2_inode_large *st) {
        archive_entry_copy_pathname(entry, path);
        archive_entry_set_mode(entry, st->i_mode);
        archive_entry_set_uid(entry, inode_uid(*st));
        archive_entry_set_gid(entry, inode_gid(*st));
        set_time(entry, st);
}

/* ------------------------------------------------------------------- members */

static int write_entry(Reading *reading, ext2_ino_t inode, struct archive_entry *entry) {
        int r = archive_write_header(reading->writer, entry);

        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                return writing_failed(reading);
        if (archive_entry_size(entry) > 0) {
                r = write_contents(reading, inode, entry);
                if (r < 0)
                        return r;
        }
        return archive_write_finish_entry(reading->writer) == ARCHIVE_OK ? 0 : writing_failed(reading);
}

/* Whether it is another name of a file that was written before; negative errno where there are too many. */
static int is_another_name(Reading *reading, ext2_ino_t inode, unsigned n_links, struct archive_entry *entry) {
        const char *first = g_hash_table_lookup(reading->links, GUINT_TO_POINTER(inode));
        const char *path = archive_entry_pathname(entry);

        if (first)
                archive_entry_copy_hardlink(entry, first);
        if (first || n_links <= 1)
                return first != NULL;
        if (!remember(reading, strlen(path) + 64))
                return damaged(reading, path, "is one of more files with several names than a distribution has");
        g_hash_table_insert(reading->links, GUINT_TO_POINTER(inode), g_strdup(path));
        return false;
}

static int fill_entry(Reading *reading, ext2_ino_t inode, struct ext2_inode_large *st, struct archive_entry *entry) {
        struct ext2_inode *base = (struct ext2_inode *)st;
        int r = read_xattrs(reading, inode, entry);

        if (r == 0 && S_ISLNK(st->i_mode))
                r = read_link(reading, inode, base, entry);
        if (r == 0 && S_ISREG(st->i_mode)) {
                if (EXT2_I_SIZE(base) > BYTES_MAX - reading->n_bytes)
                        return damaged(reading, archive_entry_pathname(entry),
                                       "is larger than any file of a distribution");
                reading->n_bytes += EXT2_I_SIZE(base);
                archive_entry_set_size(entry, (la_int64_t)EXT2_I_SIZE(base));
                r = find_holes(reading, inode, base, entry);
        }
        return r;
}

static void archive_entry_freep(struct archive_entry **entry) {
        archive_entry_free(*entry);
}

static int write_directory(Reading *reading, ext2_ino_t inode, const char *path);

static int write_member(Reading *reading, ext2_ino_t inode, const char *path) {
        _cleanup_(archive_entry_freep) struct archive_entry *entry = archive_entry_new();
        struct ext2_inode_large st = { 0 };
        errcode_t error;
        int r;

        error = ext2fs_read_inode_full(reading->fs, inode, (struct ext2_inode *)&st, sizeof(st));
        if (error)
                return library_failed(reading, path, error);
        if (!S_ISREG(st.i_mode) && !S_ISDIR(st.i_mode) && !S_ISLNK(st.i_mode) && !S_ISFIFO(st.i_mode))
                return 0;
        set_attributes(entry, path, &st);
        r = S_ISDIR(st.i_mode) ? 0 : is_another_name(reading, inode, st.i_links_count, entry);
        if (r == 0)
                r = fill_entry(reading, inode, &st, entry);
        if (r < 0)
                return r;
        r = write_entry(reading, inode, entry);
        return r == 0 && S_ISDIR(st.i_mode) ? write_directory(reading, inode, path) : r;
}

/* --------------------------------------------------------------- directories */

static int on_name(ext2_ino_t directory _unused_, int kind _unused_, struct ext2_dir_entry *entry, int offset _unused_,
                   int block_size _unused_, char *block _unused_, void *userdata) {
        Names *names = userdata;
        char name[EXT2_NAME_LEN + 1] = "";
        size_t size;

        memcpy(name, entry->name, (size_t)ext2fs_dirent_name_len(entry));
        size = strlen(name) + 1;
        if (streq(name, ".") || streq(name, ".."))
                return 0;
        names->too_many = !remember(names->reading, sizeof(entry->inode) + size);
        if (names->too_many)
                return DIRENT_ABORT;
        g_byte_array_append(names->bytes, (const guint8 *)&entry->inode, sizeof(entry->inode));
        g_byte_array_append(names->bytes, (const guint8 *)name, (guint)size);
        return 0;
}

static int write_name(Reading *reading, ext2_ino_t inode, const char *name, const char *path) {
        g_autofree char *below = *path ? g_strconcat(path, "/", name, NULL) : g_strdup(name);

        if (!*name || strchr(name, '/') || strlen(below) >= PATH_MAX)
                return damaged(reading, path, "has a name in it that no file can have");
        return streq(below, "lost+found") ? 0 : write_member(reading, inode, below);
}

static int write_names(Reading *reading, const GByteArray *names, const char *path) {
        int r = 0;

        for (size_t at = 0; r == 0 && at < names->len;) {
                const char *name = (const char *)names->data + at + sizeof(ext2_ino_t);
                ext2_ino_t inode;

                memcpy(&inode, names->data + at, sizeof(inode));
                at += sizeof(inode) + strlen(name) + 1;
                r = write_name(reading, inode, name, path);
        }
        return r;
}

/* No deeper than a path is long: it calls itself. */
static int write_directory(Reading *reading, ext2_ino_t inode, const char *path) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        Names names = { .reading = reading, .bytes = bytes };
        errcode_t error;
        int r;

        if (!g_hash_table_add(reading->directories, GUINT_TO_POINTER(inode)))
                return damaged(reading, path, "is a directory that is in two places");
        error = ext2fs_dir_iterate2(reading->fs, inode, 0, NULL, on_name, &names);
        if (error)
                return library_failed(reading, path, error);
        /* What the table of those that were entered takes for it. */
        if (names.too_many || !remember(reading, 24))
                return damaged(reading, path, "has more names in it, or is one of more directories, than are read");
        r = write_names(reading, bytes, path);
        reading->n_remembered -= bytes->len;
        return r;
}

static int open_all(Reading *reading, const char *path, int tar) {
        errcode_t error;

        initialize_ext2_error_table();
        error = ext2fs_open(path, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &reading->fs);
        if (error)
                return library_failed(reading, NULL, error);
        if (ext2fs_has_feature_journal_needs_recovery(reading->fs->super))
                return damaged(reading, NULL, "was not unmounted; e2fsck -p IMAGE completes what was under way");
        reading->directories = g_hash_table_new(NULL, NULL);
        reading->links = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        reading->writer = archive_write_new();
        if (!reading->writer || archive_write_set_format_pax_restricted(reading->writer) != ARCHIVE_OK ||
            archive_write_open_fd(reading->writer, tar) != ARCHIVE_OK)
                return writing_failed(reading);
        return 0;
}

int worker_ext4_write_tar(const char *path, int tar, int messages) {
        Reading *reading = g_new0(Reading, 1);
        int r;

        reading->messages = messages;
        r = open_all(reading, path, tar);
        if (r == 0)
                r = write_directory(reading, EXT2_ROOT_INO, "");
        if (r == 0 && archive_write_close(reading->writer) != ARCHIVE_OK)
                r = writing_failed(reading);
        reading_done(reading);
        g_free(reading);
        return r;
}
