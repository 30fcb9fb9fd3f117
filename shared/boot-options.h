/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxssd leaves for an instance's /init beside the distribution's own settings. */

/* A directory of the host's, mounted here for the home directory of the user whose name is the word behind this
 * option of /init's. Where the distribution itself names a default user, it is that one's. */
#define BOOT_HOME "/run/lxss/home"
#define BOOT_OPTION_HOME_OF "--home-of"
