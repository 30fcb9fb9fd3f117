/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/util.h"

/* What a distribution's maker wants of its installation and its first launch:
 * /etc/wsl-distribution.conf, as WSL defines it: bytes → values. lxss-worker
 * reads it at the installation, /init at the first launch. What is there for
 * Windows Terminal is accepted in silence. */

#define WSL_DISTRIBUTION_PATH "/etc/wsl-distribution.conf"
#define WSL_DISTRIBUTION_MAX (64u << 10)

typedef struct WslDistribution {
        char *command;  /* [oobe] command, for /bin/sh; NULL: none */
        char *name;     /* [oobe] defaultName, one that a distribution can have; NULL: none */
        int64_t uid;    /* [oobe] defaultUid; negative: none */
        char *icon;     /* [shortcut] icon, an absolute path without ".."; NULL: none */
        bool shortcut;  /* [shortcut] enabled */
        char **warnings; /* a sentence each, behind "/etc/wsl-distribution.conf:LINE: " */
} WslDistribution;

#define WSL_DISTRIBUTION_DEFAULT { .uid = -1, .shortcut = true }

/* Reads `size` bytes of any kind into *values, which holds the defaults. Lines
 * that say nothing sensible have a warning each, and the others apply. Returns 0
 * or -ENOMEM; *values can be used and must be cleared either way. */
int wsl_distribution_parse(const char *text, size_t size, WslDistribution *values);

/* The same with the file itself, which lies in this process's root directory; links
 * are followed. Returns 0, or negative errno: -ENOENT, -EFBIG, or what read_linked_file() says. */
int wsl_distribution_read(WslDistribution *values);

void wsl_distribution_clear(WslDistribution *values);
#define _cleanup_wsl_distribution_ _cleanup_(wsl_distribution_clear)
