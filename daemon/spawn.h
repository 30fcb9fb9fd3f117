/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Starts one of our programs that is not in PATH beside lxssd (argv[0] is its
 * name), with no signal blocked, and these descriptors from 3 on (borrowed; a
 * negative one stays closed). The one after the last is for parent_death_arm(),
 * which such a program calls first of all. argv and environment end with NULL.
 * Returns 0 or negative errno; the caller waits for the child (waitpid(2)). */
int spawn_program(const char *const *argv, char *const *environment, const int *fds, size_t n_fds, pid_t *ret);
