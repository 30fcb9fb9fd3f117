/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/id-map.h"

/* The namespaces that all of an lxssd's containers begin in: a user namespace,
 * whose maps need newuidmap(1), and a mount namespace with what containers are
 * made of (daemon/base-stage.h). They are made once, by the program lxss-base, and
 * kept by descriptors; each container then gets its own inside them, whose maps
 * lxssd may write itself. Root needs no user namespace in between: it maps each
 * container's ids directly. */
typedef struct Base Base;

/* error is NULL where they are there. */
typedef void (*base_ready_t)(Base *base, const sd_bus_error *error, void *userdata);

/* `event` is borrowed and must outlive it. maker: the socket of an lxss-base that
 * is at work already (taken over), or negative. */
Base *base_new(sd_event *event, int maker);
Base *base_free(Base *base);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Base, base_free)

/* Begins to make them, for somebody will want them soon. */
void base_prepare(Base *base);

/* Calls back once they are there or could not be made: at once where that is
 * known, else from the loop. A later call tries again after a failure. */
void base_get(Base *base, base_ready_t callback, void *userdata);

/* Forgets the callbacks with this userdata. */
void base_cancel(Base *base, void *userdata);

/* ID_MODE_INVALID until it is known. */
IdMode base_mode(const Base *base);

/* Descriptors, borrowed. The user namespace: -EBADF for root. */
int base_user_fd(const Base *base);
int base_mount_fd(const Base *base);

/* The maps of a container inside (identity); for root not to be asked for. */
const IdMap *base_uid_map(const Base *base);
const IdMap *base_gid_map(const Base *base);

/* Which of the host's ids own the files of distributions on disk. */
const IdMap *base_host_uid_map(const Base *base);
const IdMap *base_host_gid_map(const Base *base);
