/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxssd manages at one moment: all of its objects, by one call. Strings
 * are never NULL. */

#include <stdbool.h>
#include <stdint.h>

#include "client/lxss/remote.h"

typedef struct DistributionInfo {
        char *name, *state, *root, *default_user, *oobe, *release, *source;
        bool is_default;
        uint64_t install_time;
        char **layers;   /* below root, topmost first; may be NULL */
        char **settings; /* key, value, where it comes from, …; may be NULL */
} DistributionInfo;

typedef struct InstanceInfo {
        char *distribution, *state;
        uint32_t leader, clients, processes;
        uint64_t start_time;
        char **warnings; /* may be NULL */
} InstanceInfo;

typedef struct ProcessInfo {
        char *distribution, *command_line, *user;
        uint32_t pid;
        bool terminal;
        uint64_t start_time;
} ProcessInfo;

typedef struct OperationInfo {
        char *kind, *distribution, *stage;
        double progress;
} OperationInfo;

typedef struct Snapshot {
        DistributionInfo *distributions; /* ascending by name */
        InstanceInfo *instances;
        ProcessInfo *processes;          /* ascending by pid */
        OperationInfo *operations;
        size_t n_distributions, n_instances, n_processes, n_operations;
} Snapshot;

typedef struct ManagerInfo {
        char *version, *default_distribution, *log_target, *data_directory, *id_mode;
        uint32_t distributions, instances, processes, operations, clients, pid;
} ManagerInfo;

/* 0 or negative errno with reterr. */
int snapshot_take(Connection *connection, Snapshot *ret, Failure *reterr);
void snapshot_finish(Snapshot *snapshot);
#define _cleanup_snapshot_ _cleanup_(snapshot_finish)

int manager_info_get(Connection *connection, ManagerInfo *ret, Failure *reterr);
void manager_info_finish(ManagerInfo *info);
#define _cleanup_manager_info_ _cleanup_(manager_info_finish)

/* The running or starting instance of a distribution, NULL: none. */
const InstanceInfo *snapshot_find_instance(const Snapshot *snapshot, const char *distribution);
const DistributionInfo *snapshot_find_distribution(const Snapshot *snapshot, const char *name);

/* What people call the state: running where an instance is there, stopped where
 * the distribution is only installed, else its own. */
const char *snapshot_state(const Snapshot *snapshot, const DistributionInfo *distribution);
