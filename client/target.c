/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way of a new file to its name. The file has none while it is written,
 * so that lxctl may be killed and leaves nothing; where the file system cannot do
 * that (NFS) it has another one. A directory cannot be without, so it is lxssd's. */

#include "client/target.h"

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "client/text.h"

static int complain(const Target *target, int error) {
        say("Cannot write %s: %s", target->path, strerror(error));
        return -error;
}

const char *target_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* "DIRECTORY/." or "DIRECTORY/.NAME.XXXXXX"; the caller frees it. */
static char *beside(const char *path, bool temporary) {
        const char *name = target_name(path);
        char *made;
        int r;

        if (temporary)
                r = asprintf(&made, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
        else
                r = asprintf(&made, "%.*s.", (int)(name - path), path);
        return r < 0 ? NULL : made;
}

static mode_t usual_mode(void) {
        mode_t mask = umask(0);

        umask(mask);
        return 0666 & ~mask;
}

static int open_named(Target *target) {
        target->temporary = beside(target->path, true);
        if (!target->temporary)
                return complain(target, ENOMEM);
        target->fd = mkostemp(target->temporary, O_CLOEXEC);
        if (target->fd < 0) {
                int error = errno;

                free(steal_pointer(&target->temporary));
                return complain(target, error);
        }
        (void)fchmod(target->fd, usual_mode());
        return 0;
}

static int open_direct(Target *target) {
        target->direct = true;
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return target->fd < 0 ? complain(target, errno) : 0;
}

int target_open(Target *target, const char *path) {
        _cleanup_free_ char *directory = beside(path, false);
        size_t length = strlen(path);
        struct stat st;

        *target = (Target){ .fd = -EBADF, .path = path };
        if (!directory)
                return complain(target, ENOMEM);
        if (length == 0 || path[length - 1] == '/')
                return complain(target, length == 0 ? ENOENT : EISDIR);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return complain(target, EISDIR);
        if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
                return open_direct(target);
        target->fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
        if (target->fd >= 0)
                return 0;
        if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
                return open_named(target);
        return complain(target, errno);
}

/* Also where there is none. */
static bool is_empty_directory(const char *path) {
        DIR *directory = opendir(path);
        const struct dirent *entry;
        bool empty = true;

        if (!directory)
                return errno == ENOENT;
        while ((entry = readdir(directory)))
                empty = empty && (streq(entry->d_name, ".") || streq(entry->d_name, ".."));
        closedir(directory);
        return empty;
}

/* "DIRECTORY/.NAME.DIGITS", which nobody else can have. */
static char *unique_beside(const char *path) {
        _cleanup_free_ char *stem = beside(path, true);
        uint64_t number;
        char *made;

        if (!stem || getrandom(&number, sizeof(number), 0) != sizeof(number))
                return NULL;
        stem[strlen(stem) - strlen("XXXXXX")] = '\0';
        return asprintf(&made, "%s%016" PRIx64, stem, number) < 0 ? NULL : made;
}

int target_open_directory(Target *target, const char *path) {
        _cleanup_free_ char *parent = beside(path, false);
        mode_t mode = usual_mode();

        *target = (Target){ .fd = -EBADF, .path = path, .foreign = true, .mode = mode | (mode & 0444) >> 2 };
        if (str_empty(path) || path[strlen(path) - 1] == '/')
                return complain(target, str_empty(path) ? ENOENT : EINVAL);
        if (!is_empty_directory(path)) {
                int error = errno == ENOTDIR ? ENOTDIR : EEXIST;

                say("%s is there already, and no empty directory. Name one that is not there.", path);
                return -error;
        }
        target->fd = parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -ENOMEM;
        if (target->fd < 0)
                return complain(target, parent ? errno : ENOMEM);
        target->temporary = unique_beside(path);
        return target->temporary ? 0 : complain(target, ENOMEM);
}

/* A name for what has none; what stands at the target's own can then be replaced. */
static int give_name(Target *target) {
        char self[64];

        snprintf(self, sizeof(self), "/proc/self/fd/%d", target->fd);
        if (linkat(AT_FDCWD, self, AT_FDCWD, target->path, AT_SYMLINK_FOLLOW) == 0)
                return 1;
        if (errno != EEXIST)
                return complain(target, errno);
        for (int i = 0; i < 100; i++) {
                _cleanup_free_ char *name = beside(target->path, true);

                if (!name)
                        return complain(target, ENOMEM);
                snprintf(name + strlen(name) - 6, 7, "%06u", (unsigned)(getpid() + i) % 1000000);
                if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
                        target->temporary = steal_pointer(&name);
                        return 0;
                }
                if (errno != EEXIST)
                        return complain(target, errno);
        }
        return complain(target, EEXIST);
}

int target_commit(Target *target) {
        int r;

        if (target->direct)
                return 0;
        if (target->foreign) {
                free(steal_pointer(&target->temporary));
                return 0;
        }
        if (!target->temporary) {
                r = give_name(target);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        if (rename(target->temporary, target->path) < 0)
                return complain(target, errno);
        free(steal_pointer(&target->temporary));
        return 0;
}

static int remove_one(const char *path, const struct stat *st _unused_, int kind _unused_, struct FTW *at _unused_) {
        (void)remove(path);
        return 0;
}

void target_finish(Target *target) {
        if (target->temporary)
                (void)nftw(target->temporary, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(steal_pointer(&target->temporary));
        closep(&target->fd);
}
