/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What registry.c and registry-move.c share, and nobody else may see. */

#include "daemon/registry.h"

struct Registry {
        char *directory, *distributions, *staging, *settings_file;
        Settings *settings;
        GHashTable *table; /* name → Distribution, owned */
        int lock;
};

/* registry.c */

/* Gives a directory to the worker: it works as the container's root, which for root's own lxssd is another id. */
int registry_hand_over(const char *path);

/* registry-move.c */

/* Takes the place of a distribution's files from its distribution.conf, if that names one elsewhere. -EINVAL where
 * what it says cannot be. */
int registry_load_place(Distribution *d, GKeyFile *file);

/* 0, or -ENODEV with *reterr set where the files lie elsewhere and that is not there. Sets the state to either. */
int registry_check_place(Distribution *d, sd_bus_error *reterr);
