/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the deletion of a directory tree that somebody hostile has filled. It
 * must not trust names: each step is relative to an open directory, opens
 * neither symbolic links nor other mounts, and a directory that is swapped
 * meanwhile leads nowhere. Depth costs neither stack nor descriptors: what lies
 * deeper than LEVELS_MAX is moved up to the top and deleted from there. */

#include "daemon/worker-remove.h"

#include <dirent.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shared/text.h"

/* Few, since an operation may run with 64 descriptors. */
#define LEVELS_MAX 24

typedef struct Level {
        DIR *stream;
        char name[NAME_MAX + 1]; /* in the level above; empty at the top */
        bool removed;            /* something went since the stream was at its start */
} Level;

typedef struct Removal {
        Level levels[LEVELS_MAX];
        size_t n_levels;
        uint64_t mount_id; /* of the top; 0 where the kernel does not tell */
        dev_t device;
        unsigned n_moved;
        int result;
        WorkerReport *reterr;
} Removal;

static void removal_done(Removal *removal) {
        while (removal->n_levels > 0)
                (void)closedir(removal->levels[--removal->n_levels].stream);
}

static Level *innermost(Removal *removal) {
        return &removal->levels[removal->n_levels - 1];
}

/* Keeps the first failure, with its path as it is now. */
static void note_failure(Removal *removal, const char *name, int error) {
        char path[LEVELS_MAX * (NAME_MAX + 1)] = "", shown[512];
        size_t used = 0;

        if (removal->result < 0)
                return;
        for (size_t i = 1; i < removal->n_levels; i++)
                used += (size_t)snprintf(path + used, sizeof(path) - used, "%s/", removal->levels[i].name);
        (void)snprintf(path + used, sizeof(path) - used, "%s", name);
        text_escape(path, strlen(path), shown, sizeof(shown));
        removal->result = error;
        if (error == -EXDEV || error == -EBUSY)
                worker_report_fail(removal->reterr, LXSS_ERROR_FAILED,
                                   "%s cannot be removed: something is mounted there. Unmount it and try again.",
                                   shown);
        else
                worker_report_fail(removal->reterr, LXSS_ERROR_FAILED, "%s cannot be removed: %s.", shown,
                                   strerror(-error));
}

static int identify_mount(int fd, uint64_t *ret_mount_id, dev_t *ret_device) {
        struct statx stx;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_device = st.st_dev;
        *ret_mount_id = statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) == 0 && (stx.stx_mask & STATX_MNT_ID)
                                        ? stx.stx_mnt_id
                                        : 0;
        return 0;
}

static bool same_mount(const Removal *removal, int fd) {
        uint64_t mount_id = 0;
        dev_t device = 0;

        if (identify_mount(fd, &mount_id, &device) < 0)
                return false;
        return removal->mount_id && mount_id ? mount_id == removal->mount_id : device == removal->device;
}

/* Without openat2(2) (an old kernel, or a filter that does not know it) the
 * mount is compared after the fact, which opens, but never changes, what is
 * mounted there. */
static int open_same_mount(const Removal *removal, int parent, const char *name, int flags) {
        struct open_how how = {
                .flags = (uint64_t)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
        };
        _cleanup_close_ int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof(how));

        if (fd < 0 && (errno == ENOSYS || errno == EPERM))
                fd = openat(parent, name, (int)how.flags);
        if (fd < 0)
                return -errno;
        if (!same_mount(removal, fd))
                return -EXDEV;
        return steal_fd(&fd);
}

/* A directory that its owner may not read: in single-id mode we are that owner
 * and not much more. chmod goes through /proc since fchmod(2) refuses O_PATH
 * descriptors and chmod(2) would follow a link. */
static int open_after_chmod(const Removal *removal, int parent, const char *name) {
        _cleanup_close_ int fd = open_same_mount(removal, parent, name, O_PATH);
        char path[64];

        if (fd < 0)
                return fd;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (chmod(path, 0700) < 0)
                return -errno;
        return open_same_mount(removal, parent, name, O_RDONLY);
}

static int open_directory(const Removal *removal, int parent, const char *name) {
        int fd = open_same_mount(removal, parent, name, O_RDONLY);

        return fd == -EACCES ? open_after_chmod(removal, parent, name) : fd;
}

