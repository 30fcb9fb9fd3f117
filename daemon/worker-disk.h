/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <archive_entry.h>
#include <stddef.h>
#include <stdint.h>

/* Where an archive's members become files: beneath the directory in which the
 * process stands. */
typedef struct WorkerDisk WorkerDisk;

/* Returns 0 or negative errno, as everything here. */
int worker_disk_new(WorkerDisk **ret);

/* Makes a member: a regular file, directory, symbolic link or FIFO, or what
 * archive_entry_hardlink() says. name, and a hard link's target, are relative, of
 * components that are neither "." nor ".." with single slashes between them. What
 * is missing above is made; what has the name already is replaced. The errors of
 * members that contradict each other are ENOTDIR, ENOENT, ENOTEMPTY and EISDIR, of
 * one that leads through a symbolic link ENOTDIR or ELOOP. */
int worker_disk_begin(WorkerDisk *disk, struct archive_entry *entry, const char *name);

/* A piece of its contents; what lies between pieces becomes a hole. Of a member that has none: nothing is done. */
int worker_disk_write(WorkerDisk *disk, const void *block, size_t size, int64_t offset);

/* Its size, owner, extended attributes, mode and times. */
int worker_disk_end(WorkerDisk *disk, struct archive_entry *entry, const char *name);

/* Modes and times of directories, which whatever was made in them would have changed. */
int worker_disk_finish(WorkerDisk *disk);

/* Returns NULL; NULL is legal. */
WorkerDisk *worker_disk_free(WorkerDisk *disk);
