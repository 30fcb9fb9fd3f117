/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The first of this mount namespace's mounts that is at a directory or below it, as a path, or NULL; g_free() it. */
char *mount_table_find(const char *directory);
