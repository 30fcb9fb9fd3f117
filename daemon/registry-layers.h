/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/registry.h"

/* DATA/layers: what distributions stand on, shared by them, and only read. A layer
 * lives as long as a distribution or a snapshot refers to it. */

/* Whether a distribution has changed nothing since it was frozen, so that its layers are all that it is. */
bool registry_is_unchanged(const Registry *registry, const Distribution *d);

/* 0 where it can be made a layer (and there can be one more), or negative errno with *reterr set. */
int registry_check_layerable(const Distribution *d, sd_bus_error *reterr);

/* Makes what a distribution is now a layer: `staging`, which has an empty rootfs and work, takes its
 * directory's place. Atomic, and durable before it returns. Nothing runs in it. */
int registry_freeze(Registry *registry, Distribution *d, const char *staging, sd_bus_error *reterr);

/* The same, but what it is now is given up: it stands on these layers then. */
int registry_restore(Registry *registry, Distribution *d, char *const *layers, const char *staging,
                     sd_bus_error *reterr);

/* For ContainerSpec.stack, g_strfreev() it: of a distribution that stands on layers. */
char **registry_stack(const Registry *registry, const Distribution *d, bool writable);

/* The host's path of a layer's files; g_free() it. */
char *registry_layer_path(const Registry *registry, const char *id);

/* Takes the layers that nobody refers to away into staging, where the rest of their removal happens: full paths
 * there; g_strfreev() it. None while it is not known what a broken distribution refers to. */
char **registry_withdraw_layers(Registry *registry);
