/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way from a member to a file. libarchive's own writer looks at every
 * directory above a member again for every member, which is half of all it does;
 * here the directory stays open, and the next member usually lies in the same one.
 * Each step is relative to an open directory and follows no link, so that members
 * cannot lead each other astray. It must not know which members are wanted, nor
 * what a failure is called. */

#include "daemon/worker-disk.h"

#include <archive.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "shared/util.h"

/* Remembered until their modes and times are set; a root file system has some ten thousand. */
#define DIRECTORIES_MAX 50000

typedef struct Directory {
        char *name;
        mode_t mode;
        struct timespec times[2];
} Directory;

struct WorkerDisk {
        int root;
        int parent;        /* O_PATH, of the member at hand; none: negative */
        char *parent_name; /* empty: the root */
        int file;          /* the regular file at hand, or negative */
        int64_t end;       /* of what was written to it */
        Directory *directories;
        size_t n_directories;
};

int worker_disk_new(WorkerDisk **ret) {
        WorkerDisk *disk = calloc(1, sizeof(*disk));

        if (!disk)
                return -ENOMEM;
        disk->parent = disk->file = -EBADF;
        disk->root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        disk->directories = calloc(DIRECTORIES_MAX, sizeof(*disk->directories));
        if (disk->root < 0 || !disk->directories) {
                worker_disk_free(disk);
                return -ENOMEM;
        }
        *ret = disk;
        return 0;
}

WorkerDisk *worker_disk_free(WorkerDisk *disk) {
        if (!disk)
                return NULL;
        while (disk->n_directories > 0)
                free(disk->directories[--disk->n_directories].name);
        free(disk->directories);
        free(disk->parent_name);
        closep(&disk->file);
        closep(&disk->parent);
        closep(&disk->root);
        free(disk);
        return NULL;
}

/* ---------------------------------------------------------------- directories */

