/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/broker.h"
#include "daemon/catalogue-lookup.h"
#include "daemon/client.h"
#include "daemon/error.h"
#include "daemon/instance.h"
#include "daemon/operation.h"
#include "daemon/process.h"
#include "daemon/registry.h"

/* Owns the tables of clients, instances, processes and operations, and decides
 * who waits for whom. Everything that it is asked has been authorised; it asks
 * the bus nothing, and tells it the news through ManagerEvents. */
typedef struct Manager Manager;

/* All from the loop or from within the call that caused them. What an event is
 * about exists until the event returns, and in the *_removed ones no longer in the tables. */
typedef struct ManagerEvents {
        void (*distribution_added)(Distribution *distribution, void *userdata);
        void (*distribution_changed)(Distribution *distribution, void *userdata);
        void (*distribution_removed)(const char *name, void *userdata);
        void (*instance_added)(Instance *instance, void *userdata);
        void (*instance_changed)(Instance *instance, void *userdata);
        void (*instance_warned)(Process *process, void *userdata); /* of daemon/instance.h */
        void (*instance_removed)(const char *name, void *userdata);
        void (*process_started)(Process *process, void *userdata);
        void (*process_failed)(Process *process, const sd_bus_error *error, void *userdata);
        void (*process_stopped)(Process *process, int signal, void *userdata);
        void (*process_ended)(Process *process, int code, int status, void *userdata);
        void (*operation_added)(Operation *operation, void *userdata);
        void (*operation_changed)(Operation *operation, void *userdata);
        void (*operation_warned)(Operation *operation, const char *warning, void *userdata); /* of daemon/operation.h */
        void (*operation_finished)(Operation *operation, const sd_bus_error *error, void *userdata);
        void (*server_added)(uint64_t id, void *userdata); /* those of LxBus: daemon/broker.h */
        void (*server_removed)(uint64_t id, void *userdata);
        /* Nobody needs lxssd any more. */
        void (*idle)(void *userdata);
} ManagerEvents;

/* Takes the registry over. Opens /init and the worker. Returns 0, or negative errno with *reterr set. */
int manager_new(sd_event *event, Registry *registry, const ManagerEvents *events, void *userdata, Manager **ret,
                sd_bus_error *reterr);
/* Ends what still runs, waiting for it. */
Manager *manager_free(Manager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)

/* A peer has come (fd: its connection, borrowed, or negative), and has gone: its processes are hung up, its
 * operations canceled. */
Client *manager_client_new(Manager *manager, uid_t uid, int fd);
void manager_client_gone(Manager *manager, Client *client);

/* Launches a program. Takes the request over, and a reference of the message,
 * which process->launch_message holds in the events that follow. Returns 0, or
 * negative errno with *reterr set where it is clear at once that it cannot be. */
int manager_launch(Manager *manager, Client *client, LaunchRequest *request, sd_bus_message *message,
                   sd_bus_error *reterr);

/* What to install. Owned by the caller. */
typedef struct InstallRequest {
        const char *name;          /* empty: what the distribution calls itself, else */
        const char *fallback_name; /* what the source is called; NULL: it must call itself something */
        const char *label; /* for people: where it comes from */
        const char *user;   /* for the default user; NULL: none is made */
        bool user_given;    /* somebody asked for that name */
        const char *suite;  /* to bootstrap, or NULL */
        const char *url;    /* of an archive to transfer, or NULL */
        const char *catalogue_name; /* that url comes from; for whoever makes the request */
        char *const *environment; /* for transfers: see FetchOrder; NULL: lxssd's own */
        const char *sha256; /* that source must have, in lower-case hexadecimal; NULL: any */
        const char *signature_url; /* of the signature, or NULL: signature, or beside the archive */
        int keyring, signature; /* whose signature is wanted, and that itself, duplicated; or negative */
        uint64_t max_size;  /* bytes that the archive may unpack to; 0: what is sensible */
        const char *transport; /* of an image (static; fetch-skopeo.h); NULL: source is none */
        const char *image;  /* its name there, may be empty */
        int source;        /* an archive or a directory, duplicated; negative where one of the above says it */
        bool make_default, detached;
        bool without_oobe, without_shortcut; /* whatever the distribution itself asks for */
} InstallRequest;

int manager_install(Manager *manager, Client *client, const InstallRequest *request, Operation **ret,
                    sd_bus_error *reterr);
int manager_uninstall(Manager *manager, Client *client, const char *name, bool terminate, bool detached,
                      Operation **ret, sd_bus_error *reterr);
/* Makes another distribution of one that does not run. Owned by the caller. */
typedef struct CloneRequest {
        const char *name, *new_name;
        bool terminate; /* end its instance first */
        bool copy;      /* its files are its own, whatever can be shared here */
        bool detached;
} CloneRequest;

int manager_clone(Manager *manager, Client *client, const CloneRequest *request, Operation **ret, sd_bus_error *reterr);

