/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a test needs to see another root directory: privileges of its own,
 * from a user namespace where it has none. libcheck forks for every test, so
 * that nothing of it outlives one. */

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "tests/test.h"

/* Whoever we are outside is root inside. False where user namespaces are impossible. */
static inline _unused_ bool become_namespace_root(int more_flags) {
        char map[64];
        uid_t uid = geteuid();
        gid_t gid = getegid();
        _cleanup_close_ int uids = -EBADF, gids = -EBADF, groups = -EBADF;

        if (unshare(CLONE_NEWUSER | more_flags) < 0) {
                fprintf(stderr, "skipped: no user namespaces here: %s\n", strerror(errno));
                return false;
        }
        (void)prctl(PR_SET_DUMPABLE, 1); /* LeakSanitizer traces us at the end */
        groups = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
        uids = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        gids = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
        (void)!write(groups, "deny", 4);
        snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)uid);
        if (uids < 0 || write_all(uids, map, strlen(map)) < 0) {
                fprintf(stderr, "skipped: no user namespaces here: %s\n", strerror(errno));
                return false;
        }
        snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)gid);
        ck_assert_int_eq(write_all(gids, map, strlen(map)), 0);
        return true;
}

static int outside = -EBADF; /* the root directory that we came from */

/* Makes a directory the root until leave_root(), which the sanitizers need for their last words. */
static inline _unused_ bool enter_root(const char *directory) {
        outside = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (geteuid() != 0 && !become_namespace_root(0))
                return false;
        ck_assert_int_eq(chroot(directory), 0);
        ck_assert_int_eq(chdir("/"), 0);
        return true;
}

static inline _unused_ void leave_root(void) {
        ck_assert_int_eq(fchdir(outside), 0);
        ck_assert_int_eq(chroot("."), 0);
        closep(&outside);
}
