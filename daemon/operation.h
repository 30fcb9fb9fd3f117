/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/client.h"
#include "daemon/error.h"
#include "daemon/registry.h"
#include "daemon/base.h"
#include "shared/archive-format.h"

/* Long work on distributions, with progress: it happens in a worker (its own
 * container, on a staging directory) and shows by one rename. The manager runs
 * one at a time, exports aside. */

typedef enum OperationKind {
        OPERATION_INSTALL,
        OPERATION_UNINSTALL,
        OPERATION_EXPORT,
        OPERATION_CLONE,
        OPERATION_CLEANUP, /* of what an earlier lxssd left; nobody asked for it, and nobody is told */
        OPERATION_KIND_MAX,
        OPERATION_KIND_INVALID = -22,
} OperationKind;

const char *operation_kind_to_string(OperationKind kind);

typedef struct Operation Operation;

typedef struct OperationEvents {
        void (*changed)(Operation *operation, void *userdata);
        /* error is NULL where it succeeded. The operation may be freed, from here too. */
        void (*finished)(Operation *operation, const sd_bus_error *error, void *userdata);
} OperationEvents;

/* What all operations of an lxssd have in common; outlives them. */
typedef struct OperationHost {
        sd_event *event;
        Base *base;
        Registry *registry;
        int worker_fd; /* lxss-worker */
        OperationEvents events;
        void *userdata;
} OperationHost;

struct Operation {
        const OperationHost *host;
        uint64_t id;
        OperationKind kind;
        Client *client;             /* who asked; NULL once gone */
        bool detached;              /* goes on without its client */
        bool started, canceled;
        char *name;                 /* of the distribution */
        Distribution *distribution; /* while there is one */
        Distribution *held;         /* UNINSTALL, EXPORT: the same, CLONE: the original; nobody else may use it */
        DistributionState before;   /* what held was */
        const char *stage;          /* static */
        double progress;            /* 0 to 1; negative: not known */

        int directory;              /* INSTALL: the source, or what has the image; EXPORT: to be an image; or -EBADF */
        int archive;                /* INSTALL: to read, or -EBADF; EXPORT: to write; CLONE: the original's root */
        ArchiveFormat format;       /* EXPORT */
        char *suite;                /* INSTALL: to bootstrap, or NULL */
        const char *transport;      /* INSTALL: of an image (static; fetch-skopeo.h), or NULL */
        char *image;                /* INSTALL: its name there, may be empty; EXPORT: its tag, or NULL: an archive */
        char *user;                 /* INSTALL: the name for the default user */
        char *sha256;               /* INSTALL: of the archive, or NULL */
        bool make_default, terminate;

        struct OperationWork *work;
};

/* Whether a distribution comes of it. */
static inline bool operation_makes(const Operation *operation) {
        return operation->kind == OPERATION_INSTALL || operation->kind == OPERATION_CLONE;
}

/* Nothing happens before operation_start(). The name is copied. */
Operation *operation_new(const OperationHost *host, uint64_t id, OperationKind kind, const char *name);
Operation *operation_free(Operation *operation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operation, operation_free)

/* finished comes from the loop. No instance of held may run; for CLEANUP,
 * `staging` is the directory to remove, else NULL. */
void operation_start(Operation *operation, const char *staging);

/* finished follows, saying so; false where it can no longer be undone. Not for one that has not started. */
bool operation_cancel(Operation *operation);
