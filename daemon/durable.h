/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Renames that a power cut finds done or not begun. 0 or negative errno. */

int durable_sync_directory(const char *path);

/* Both directories are durable afterwards; -EEXIST where `to` is there. What cannot be made
 * durable is taken back, since whoever hears of a failure takes it for undone. */
int durable_rename(const char *from, const char *to);

/* The same to a name of its own in `directory`, so that nothing new has to be made, for which a full disk has no room.
 * g_free() *ret. */
int durable_move_into(const char *from, const char *directory, char **ret);
