/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the copy of one tree of files to another on the same machine. fts(3) walks
 * the source, whatever its depth, and enters a directory only if it is still the
 * one that it saw; beside it goes one descriptor of the directory that is being
 * filled. That tree is ours alone, so its ".." can be trusted. */

#include "daemon/worker-copy.h"

#include <fts.h>
#include <glib.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "daemon/worker-tree.h"
#include "shared/text.h"

#define XATTR_LIST_MAX 65536

typedef struct Copying {
        FTS *walk;
        int root, here;    /* the new tree, and where we are in it */
        dev_t device;      /* of the source */
        GHashTable *links; /* Inode of a file with several names → its path in the new tree */
        bool share;        /* contents can be shared, as far as is known */
        uint64_t total, done;
        WorkerProgress *progress;
        WorkerReport *reterr;
} Copying;

typedef struct Inode {
        dev_t device;
        ino_t number;
} Inode;

static guint inode_hash(const void *p) {
        const Inode *inode = p;

        return (guint)(inode->number ^ (inode->number >> 32) ^ inode->device);
}

static gboolean inode_equal(const void *a, const void *b) {
        const Inode *x = a, *y = b;

        return x->number == y->number && x->device == y->device;
}

static void copying_done(Copying *c) {
        if (c->walk)
                (void)fts_close(c->walk);
        closep(&c->root);
        closep(&c->here);
        g_clear_pointer(&c->links, g_hash_table_unref);
}

static int failed(Copying *c, const FTSENT *file, int error) {
        char shown[512];

        text_escape(file->fts_path, strlen(file->fts_path), shown, sizeof(shown));
        if (error == ENOSPC || error == EDQUOT)
                return worker_report_fail(c->reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left for %s (%s). Make room and try again.", shown,
                                          strerror(error));
        return worker_report_fail(c->reterr, LXSS_ERROR_FAILED, "%s cannot be copied: %s.", shown, strerror(error));
}

/* ------------------------------------------------------------------- attributes */

/* What overlayfs notes of its own directories is nothing of the file's. */
static bool xattr_is_kept(const char *name) {
        if (strncmp(name, "user.overlay.", 13) == 0)
                return false;
        return strncmp(name, "user.", 5) == 0 || streq(name, "security.capability");
}

/* As with archives, what a file system cannot store is left out. */
static void copy_xattrs(int from, int to) {
        _cleanup_free_ char *names = NULL;
        ssize_t size = flistxattr(from, NULL, 0);

        if (size <= 0 || size > XATTR_LIST_MAX || !(names = malloc(size)))
                return;
        size = flistxattr(from, names, size);
        for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
                char value[XATTR_LIST_MAX];
                ssize_t n = xattr_is_kept(name) ? fgetxattr(from, name, value, sizeof(value)) : -1;

                if (n >= 0)
                        (void)fsetxattr(to, name, value, n, 0);
        }
}

