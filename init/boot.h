/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* What lxssd must know of a distribution's own wishes. */
typedef struct Boot {
        char *user;        /* who programs run as where nobody says; NULL: lxssd's choice. The caller's to free. */
        bool without_host; /* /mnt/host is not there */
} Boot;

/* Carries out /etc/wsl.conf and /etc/fstab, once, before the first program.
 * Nothing that goes wrong keeps the instance from starting: `warn` gets a
 * sentence about it, which holds foreign bytes. Sets our umask, which programs
 * inherit. home_of: whose home is at BOOT_HOME; NULL: nobody's. SIGCHLD must be at its default or handled: children
 * are waited for. */
void boot(void (*warn)(const char *sentence), const char *home_of, Boot *ret);