/* The one in `at`, which is made where it is missing. Returns it as O_PATH. */
static int enter(int at, const char *name, bool make) {
        int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd >= 0 || errno != ENOENT || !make)
                return fd < 0 ? -errno : fd;
        if (mkdirat(at, name, 0755) < 0 || fchmodat(at, name, 0755, 0) < 0)
                return -errno;
        fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int walk(const WorkerDisk *disk, const char *path, bool make) {
        _cleanup_close_ int at = openat(disk->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        while (at >= 0 && *path) {
                size_t n = strcspn(path, "/");
                char name[NAME_MAX + 1];
                int next;

                if (n > NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(name, path, n);
                name[n] = '\0';
                next = enter(at, name, make);
                if (next < 0)
                        return next;
                closep(&at);
                at = next;
                path += n + (path[n] == '/');
        }
        return at < 0 ? -errno : steal_fd(&at);
}

/* access: O_PATH or O_RDONLY. Step by step is what is left where the kernel, or a filter, has no
 * openat2(2), and where something is missing. */
static int open_directory(const WorkerDisk *disk, const char *path, int access, bool make) {
        struct open_how how = {
                .flags = (uint64_t)(access | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
        };
        _cleanup_close_ int found = -EBADF;
        int fd = (int)syscall(SYS_openat2, disk->root, *path ? path : ".", &how, sizeof(how));

        if (fd >= 0)
                return fd;
        found = walk(disk, path, make);
        if (found < 0 || access == O_PATH)
                return found < 0 ? found : steal_fd(&found);
        fd = openat(found, ".", access | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Opens the directory above, unless it is the last member's too. Returns the name in it. */
static int enter_parent(WorkerDisk *disk, const char *name, const char **ret_leaf) {
        const char *slash = strrchr(name, '/');
        size_t size = slash ? (size_t)(slash - name) : 0;
        _cleanup_free_ char *parent = NULL;
        int fd;

        *ret_leaf = slash ? slash + 1 : name;
        if (disk->parent >= 0 && strlen(disk->parent_name) == size && strncmp(disk->parent_name, name, size) == 0)
                return 0;
        parent = strndup(name, size);
        if (!parent)
                return -ENOMEM;
        fd = open_directory(disk, parent, O_PATH, true);
        if (fd < 0)
                return fd;
        closep(&disk->parent);
        free(disk->parent_name);
        disk->parent = fd;
        disk->parent_name = steal_pointer(&parent);
        return 0;
}

static void get_times(struct archive_entry *entry, struct timespec ret[2]) {
        ret[0] = ret[1] = (struct timespec){ .tv_nsec = UTIME_OMIT };
        if (archive_entry_atime_is_set(entry))
                ret[0] = (struct timespec){ archive_entry_atime(entry), archive_entry_atime_nsec(entry) };
        if (archive_entry_mtime_is_set(entry))
                ret[1] = (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
}

static int remember_directory(WorkerDisk *disk, struct archive_entry *entry, const char *name) {
        Directory *directory;
        int r;

        if (disk->n_directories == DIRECTORIES_MAX) {
                r = worker_disk_finish(disk);
                if (r < 0)
                        return r;
        }
        directory = &disk->directories[disk->n_directories];
        directory->name = strdup(name);
        if (!directory->name)
                return -ENOMEM;
        directory->mode = archive_entry_perm(entry);
        get_times(entry, directory->times);
        disk->n_directories++;
        return 0;
}

/* In the archive's order: of two members with one name the later counts. One that another
 * member has replaced is gone. */
int worker_disk_finish(WorkerDisk *disk) {
        int r = 0;

        for (size_t i = 0; i < disk->n_directories; i++) {
                Directory *directory = &disk->directories[i];
                _cleanup_close_ int fd = open_directory(disk, directory->name, O_RDONLY, false);

                if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR && r == 0)
                        r = fd;
                if (fd >= 0 && (fchmod(fd, directory->mode) < 0 || futimens(fd, directory->times) < 0) && r == 0)
                        r = -errno;
                free(directory->name);
        }
        disk->n_directories = 0;
        return r;
}

/* -------------------------------------------------------------------- members */

/* With rights that let nobody else in before its owner and mode are set. */
static int make(WorkerDisk *disk, struct archive_entry *entry, const char *leaf) {
        int r;

        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
                r = disk->file = openat(disk->parent, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                break;
        case AE_IFDIR:
                r = mkdirat(disk->parent, leaf, 0700);
                break;
        case AE_IFLNK:
                r = symlinkat(archive_entry_symlink(entry) ?: "", disk->parent, leaf);
                break;
        case AE_IFIFO:
                r = mknodat(disk->parent, leaf, S_IFIFO | 0600, 0);
                break;
        default:
                return -EINVAL;
        }
        return r < 0 ? -errno : 0;
}

/* A directory with something in it stays, and says so. */
static int remove_old(WorkerDisk *disk, const char *leaf) {
        if (unlinkat(disk->parent, leaf, 0) == 0 || unlinkat(disk->parent, leaf, AT_REMOVEDIR) == 0)
                return 0;
        return errno == ENOTDIR ? -EPERM : -errno;
}

static int make_or_replace(WorkerDisk *disk, struct archive_entry *entry, const char *leaf) {
        struct stat st;
        int r = make(disk, entry, leaf);

        if (r != -EEXIST)
                return r;
        if (archive_entry_filetype(entry) == AE_IFDIR &&
            fstatat(disk->parent, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
                return 0;
        r = remove_old(disk, leaf);
        return r < 0 ? r : make(disk, entry, leaf);
}

/* The target may be a symbolic link, which is then not followed. */
static int link_target(WorkerDisk *disk, const char *target, const char *leaf) {
        const char *slash = strrchr(target, '/');
        _cleanup_free_ char *parent = strndup(target, slash ? (size_t)(slash - target) : 0);
        _cleanup_close_ int fd = parent ? open_directory(disk, parent, O_PATH, false) : -ENOMEM;
        struct stat old, new;
        int r;

        if (fd < 0)
                return fd;
        target = slash ? slash + 1 : target;
        if (linkat(fd, target, disk->parent, leaf, 0) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (fstatat(fd, target, &new, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(new.st_mode))
                return -ENOENT;
        if (fstatat(disk->parent, leaf, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_dev == new.st_dev &&
            old.st_ino == new.st_ino)
                return 0;
        r = remove_old(disk, leaf);
        if (r == 0 && linkat(fd, target, disk->parent, leaf, 0) < 0)
                r = -errno;
        return r;
}

/* cpio has a file's contents with the last of its names. */
static int open_linked(WorkerDisk *disk, const char *leaf) {
        _cleanup_close_ int fd = openat(disk->parent, leaf, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EISDIR;
        if (ftruncate(fd, 0) < 0)
                return -errno;
        disk->file = steal_fd(&fd);
        return 0;
}

int worker_disk_begin(WorkerDisk *disk, struct archive_entry *entry, const char *name) {
        const char *hardlink = archive_entry_hardlink(entry), *leaf;
        int r;

        closep(&disk->file);
        disk->end = 0;
        r = enter_parent(disk, name, &leaf);
        if (r < 0)
                return r;
        if (!hardlink)
                return make_or_replace(disk, entry, leaf);
        r = link_target(disk, hardlink, leaf);
        return r == 0 && archive_entry_size(entry) > 0 ? open_linked(disk, leaf) : r;
}

int worker_disk_write(WorkerDisk *disk, const void *block, size_t size, int64_t offset) {
        while (disk->file >= 0 && size > 0) {
                ssize_t n = pwrite(disk->file, block, size, offset);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n <= 0)
                        continue;
                block = (const char *)block + n;
                size -= n;
                offset += n;
                disk->end = offset > disk->end ? offset : disk->end;
        }
        return 0;
}

/* Only what cannot grant anything beyond the instance: the kernel binds file
 * capabilities to the user namespace that sets them. The rest (security.selinux,
 * trusted.*, ACLs) is left out, as is what this file system cannot store. */
static void set_xattrs(const WorkerDisk *disk, struct archive_entry *entry, const char *name) {
        const char *key;
        const void *value;
        size_t size;

        (void)archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK) {
                if (!key || (strncmp(key, "user.", 5) != 0 && !streq(key, "security.capability")))
                        continue;
                /* By its name, it is what was just made: nobody else is in this tree. */
                (void)(disk->file >= 0 ? fsetxattr(disk->file, key, value, size, 0)
                                       : lsetxattr(name, key, value, size, 0));
        }
}

/* The owner first: changing it takes setuid bits and capabilities away. */
static int end_file(WorkerDisk *disk, struct archive_entry *entry, const char *name) {
        struct timespec times[2];
        int64_t size = archive_entry_size(entry);

        get_times(entry, times);
        if (size > disk->end && ftruncate(disk->file, size) < 0)
                return -errno;
        if (fchown(disk->file, archive_entry_uid(entry), archive_entry_gid(entry)) < 0)
                return -errno;
        set_xattrs(disk, entry, name);
        if (fchmod(disk->file, archive_entry_perm(entry)) < 0 || futimens(disk->file, times) < 0)
                return -errno;
        if (close(steal_fd(&disk->file)) < 0)
                return -errno;
        return 0;
}

int worker_disk_end(WorkerDisk *disk, struct archive_entry *entry, const char *name) {
        const char *slash = strrchr(name, '/'), *leaf = slash ? slash + 1 : name;
        struct timespec times[2];

        if (disk->file >= 0)
                return end_file(disk, entry, name);
        if (archive_entry_hardlink(entry)) /* they are the first name's */
                return 0;
        if (fchownat(disk->parent, leaf, archive_entry_uid(entry), archive_entry_gid(entry), AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        set_xattrs(disk, entry, name);
        if (archive_entry_filetype(entry) == AE_IFDIR)
                return remember_directory(disk, entry, name);
        if (archive_entry_filetype(entry) == AE_IFIFO && fchmodat(disk->parent, leaf, archive_entry_perm(entry), 0) < 0)
                return -errno;
        get_times(entry, times);
        return utimensat(disk->parent, leaf, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}