/* The mode last: a change of owner takes set-user-ID away. File capabilities, too, so they come after both. */
int worker_copy_attributes(int from, int to, const struct stat *st) {
        const struct timespec times[] = { st->st_atim, st->st_mtim };

        if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
                return -errno;
        copy_xattrs(from, to);
        return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_attributes_of(Copying *c, const char *name, const struct stat *st) {
        const struct timespec times[] = { st->st_atim, st->st_mtim };

        if (fchownat(c->here, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            utimensat(c->here, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

/* --------------------------------------------------------------------- contents */

static void note_progress(Copying *c, uint64_t n) {
        c->done += n;
        worker_progress_update_part(c->progress, c->done, c->total);
}

/* From the one's position to the other's. */
static int copy_range(Copying *c, int from, int to, off_t start, off_t end) {
        if (lseek(from, start, SEEK_SET) < 0 || lseek(to, start, SEEK_SET) < 0)
                return -errno;
        while (start < end) {
                size_t wanted = end - start > 1 << 26 ? 1 << 26 : (size_t)(end - start);
                ssize_t n = copy_file_range(from, NULL, to, NULL, wanted, 0);

                if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
                        n = sendfile(to, from, NULL, wanted);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0; /* it became shorter meanwhile */
                start += n;
                note_progress(c, n);
        }
        return 0;
}

static int copy_data(Copying *c, int from, int to, off_t size) {
        off_t start = 0;

        if (c->share && size > 0) {
                if (ioctl(to, FICLONE, from) == 0) {
                        note_progress(c, size);
                        return 0;
                }
                c->share = errno != EOPNOTSUPP && errno != EXDEV && errno != ENOTTY && errno != ENOSYS;
        }
        while (start < size) {
                off_t data = lseek(from, start, SEEK_DATA), end;
                int r;

                if (data < 0 && errno == ENXIO)
                        break; /* the rest is a hole */
                if (data < 0)
                        data = start; /* holes are not known here */
                end = lseek(from, data, SEEK_HOLE);
                if (end <= data || end > size)
                        end = size;
                r = copy_range(c, from, to, data, end);
                if (r < 0)
                        return r;
                start = end;
        }
        return ftruncate(to, size) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------------ files */

static int copy_regular(Copying *c, const FTSENT *file) {
        _cleanup_close_ int from = open(file->fts_accpath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), to = -EBADF;
        struct stat st;
        int r;

        if (from < 0 || fstat(from, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ESTALE;
        to = openat(c->here, file->fts_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_data(c, from, to, st.st_size);
        return r < 0 ? r : worker_copy_attributes(from, to, &st);
}

static int copy_link(Copying *c, const FTSENT *file) {
        char target[PATH_MAX];
        ssize_t n = readlink(file->fts_accpath, target, sizeof(target));

        if (n < 0)
                return -errno;
        if (n == sizeof(target))
                return -ENAMETOOLONG;
        target[n] = '\0';
        if (symlinkat(target, c->here, file->fts_name) < 0)
                return -errno;
        return copy_attributes_of(c, file->fts_name, file->fts_statp);
}

static int copy_fifo(Copying *c, const FTSENT *file) {
        if (mkfifoat(c->here, file->fts_name, 0600) < 0 ||
            fchmodat(c->here, file->fts_name, file->fts_statp->st_mode & 07777, 0) < 0)
                return -errno;
        return copy_attributes_of(c, file->fts_name, file->fts_statp);
}

/* 1: the file is there already under another name, and now under this one. */
static int link_known(Copying *c, const FTSENT *file) {
        const Inode inode = { file->fts_statp->st_dev, file->fts_statp->st_ino };
        const char *known;

        if (file->fts_statp->st_nlink < 2)
                return 0;
        known = g_hash_table_lookup(c->links, &inode);
        if (known)
                return linkat(c->root, known, c->here, file->fts_name, 0) < 0 ? -errno : 1;
        /* Below a path that no call takes, every name gets a file of its own. */
        if (strlen(file->fts_path) < PATH_MAX)
                g_hash_table_insert(c->links, g_memdup2(&inode, sizeof(inode)), g_strdup(file->fts_path));
        return 0;
}

static int copy_file(Copying *c, const FTSENT *file) {
        mode_t type = file->fts_statp->st_mode & S_IFMT;
        int r;

        if (type != S_IFREG && type != S_IFLNK && type != S_IFIFO)
                return 0; /* instances have a /dev of their own, and a socket is its server's */
        r = link_known(c, file);
        if (r != 0)
                return r < 0 ? r : 0;
        if (type == S_IFREG)
                return copy_regular(c, file);
        return type == S_IFLNK ? copy_link(c, file) : copy_fifo(c, file);
}

/* ------------------------------------------------------------------ directories */

static int enter(Copying *c, const FTSENT *file) {
        int fd;

        if (file->fts_level == 0)
                return 0; /* the root, which is there */
        if (mkdirat(c->here, file->fts_name, 0700) < 0)
                return -errno;
        fd = openat(c->here, file->fts_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        closep(&c->here);
        c->here = fd;
        return 0;
}

static int leave(Copying *c, const FTSENT *file) {
        _cleanup_close_ int from = open(file->fts_accpath, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int up, r;

        if (from < 0)
                return -errno;
        r = worker_copy_attributes(from, c->here, file->fts_statp);
        if (r < 0 || file->fts_level == 0)
                return r;
        up = openat(c->here, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (up < 0)
                return -errno;
        closep(&c->here);
        c->here = up;
        return 0;
}

static int copy_one(Copying *c, FTSENT *file) {
        switch (file->fts_info) {
        case FTS_D:
                if (file->fts_statp->st_dev != c->device) {
                        (void)fts_set(c->walk, file, FTS_SKIP);
                        return 0;
                }
                return enter(c, file);
        case FTS_DP:
                return file->fts_statp->st_dev == c->device ? leave(c, file) : 0;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
                return -file->fts_errno;
        default:
                return copy_file(c, file);
        }
}

static int open_both(Copying *c, int source) {
        static char *const top[] = { (char *)".", NULL };
        struct stat st;

        c->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        c->here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Out of the root that we are locked into, which relative paths do not mind. */
        if (c->root < 0 || c->here < 0 || fchdir(source) < 0 || fstat(source, &st) < 0)
                return worker_report_fail(c->reterr, LXSS_ERROR_FAILED, "The distribution cannot be entered: %s.",
                                          strerror(errno));
        c->device = st.st_dev;
        c->total = worker_tree_bytes();
        c->walk = fts_open(top, FTS_PHYSICAL | FTS_XDEV, NULL);
        if (!c->walk)
                return worker_report_fail(c->reterr, LXSS_ERROR_FAILED, "The distribution cannot be read: %s.",
                                          strerror(errno));
        c->links = g_hash_table_new_full(inode_hash, inode_equal, g_free, g_free);
        return 0;
}

int worker_copy(int source, WorkerProgress *progress, WorkerReport *reterr) {
        _cleanup_(copying_done) Copying c = {
                .root = -EBADF, .here = -EBADF, .share = true, .progress = progress, .reterr = reterr,
        };
        int r;

        r = open_both(&c, source);
        if (r < 0)
                return r;
        errno = 0;
        for (FTSENT *file; (file = fts_read(c.walk)); errno = 0) {
                /* fts(3) takes a directory that it could not read to its end for a shorter one; only errno tells. */
                r = errno == EIO ? -EIO : copy_one(&c, file);
                if (r < 0)
                        return failed(&c, file, -r);
        }
        if (errno != 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The distribution cannot be read: %s.",
                                          strerror(errno));
        return chdir("/") < 0 ? worker_report_fail(reterr, LXSS_ERROR_FAILED, "The copy cannot be entered: %s.",
                                                   strerror(errno))
                              : 0;
}
