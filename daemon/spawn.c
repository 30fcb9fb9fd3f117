/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the start of a program that works for lxssd outside of all containers. */

#include "daemon/spawn.h"

#include <assert.h>
#include <signal.h>
#include <spawn.h>

#include "daemon/parent-death.h"
#include "shared/paths.h"
#include "shared/util.h"

#define FIRST_FD 3
#define FDS_MAX 8

typedef struct Spawn {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int moved[FDS_MAX]; /* above all numbers that the program finds something at, lest one be put over another */
        size_t n_moved;
} Spawn;

static void spawn_done(Spawn *spawn) {
        (void)posix_spawnattr_destroy(&spawn->attributes);
        (void)posix_spawn_file_actions_destroy(&spawn->actions);
        for (size_t i = 0; i < spawn->n_moved; i++)
                close(spawn->moved[i]);
}

static int give(Spawn *spawn, int fd, size_t n) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + FDS_MAX);

        if (moved < 0)
                return -errno;
        spawn->moved[spawn->n_moved++] = moved;
        return -posix_spawn_file_actions_adddup2(&spawn->actions, moved, FIRST_FD + (int)n);
}

static int prepare(Spawn *spawn) {
        sigset_t none;
        int r;

        r = posix_spawn_file_actions_init(&spawn->actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&spawn->attributes);
        if (r != 0) {
                (void)posix_spawn_file_actions_destroy(&spawn->actions);
                return -r;
        }
        sigemptyset(&none);
        (void)posix_spawnattr_setflags(&spawn->attributes, POSIX_SPAWN_SETSIGMASK);
        (void)posix_spawnattr_setsigmask(&spawn->attributes, &none);
        return 0;
}

int spawn_program(const char *const *argv, char *const *environment, const int *fds, size_t n_fds, pid_t *ret) {
        _cleanup_close_ int lxssd = parent_death_open();
        _cleanup_free_ char *path = NULL;
        Spawn spawn = { .n_moved = 0 };
        int r;

        assert(n_fds < FDS_MAX);
        if (lxssd < 0)
                return lxssd;
        if ((r = path_libexec(argv[0], &path)) < 0 || (r = prepare(&spawn)) < 0)
                return r;
        for (size_t i = 0; r == 0 && i < n_fds; i++)
                if (fds[i] >= 0)
                        r = give(&spawn, fds[i], i);
        if (r == 0)
                r = give(&spawn, lxssd, n_fds);
        if (r == 0)
                r = -posix_spawn(ret, path, &spawn.actions, &spawn.attributes, (char *const *)argv, environment);
        spawn_done(&spawn);
        return r;
}
