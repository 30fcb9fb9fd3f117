/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/registry.h"

/* Snapshots of a distribution: names for the layers that it stood on, in its distribution.conf. */

/* Exactly this one, or NULL. */
Snapshot *registry_find_snapshot(const Distribution *d, const char *name);

/* This one; empty: the newest. The error says what there is. */
int registry_resolve_snapshot(const Distribution *d, const char *name, Snapshot **ret, sd_bus_error *reterr);

/* The name of a new snapshot: the one that is wanted, or where that is empty the date and the time. g_free() it. */
int registry_name_snapshot(const Distribution *d, const char *wanted, char **ret, sd_bus_error *reterr);

/* Keeps what the distribution is now. staging: as in registry_freeze(), or NULL where nothing has changed since. */
int registry_add_snapshot(Registry *registry, Distribution *d, const char *name, const char *staging,
                          sd_bus_error *reterr);

int registry_remove_snapshot(Registry *registry, Distribution *d, const char *name, sd_bus_error *reterr);
