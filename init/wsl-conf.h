/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/util.h"

/* A distribution's own settings, /etc/wsl.conf, as WSL defines it: bytes → values.
 * What WSL knows and Linux has no use for is accepted in silence. */

#define WSL_CONF_PATH "/etc/wsl.conf"
#define WSL_CONF_MAX (64u << 10)
/* sethostname(2) takes as many bytes. */
#define WSL_CONF_HOSTNAME_MAX 64

typedef struct WslConf {
        char *command;      /* [boot] command; NULL: none */
        char *user;         /* [user] default, printable; NULL: not set */
        unsigned user_line; /* where that stands */
        char *hostname;     /* [network] hostname, made one that can be set; NULL: not set */
        bool mount_host;    /* [automount] enabled */
        bool mount_fstab;
        bool generate_hosts, generate_resolv_conf;
        mode_t umask;
        char **warnings;    /* a sentence each, behind "/etc/wsl.conf:LINE: " */
} WslConf;

#define WSL_CONF_DEFAULT                                                                       \
        {                                                                                      \
                .mount_host = true, .mount_fstab = true, .generate_hosts = true,               \
                .generate_resolv_conf = true, .umask = 022,                                    \
        }

/* Reads `size` bytes of any kind into *conf, which holds the defaults. Lines
 * that say nothing sensible have a warning each, and the others apply. Returns 0
 * or -ENOMEM; *conf can be used and must be cleared either way. */
int wsl_conf_parse(const char *text, size_t size, WslConf *conf);

void wsl_conf_clear(WslConf *conf);
#define _cleanup_wsl_conf_ _cleanup_(wsl_conf_clear)
