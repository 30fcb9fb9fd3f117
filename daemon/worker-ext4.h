/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes the files of the ext2, ext3 or ext4 file system that is in a file to tar:
 * owners, modes, times, hard links, holes, and the extended attributes that
 * worker_extract() restores. Device nodes, sockets and lost+found are left out.
 * Returns 0 or negative errno, having written the reason to messages as a line. */
int worker_ext4_write_tar(const char *path, int tar, int messages);
