/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns how lxss-fetch locks itself in before it touches the network. */

#include "daemon/fetch-confine.h"

#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "daemon/fetch.h"
#include "daemon/parent-death.h"

#define NOBODY 65534

/* Of a user namespace that has no other ids there is nobody to become. */
static int become_nobody(void) {
        const struct passwd *pw = getpwnam("nobody");
        uid_t uid = pw ? pw->pw_uid : NOBODY;
        gid_t gid = pw ? pw->pw_gid : NOBODY;

        if (geteuid() != 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return errno == EINVAL ? 0 : -errno;
        /* The kernel forgets it with the old ids. */
        parent_death_arm(FETCH_LXSSD_FD);
        return 0;
}

/* All that the first version of Landlock knows as writing. */
#define WRITING                                                                                              \
        (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |    \
         LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |          \
         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |       \
         LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What libraries and tools write to without harm. */
static void allow_dev_null(int rules) {
        _cleanup_close_ int null = open("/dev/null", O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr beneath = { .allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE,
                                                      .parent_fd = null };

        if (null >= 0)
                (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* Not every kernel has it, and none must. */
static void forbid_writing(void) {
        struct landlock_ruleset_attr attributes = { .handled_access_fs = WRITING };
        _cleanup_close_ int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);

        if (rules < 0)
                return;
        allow_dev_null(rules);
        (void)syscall(SYS_landlock_restrict_self, rules, 0);
}

int fetch_confine(WorkerReport *reterr) {
        int r = become_nobody();

        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r < 0)
                return worker_report_fail(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                          "The rights that a transfer does not need cannot be given up: %s.",
                                          strerror(-r));
        forbid_writing();
        return 0;
}
