/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Values of layers and snapshots, and how distribution.conf keeps them. A layer is a
 * root file system that is only read: DATA/layers/ID/rootfs. A distribution that
 * stands on layers, topmost first, has in its own rootfs only what differs from
 * them (daemon/container-stack.h). No I/O here. */

/* More make every look-up slower, and not many more can be mounted. */
#define LAYERS_MAX 60

/* Whether it can be the name of a layer: letters and digits. */
bool layer_id_is_valid(const char *id);

/* The layers in a group of a key file, g_strfreev() them; NULL in *ret: there are none. -EBADMSG
 * where what is there cannot be the names of layers. */
int layers_load(GKeyFile *file, const char *group, char ***ret);
/* NULL takes the key away. */
void layers_store(GKeyFile *file, const char *group, char *const *layers);

/* `id` above the others; g_strfreev() it. */
char **layers_push(const char *id, char *const *below);

/* Whether both are the same layers. NULL is none. */
bool layers_equal(char *const *a, char *const *b);

/* What a distribution was at some moment. */
typedef struct Snapshot {
        char *name;
        uint64_t time; /* microseconds since the epoch */
        char *release; /* of the distribution, then */
        char **layers; /* at least one */
} Snapshot;

Snapshot *snapshot_new(const char *name, uint64_t time, const char *release, char *const *layers);
void snapshot_free(void *snapshot);

/* All of a key file, the oldest first. Those that make no sense are left out, and counted in *ret_damaged.
 * g_ptr_array_unref() frees them. */
GPtrArray *snapshots_load(GKeyFile *file, guint *ret_damaged);
/* Exactly these. */
void snapshots_store(GKeyFile *file, const GPtrArray *snapshots);
