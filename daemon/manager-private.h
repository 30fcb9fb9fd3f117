/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What manager.c and the other manager-*.c share, and nobody else may see. */

#include "daemon/broker.h"
#include "daemon/diagnosis.h"
#include "daemon/hold.h"
#include "daemon/manager.h"

struct Manager {
        sd_event *event;
        Registry *registry;
        Base *base;
        Broker *broker;
        ManagerEvents events;
        void *userdata;
        InstanceHost instance_host;
        OperationHost operation_host;
        GHashTable *clients;     /* set of Client, owned */
        GHashTable *instances;   /* name → Instance, owned */
        GHashTable *processes;   /* id → Process, owned */
        GHashTable *holds;       /* set of Hold, owned */
        GHashTable *inquiries;   /* set of Inquiry, owned: programs that are being diagnosed */
        GHashTable *first_launches; /* set of FirstLaunch, owned: distributions that are being set up */
        GHashTable *lookups;     /* set of those of manager-catalogue.c, owned */
        GQueue operations;       /* Operation, owned; the head is the one at work */
        GQueue held_back;        /* Process, borrowed: launches that wait for an operation, or a first launch */
        GQueue shutdown_waiters;
        uint64_t last_id;
        bool shutting_down;
        sd_event_source *idle_source;
};

/* manager.c */
int manager_submit(Manager *manager, Process *process, sd_bus_error *reterr);
void manager_drop_process(Manager *manager, Process *process);
void manager_check_shutdown(Manager *manager);
/* 0, or negative errno with *reterr set once Shutdown was called. */
int manager_refuse_while_ending(const Manager *manager, sd_bus_error *reterr);

/* manager-oobe.c */
/* A launch into a distribution that is not set up yet. Returns 0: it goes its way, though perhaps another one than
 * was asked for; 1: it waits in held_back; or negative errno. */
int manager_launch_unready(Manager *manager, Distribution *distribution, Process *process, sd_bus_error *reterr);
/* The process has ended, or failed to start; whether it was a first launch is seen here. */
void manager_end_first_launch(Manager *manager, const Process *process);
void manager_free_first_launch(void *first_launch);

/* manager-operations.c */
extern const OperationEvents manager_operation_events;
void manager_free_operation(void *operation);
/* Takes it over; it starts when its turn comes. */
void manager_enqueue(Manager *manager, Operation *operation);
/* Removes what an earlier lxssd left in staging. */
void manager_clean_up_leftovers(Manager *manager);
/* Removes the layers that nobody refers to any more. */
void manager_clean_up_layers(Manager *manager);
/* Whether an operation is under way that a launch into this distribution (empty: the default one) waits for. */
bool manager_operation_concerns(Manager *manager, const char *name);
/* Lets the launches that wait try again; those for whom the wait goes on line up anew. */
void manager_retry_held_back(Manager *manager);
/* Cancels what the client asked for, and forgets its launches that wait. */
void manager_withdraw_client(Manager *manager, Client *client);
void manager_cancel_all(Manager *manager);

/* manager-requests.c */

/* Where the distribution runs, only if its instance is to be ended. verb: as it is typed. */
int manager_refuse_running(Manager *manager, const Distribution *d, bool terminate, const char *verb,
                           sd_bus_error *reterr);
/* Marks it, until the operation is over. */
void manager_hold_distribution(Manager *manager, Operation *operation, Distribution *d, DistributionState state);

/* manager-bus.c */
Broker *manager_new_broker(Manager *manager);

/* manager-catalogue.c */
void manager_free_lookup(void *lookup);
/* Of the client; NULL: of all. */
void manager_withdraw_lookups(Manager *manager, const Client *client);
