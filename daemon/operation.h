/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/client.h"
#include "daemon/error.h"
#include "daemon/fetcher.h"
#include "daemon/image-target.h"
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
        OPERATION_MOVE,
        OPERATION_SNAPSHOT,
        OPERATION_ROLLBACK,
        OPERATION_CLEANUP, /* of what an earlier lxssd left; nobody asked for it, and nobody is told */
        OPERATION_KIND_MAX,
        OPERATION_KIND_INVALID = -22,
} OperationKind;

/* Where a new distribution's name comes from. */
typedef enum OperationNaming {
        OPERATION_NAMED,       /* somebody gave it */
        OPERATION_SUGGESTED,   /* the source is called that; what the distribution calls itself counts more */
        OPERATION_PROVISIONAL, /* there is none but what the distribution calls itself, once that is known */
} OperationNaming;

const char *operation_kind_to_string(OperationKind kind);

typedef struct Operation Operation;

typedef struct OperationEvents {
        void (*changed)(Operation *operation, void *userdata);
        /* Its name and its distribution's are other ones than `before`, by which both were known. */
        void (*renamed)(Operation *operation, const char *before, void *userdata);
        /* Something that the distribution itself asks for could not be honoured: a sentence. */
        void (*warned)(Operation *operation, const char *warning, void *userdata);
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
        Distribution *held; /* UNINSTALL, EXPORT, MOVE: the same, CLONE: the original, SNAPSHOT, ROLLBACK: the one */
        DistributionState before;   /* what held was */
        const char *stage;          /* static */
        double progress;            /* 0 to 1; negative: not known */

        FetchOrder *fetch; /* INSTALL: how lxss-fetch makes the archive; NULL: it is there, or none is needed */
        bool image;                 /* INSTALL: fetch leaves one in the staging directory */
        int directory;              /* MOVE: where to, or -EBADF: back; EXPORT: to be an image */
        int archive; /* INSTALL: to read, or -EBADF; EXPORT: to write; CLONE, MOVE: the original's root */
        ArchiveFormat format;       /* EXPORT */
        char *tag;                  /* EXPORT: of the image, or NULL: an archive */
        ImagePlace place;           /* EXPORT: of an image, in directory */
        char *suite;                /* INSTALL: to bootstrap, or NULL */
        OperationNaming naming;     /* INSTALL */
        char *user;                 /* INSTALL: the name for the default user */
        bool user_given;            /* … and somebody asked for it */
        bool without_oobe, without_shortcut; /* INSTALL: what the distribution itself asks for is not done */
        char *sha256;               /* INSTALL: of the archive, or NULL */
        uint64_t max_size;          /* INSTALL: bytes that the archive may unpack to, or 0 */
        char *snapshot;             /* SNAPSHOT: its name; ROLLBACK: the one to go back to */
        bool copy;                  /* CLONE: its files are its own */
        bool make_default, terminate;

        struct OperationWork *work;
};

/* Whether a distribution comes of it. */
static inline bool operation_makes(const Operation *operation) {
        return operation->kind == OPERATION_INSTALL || operation->kind == OPERATION_CLONE;
}

/* Whether something appears when the work is done. */
static inline bool operation_commits(const Operation *operation) {
        return operation_makes(operation) || operation->kind == OPERATION_SNAPSHOT ||
               operation->kind == OPERATION_ROLLBACK;
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
