/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file or directory that is there whole or not at all: what is written shows under
 * its name only when it is complete. A file takes the place of the one that was there. */

#include <stdbool.h>
#include <sys/types.h>

typedef struct Target {
        int fd;          /* to write to, or the directory to make one in; owned */
        const char *path;
        bool direct;     /* no regular file: a device or a FIFO, written to as it is */
        char *temporary; /* the path it has until then; NULL: none (O_TMPFILE) */
        bool foreign;    /* a directory, which is made and gets its name elsewhere */
        mode_t mode;     /* … with this mode */
} Target;

#define TARGET_NONE ((Target){ .fd = -EBADF })

/* Borrows path. Returns 0, or negative errno having said why. */
int target_open(Target *target, const char *path);

/* The same for a directory that lxssd makes, so that it is its to remove whatever becomes of us. Where there is one it
 * must be empty. lxssd may be what dies: until target_commit() says that it has its name we remove it, too. */
int target_open_directory(Target *target, const char *path);

/* Of a path, what is behind the last slash. */
const char *target_name(const char *path);

/* Returns 0, or negative errno having said why. */
int target_commit(Target *target);

/* Closes it; what was not committed is gone. */
void target_finish(Target *target);
#define _cleanup_target_ _cleanup_(target_finish)
