/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where things lie (DESIGN.md, "Where things lie"; XDG Base Directory
 * Specification). Every function returns 0 and a malloc'ed absolute path
 * without a trailing slash in *ret, or negative errno: -ENXIO where neither
 * the environment nor the user database names a home directory. Nothing is
 * created here. An XDG variable that holds a relative path counts as unset, as
 * the specification says. */

/* $XDG_DATA_HOME/lxss; root: /var/lib/lxss. */
int path_data_directory(char **ret);

/* $XDG_CONFIG_HOME/lxss/lxss.conf; root: /etc/lxss/lxss.conf. */
int path_settings_file(char **ret);

/* $XDG_RUNTIME_DIR/lxss, or where that is unset "run" in the data directory; root: /run/lxss.
 * LXSS_RUNTIME_DIR and LXSS_DATA_DIR, LXSS_CONFIG_FILE replace these three (tests, second daemons of root). */
int path_runtime_directory(char **ret);

/* The private socket, "manager" in the runtime directory. -ENAMETOOLONG where
 * it would not fit a sockaddr_un(7). */
int path_manager_socket(char **ret);

/* lxssd's log where there is no journal, "lxssd.log" in the runtime directory. */
int path_log_file(char **ret);

/* Where to read what lxssd had to say: that file, or the command that shows the journal. No path. */
int path_describe_log(char **ret);

/* Where a user's desktop looks for programs: $XDG_DATA_HOME/applications. -ENOENT for root,
 * and where LXSS_DATA_DIR is set, which no desktop knows. */
int path_applications_directory(char **ret);

/* A program of ours that is not in PATH: "lxssd", "lxinit", "lxss-worker".
 * In $LXSS_LIBEXEC_DIR if set (the tests' build tree), else where make install put it. */
int path_libexec(const char *program, char **ret);
