/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/id-map.h"

/* The user namespace that all of an lxssd's instances and workers stand in.
 * Its maps need newuidmap(1), so it is made once, on first need, and kept by a
 * descriptor; each container then gets one of its own inside it, whose maps
 * lxssd may write itself. Root needs none of this: it maps each container's
 * ids directly. */
typedef struct Userns Userns;

/* error is NULL where the namespace is there. */
typedef void (*userns_ready_t)(Userns *userns, const sd_bus_error *error, void *userdata);

/* `event` is borrowed and must outlive it. */
Userns *userns_new(sd_event *event);
Userns *userns_free(Userns *userns);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Userns, userns_free)

/* Calls back once the namespace is there or could not be made: at once where
 * that is known, else from the loop. A later call tries again after a failure. */
void userns_get(Userns *userns, userns_ready_t callback, void *userdata);

/* Forgets the callbacks with this userdata. */
void userns_cancel(Userns *userns, void *userdata);

/* ID_MODE_INVALID until it is known. */
IdMode userns_mode(const Userns *userns);

/* The descriptor, borrowed; -EBADF for root. */
int userns_fd(const Userns *userns);

/* The maps of a container inside it (identity); for root not to be asked for. */
const IdMap *userns_uid_map(const Userns *userns);
const IdMap *userns_gid_map(const Userns *userns);
