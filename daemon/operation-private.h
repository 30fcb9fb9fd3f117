/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What operation.c and operation-*.c share, and nobody else may see. */

#include "daemon/container.h"
#include "daemon/fetcher.h"
#include "daemon/operation.h"
#include "daemon/registry-move.h"

typedef struct OperationWork {
        char *staging; /* of which nothing may be left, unless it is committed; NULL: EXPORT, which only reads */
        char **stack;  /* what the worker reads, of a distribution that stands on layers */
        Container *container;
        int report;
        sd_event_source *report_source;
        bool removing;                 /* the worker at work is one that removes */
        bool worker_done;              /* it said so */
        Fetcher *fetcher;              /* INSTALL: where the archive comes from, unless the client gave it */
        bool fetch_wanted, fetch_done; /* the worker's "done" is not enough; it said so */
        ImageTarget *image;            /* EXPORT: NULL: an archive */
        bool withdrawn;                /* UNINSTALL: it is gone from the registry */
        bool layered;                  /* CLONE: of the original's layers; SNAPSHOT, ROLLBACK */
        Move *move;                    /* MOVE, until it is concluded */
        bool moved;                    /* … by a rename: it is committed */
        GPtrArray *claims;             /* to be followed when staging is removed */
        char *claim;                   /* of what is being removed: the last one taken from there */
        sd_bus_error error;            /* why it failed */
        sd_event_source *start_source;
} OperationWork;

/* operation.c */

void operation_set_stage(Operation *operation, const char *name);
/* Why it failed: the first reason is. What goes wrong once it was canceled, when its processes are killed, is none. */
void operation_keep_error(Operation *operation, const sd_bus_error *error);
/* Starts lxss-worker on work->staging. 0, or negative errno with *reterr set. */
int operation_start_worker(Operation *operation, const char *const *argv, sd_bus_error *reterr);
void operation_start_removal(Operation *operation);
/* The last thing that is done with it: the receiver may free it. */
void operation_finish(Operation *operation);

/* Starts lxss-fetch with operation->fetch, whose archive operation->archive then is. 0 or negative errno. */
int operation_start_fetcher(Operation *operation);

/* operation-begin.c */

/* 1: there is nothing to wait for. */
int operation_begin(Operation *operation, sd_bus_error *reterr);
/* INSTALL, once there is something to unpack. */
int operation_start_unpacking(Operation *operation, sd_bus_error *reterr);
/* Whose ids are not those that workers see now would come out as somebody else's. */
int operation_check_ids(const Operation *operation, sd_bus_error *reterr);
/* Copies held's files into work->staging. */
int operation_start_copy(Operation *operation, sd_bus_error *reterr);

/* operation-move.c */

/* The beginning, as those in operation.c. 1: it is done already. */
int operation_move(Operation *operation, sd_bus_error *reterr);
/* The copy is made, or not. */
void operation_conclude_move(Operation *operation);
/* What is in staging goes, or what that is a claim on. */
void operation_clean_up(Operation *operation);
/* When something was removed: whether something else remains to be, which then has begun. */
bool operation_remove_next(Operation *operation);

/* operation-layers.c */

/* The beginnings, as those in operation.c. 1: there is no work, commit at once. */
int operation_clone_layered(Operation *operation, sd_bus_error *reterr);
int operation_snapshot(Operation *operation, sd_bus_error *reterr);
int operation_roll_back(Operation *operation, sd_bus_error *reterr);

/* What the worker has prepared appears. */
int operation_commit_layered(Operation *operation, sd_bus_error *reterr);

/* The worker failed: whether a clone can do without layers, and goes on. */
bool operation_copies_instead(Operation *operation);