/* Moves the files of a distribution that does not run. Owned by the caller. */
typedef struct MoveRequest {
        const char *name;
        int directory;  /* where to, duplicated; negative: back to their usual place */
        bool terminate; /* end its instance first */
        bool detached;
} MoveRequest;

int manager_move(Manager *manager, Client *client, const MoveRequest *request, Operation **ret, sd_bus_error *reterr);

/* Keeps what a distribution that does not run is now, or makes it again what it was. Owned by the caller. */
typedef struct SnapshotRequest {
        const char *name;
        const char *snapshot; /* empty: a name is made, or the newest one is meant */
        bool rollback;        /* the latter */
        bool terminate;       /* end its instance first */
        bool detached;
} SnapshotRequest;

/* (*ret)->snapshot is the one that it became. */
int manager_snapshot(Manager *manager, Client *client, const SnapshotRequest *request, Operation **ret,
                     sd_bus_error *reterr);
int manager_remove_snapshot(Manager *manager, const char *name, const char *snapshot, sd_bus_error *reterr);

/* Where a distribution that does not run is to be written to. Owned by the caller. */
typedef struct ExportRequest {
        const char *name;
        int target; /* duplicated */
        ArchiveFormat format;
        const char *tag; /* target is an empty directory, to be an image layout with this tag; NULL: an archive */
        ImagePlace place; /* … or where one is to be made for it; borrowed */
        bool terminate; /* end its instance first */
        bool detached;
} ExportRequest;

int manager_export(Manager *manager, Client *client, const ExportRequest *request, Operation **ret,
                   sd_bus_error *reterr);
/* -EBUSY where it can no longer be undone. */
int manager_cancel(Manager *manager, Operation *operation, sd_bus_error *reterr);

/* Keeps an instance up. The callback gets a descriptor (its to close), or an error. */
typedef void (*manager_held_t)(int fd, const sd_bus_error *error, void *userdata);
int manager_hold(Manager *manager, uid_t uid, const char *name, manager_held_t callback, void *userdata,
                 sd_bus_error *reterr);

/* Ends an instance; the callback comes when it is gone. */
typedef void (*manager_done_t)(void *userdata);
int manager_terminate(Manager *manager, const char *name, manager_done_t callback, void *userdata,
                      sd_bus_error *reterr);

/* Ends everything; the callback comes when it is gone, and idle after it. */
void manager_shutdown(Manager *manager, manager_done_t callback, void *userdata);

bool manager_is_shutting_down(const Manager *manager);

/* Of a distribution that does not run. The callback comes with NULL, or later with an error where 0 was returned. */
typedef void (*manager_renamed_t)(const sd_bus_error *error, void *userdata);
int manager_rename(Manager *manager, const char *name, const char *new_name, manager_renamed_t callback, void *userdata,
                   sd_bus_error *reterr);

/* Reads the catalogues of the settings for this client. The callback comes from the loop, and with
 * an error also when the client goes. Returns 0 or negative errno with *reterr set. */
int manager_read_catalogue(Manager *manager, const Client *client, char *const *environment, catalogue_done_t done,
                           void *userdata, sd_bus_error *reterr);

/* Changes settings of a distribution, all or none. Owned by the caller. */
typedef struct ConfigureRequest {
        const char *name;
        char **settings; /* key, value, … */
        char **unset;    /* keys */
} ConfigureRequest;

/* *ret_pending: an instance runs that still has what was changed as it was. */
int manager_configure(Manager *manager, const ConfigureRequest *request, bool *ret_pending, sd_bus_error *reterr);

/* See registry_repair(). What is not broken is left as it is. */
int manager_repair(Manager *manager, const char *name, char **ret_aside, sd_bus_error *reterr);

int manager_set_default(Manager *manager, const char *name, sd_bus_error *reterr);

Registry *manager_registry(Manager *manager);
IdMode manager_id_mode(const Manager *manager);
Instance *manager_find_instance(Manager *manager, const char *name);
Process *manager_find_process(Manager *manager, uint64_t id);
Operation *manager_find_operation(Manager *manager, uint64_t id);

/* Everything there is, in the order of names or ids; g_ptr_array_unref() it. What waits for an
 * operation is not among the processes, nor what lxssd does on its own among the operations. */
GPtrArray *manager_instances(Manager *manager);
GPtrArray *manager_processes(Manager *manager);
GPtrArray *manager_operations(Manager *manager);
guint manager_n_clients(const Manager *manager);

/* LxBus for a process of the host. Returns a descriptor, the caller's, or negative errno with *reterr set. */
int manager_open_bus(Manager *manager, uid_t uid, pid_t pid, sd_bus_error *reterr);
/* LxbusEntry of every server; g_array_unref() it. */
GArray *manager_list_servers(Manager *manager);
/* See daemon/broker.h. */
GArray *manager_list_server_ids(Manager *manager);
Server *manager_find_server(Manager *manager, uint64_t id);

/* Something outside the manager keeps lxssd needed (a request under way), or no longer does. */
void manager_check_idle(Manager *manager);
