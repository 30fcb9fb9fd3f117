/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Starts one of our programs that is not in PATH beside lxssd, with lxssd's
 * environment, no signal blocked, and these descriptors from 3 on (borrowed; a
 * negative one stays closed). The one after the last is for parent_death_arm(),
 * which such a program calls first of all. argv ends with NULL. Returns 0 or
 * negative errno; the caller waits for the child (waitpid(2)). */
int spawn_program(const char *name, const char *const *argv, const int *fds, size_t n_fds, pid_t *ret);
