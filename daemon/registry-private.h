/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What registry.c and registry-*.c share, and nobody else may see. */

#include "daemon/registry.h"

struct Registry {
        char *directory, *distributions, *staging, *layers, *settings_file;
        Settings *settings;
        GHashTable *table; /* name → Distribution, owned */
        int lock;
};

/* registry.c */

/* A new one in the table, of which nothing is known yet. */
Distribution *registry_add(Registry *registry, const char *name, DistributionState state);

/* The first range of ids that no distribution has. */
uint32_t registry_free_slot(Registry *registry);

/* Makes a directory of staging one of the distribution's: with distribution.conf, what the distribution is now over
 * what people have set for `origin`, if there is one, and its icon; no longer the worker's. */
int registry_furnish(const Distribution *d, const Distribution *origin, const char *staging, sd_bus_error *reterr);

/* registry-conf.c */

/* Whether a folder is a distribution's: one whose name cannot be that only if it looks like one. */
bool registry_is_ours(Registry *registry, const char *name);

/* Puts such a folder into the table. What cannot be used is listed as broken, so that it can be repaired or removed. */
void registry_load_conf(Registry *registry, const char *name);

/* Writes what the distribution is into a directory, over what people have set for `origin`, if there is one. */
int registry_write_conf(const Distribution *d, const Distribution *origin, const char *directory, sd_bus_error *reterr);

/* What can be done about a broken one. */
int registry_fail_broken(const Distribution *d, sd_bus_error *reterr);

/* registry-layers.c */

/* The layers and snapshots of its distribution.conf. What an interrupted operation left of them in staging is
 * brought into place. Where it cannot stand on its layers, negative errno and *ret_problem, a part of a sentence. */
int registry_load_layers(Registry *registry, Distribution *d, GKeyFile *file, char **ret_problem);
void registry_forget_layers(Distribution *d);

/* registry-target.c */

/* Whether a distribution's files may be moved into this directory, and its path; g_free() it. 0 or negative errno with
 * *reterr set. */
int registry_check_target(Registry *registry, int directory, char **ret_path, sd_bus_error *reterr);

/* registry-move.c */

/* Takes the place of a distribution's files from its distribution.conf, if that names one elsewhere. -EINVAL where
 * what it says cannot be. */
int registry_load_place(Distribution *d, GKeyFile *file);

/* 0, or -ENODEV with *reterr set where the files lie elsewhere and that is not there. Sets the state to either. */
int registry_check_place(Distribution *d, sd_bus_error *reterr);
