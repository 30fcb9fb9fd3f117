/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A distribution's entry in the desktop's menus: a terminal with its login shell
 * (Desktop Entry Specification). Root has none, since no desktop is root's, nor has
 * an lxssd whose data are elsewhere (LXSS_DATA_DIR), which that lxctl would not find. */

/* Writes, or replaces, lxss-NAME.desktop, whole or not at all. release is what people
 * call the distribution and may be empty; icon is a path or NULL. Returns 1; 0 where
 * there are none to be; or negative errno. */
int shortcut_write(const char *name, const char *release, const char *icon);

/* Returns 1, 0 where there was none, or negative errno. */
int shortcut_remove(const char *name);