static void clear_flags(int fd) {
        int flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
                return;
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* Takes away what may have refused a deletion: the directory's mode, and
 * immutable or append-only flags of both. Failure shows at the next try. */
static void clear_obstacles(int parent, const char *name) {
        _cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        clear_flags(parent);
        (void)fchmod(parent, 0700);
        if (fd >= 0)
                clear_flags(fd);
}

static int remove_entry(int parent, const char *name, int flags) {
        if (unlinkat(parent, name, flags) == 0)
                return 0;
        if (errno != EPERM && errno != EACCES)
                return -errno;
        /* unlink(2) of a directory says EPERM or EISDIR, depending on the file system. */
        if (flags == 0 && unlinkat(parent, name, AT_REMOVEDIR) == 0)
                return 0;
        if (flags == 0 && (errno == ENOTEMPTY || errno == EEXIST))
                return -EISDIR;
        clear_obstacles(parent, name);
        return unlinkat(parent, name, flags) < 0 ? -errno : 0;
}

static int push_level(Removal *removal, int parent, const char *name) {
        _cleanup_close_ int fd = open_directory(removal, parent, name);
        Level *level;
        DIR *stream;

        if (fd < 0)
                return fd;
        stream = fdopendir(fd);
        if (!stream)
                return -errno;
        (void)steal_fd(&fd);
        level = &removal->levels[removal->n_levels++];
        *level = (Level) { .stream = stream };
        (void)snprintf(level->name, sizeof(level->name), "%s", name);
        return 0;
}

/* Gives a directory that lies too deep a place at the top. */
static int move_to_top(Removal *removal, int parent, const char *name) {
        int top = dirfd(removal->levels[0].stream);

        for (;;) {
                char moved[64];

                (void)snprintf(moved, sizeof(moved), ".lxss-removing-%u", removal->n_moved++);
                if (renameat2(parent, name, top, moved, RENAME_NOREPLACE) == 0) {
                        removal->levels[0].removed = true; /* look at the top again */
                        return 0;
                }
                if (errno != EEXIST || removal->n_moved == 0)
                        return -errno;
        }
}

static void enter_or_remove(Removal *removal, const struct dirent *entry) {
        Level *level = innermost(removal);
        int parent = dirfd(level->stream);
        bool directory = entry->d_type == DT_DIR;
        int r = remove_entry(parent, entry->d_name, directory ? AT_REMOVEDIR : 0);

        if (r == -EISDIR || (directory && (r == -ENOTEMPTY || r == -EEXIST))) {
                r = removal->n_levels == LEVELS_MAX ? move_to_top(removal, parent, entry->d_name)
                                                    : push_level(removal, parent, entry->d_name);
                if (r == 0 && innermost(removal) != level)
                        return;
        }
        if (r == 0)
                level->removed = true;
        else if (r != -ENOENT)
                note_failure(removal, entry->d_name, r);
}

/* At the end of a directory: reads it once more if it changed under the stream
 * (POSIX leaves open which entries that shows), else goes up and removes it. */
static void leave_level(Removal *removal) {
        Level *level = innermost(removal), *above = level - 1;
        int r;

        if (level->removed) {
                level->removed = false;
                rewinddir(level->stream);
                return;
        }
        (void)closedir(level->stream);
        if (--removal->n_levels == 0)
                return;
        r = remove_entry(dirfd(above->stream), level->name, AT_REMOVEDIR);
        if (r == 0)
                above->removed = true;
        else
                note_failure(removal, level->name, r);
}

static void run_removal(Removal *removal) {
        while (removal->n_levels > 0) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(innermost(removal)->stream);
                if (entry) {
                        if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                                enter_or_remove(removal, entry);
                        continue;
                }
                if (errno != 0)
                        note_failure(removal, "", -errno);
                leave_level(removal);
        }
}

int worker_remove_below(int top, WorkerReport *reterr) {
        _cleanup_(removal_done) Removal removal = { .reterr = reterr };
        int r;

        r = identify_mount(top, &removal.mount_id, &removal.device);
        if (r == 0)
                r = push_level(&removal, top, ".");
        if (r < 0) {
                worker_report_fail(reterr, LXSS_ERROR_FAILED, "The directory cannot be opened: %s.", strerror(-r));
                return r;
        }
        removal.levels[0].name[0] = '\0';
        run_removal(&removal);
        return removal.result;
}

int worker_remove_directory(int parent, const char *name, WorkerReport *reterr) {
        _cleanup_close_ int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r;

        if (fd < 0 && errno == ENOENT)
                return 0;
        r = fd < 0 ? -errno : worker_remove_below(fd, reterr);
        if (fd >= 0 && r < 0)
                return r;
        if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
                r = -errno;
        if (r < 0)
                worker_report_fail(reterr, LXSS_ERROR_FAILED, "%s cannot be removed: %s.", name, strerror(-r));
        return r;
}
