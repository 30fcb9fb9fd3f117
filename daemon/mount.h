/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The new mount API (fsopen(2), open_tree(2), move_mount(2)) in the few shapes
 * that a container needs. Everything works on descriptors and resolves paths
 * beneath a root that may be hostile (openat2(2), RESOLVE_IN_ROOT and no magic
 * links), so that no symbolic link in it leads outside. Negative errno on
 * failure; descriptors are close-on-exec and the caller's. */

/* A path as a process chrooted to root_fd would see it. */
int mount_open_in_root(int root_fd, const char *path, int flags);

/* The same, made where it is missing (with its parents): a directory, or an empty file. O_PATH. */
int mount_open_target(int root_fd, const char *path, bool directory);

/* A new file system, not attached yet. Options are "key", "value" pairs that
 * end with NULL; an empty value sets a flag. attributes: MOUNT_ATTR_*. */
int mount_new(const char *type, const char *const *options, uint64_t attributes);

/* A copy of the mount at a path (with those below it, if recursive), not attached yet. */
int mount_clone(int dirfd, const char *path, bool recursive);

/* Sets MOUNT_ATTR_* and, unless 0, the propagation of a mount. */
int mount_restrict(int mount_fd, uint64_t attributes, uint64_t propagation, bool recursive);

/* Attaches it. */
int mount_attach(int mount_fd, int target_fd);

/* Makes it the root of the mount namespace and the working directory. The old root goes to
 * put_old, a path from there; with "." it is stacked above, to be unmounted as "." (pivot_root(2), NOTES). */
int mount_pivot(int root_fd, const char *put_old);

/* mount_open_target() and mount_attach(). */
int mount_attach_at(int mount_fd, int root_fd, const char *path, bool directory);
