/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Directories, one above the other, as one tree: overlayfs, as an unprivileged
 * user may mount it (kernel 5.11; on idmapped mounts 5.19). */

/* Their numbers, in the one string of 255 bytes that fsconfig(2) takes, leave room for these. */
#define STACK_MAX 65

typedef struct Stack {
        int trees[STACK_MAX]; /* mounts that are attached nowhere yet, topmost first; owned */
        size_t n;
} Stack;

/* A path of the host as it is seen from the stage (daemon/base-stage.h). Links of the host lead where they do there. */
int mount_open_on_host(const char *path, int flags);

/* A copy of the mount that a directory of the host is on, with that directory as its root. */
int mount_clone_of_host(const char *path);

/* Shifts the owners in a copy, as the user namespace `idmap` maps ids. */
int mount_shift(int tree, int idmap);

/* Copies of the mounts of all these directories of the host (NULL at the end), shifted where idmap is not negative.
 * Nothing stays open where one fails. */
int stack_open(const char *const *paths, int idmap, Stack *ret);

/* The mount of it, attached nowhere; negative errno. Only `place`, a directory in the caller's own mount namespace,
 * is used meanwhile: the trees are mounted below a tmpfs there, which stays, and is the working directory
 * afterwards. The caller's ids are those that overlayfs works with: the container's root. writable: the topmost
 * tree has "rootfs", which is written to, and "work", which is overlayfs's own; else all are only read. */
int stack_mount(const Stack *stack, const char *place, bool writable);

/* The same, attached at place, and the stack closed. */
int stack_attach(Stack *stack, const char *place, int *ret_root);

void stack_close(Stack *stack);
