/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/error.h"
#include "daemon/id-map.h"
#include "daemon/layer.h"
#include "daemon/settings.h"

/* Distributions on disk: DATA/distributions/NAME/{rootfs,distribution.conf}
 * (rootfs may lie elsewhere, daemon/registry-move.h), and
 * DATA/staging for what is being made or removed. A name appears and vanishes
 * by rename, so that a distribution is there whole or not at all. */

typedef enum DistributionState {
        DISTRIBUTION_INSTALLED,
        DISTRIBUTION_INSTALLING,
        DISTRIBUTION_UNINSTALLING,
        DISTRIBUTION_EXPORTING,
        DISTRIBUTION_CLONING, /* another one is made of it */
        DISTRIBUTION_MOVING,
        DISTRIBUTION_SNAPSHOTTING,
        DISTRIBUTION_ROLLING_BACK,
        DISTRIBUTION_UNAVAILABLE, /* its files lie elsewhere, and that is not there just now */
        DISTRIBUTION_BROKEN,
        DISTRIBUTION_STATE_MAX,
        DISTRIBUTION_STATE_INVALID = -22,
} DistributionState;

const char *distribution_state_to_string(DistributionState state);

/* Whether it is there, whole, and stays, though an operation may hold it just now. */
static inline bool distribution_state_is_lasting(DistributionState state) {
        return state == DISTRIBUTION_INSTALLED || state == DISTRIBUTION_EXPORTING || state == DISTRIBUTION_CLONING ||
               state == DISTRIBUTION_MOVING || state == DISTRIBUTION_SNAPSHOTTING ||
               state == DISTRIBUTION_ROLLING_BACK || state == DISTRIBUTION_UNAVAILABLE;
}

/* The first interactive launch, on which a distribution that brings a command along for that sets itself up. */
typedef enum OobeState {
        OOBE_NONE,    /* there is nothing (more) to set up */
        OOBE_PENDING, /* until then programs run as root */
        OOBE_RUNNING, /* in somebody's terminal; it counts as pending when lxssd starts */
        OOBE_STATE_MAX,
        OOBE_STATE_INVALID = -22,
} OobeState;

const char *oobe_state_to_string(OobeState state);

typedef struct Distribution {
        char *name;
        DistributionState state;
        char *directory;       /* its own in the registry's, with distribution.conf */
        char *rootfs;          /* where it is, or will be: there, or elsewhere; with layers: what differs from them */
        char **layers;         /* what it stands on, topmost first; NULL: its rootfs is all of it */
        GPtrArray *snapshots;  /* Snapshot, the oldest first; may be NULL */
        bool refers_unknown;   /* to which layers it refers is not known, or not wholly */
        char *location;        /* elsewhere: the directory that was made for it (daemon/registry-move.h); NULL: not */
        char *location_id;
        char *default_user;    /* NULL: root */
        char *release;         /* PRETTY_NAME; may be empty */
        char *source;          /* what it was installed from, for people; may be empty */
        OobeState oobe;
        bool shortcut;         /* desktops are to show it */
        char *icon;            /* the file's name beside rootfs, or NULL */
        uint64_t install_time; /* microseconds since the epoch */
        IdMode id_mode;        /* that its files were written in */
        uint32_t slot;         /* ID_MODE_ROOT: which range of ids its instances get */
        InstanceSettings settings;
        char *trouble;         /* DISTRIBUTION_BROKEN: what is wrong, as part of a sentence */
} Distribution;

typedef struct Registry Registry;

/* Opens the data directory, making what is missing, and takes its lock, which
 * the process holds until it ends. Waits some seconds for another lxssd that is
 * about to end. Returns 0 or negative errno with *reterr set; -EBUSY where
 * another one serves this directory. */
int registry_open(const char *directory, const char *settings_file, Registry **ret, sd_bus_error *reterr);
Registry *registry_free(Registry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Registry, registry_free)

const char *registry_directory(const Registry *registry);
const Settings *registry_settings(const Registry *registry);

/* By exact name; NULL. Borrowed, as all Distribution pointers, until it is removed. */
Distribution *registry_find(Registry *registry, const char *name);

/* The chosen default if it is installed, else the one installed first; NULL where none is. */
Distribution *registry_default(Registry *registry);
int registry_set_default(Registry *registry, Distribution *distribution, sd_bus_error *reterr);

/* All of them in the order of their names; g_ptr_array_unref() it. */
GPtrArray *registry_list(Registry *registry);

/* An installed distribution by name (NULL or empty: the default), or the error
 * that says what to type. -EINPROGRESS where an operation holds it. */
int registry_resolve(Registry *registry, const char *name, Distribution **ret, sd_bus_error *reterr);

/* Reserves a name for an installation. -EINVAL, -EEXIST. */
int registry_reserve(Registry *registry, const char *name, Distribution **ret, sd_bus_error *reterr);

/* Gives a reserved one, that is still being installed, the name that it turned out to have. -EINVAL, -EEXIST. */
int registry_rename_reserved(Registry *registry, Distribution *distribution, const char *name, sd_bus_error *reterr);

/* Writes what has changed of an installed distribution. */
int registry_store(Registry *registry, Distribution *distribution, sd_bus_error *reterr);

/* Forgets a reserved, or a removed, distribution and frees it. */
void registry_forget(Registry *registry, Distribution *distribution);

/* A new, empty directory in staging; g_free() the path. */
int registry_make_staging(Registry *registry, char **ret, sd_bus_error *reterr);

/* Gives a directory to the worker: it works as the container's root, which for root's own lxssd is another id. */
int registry_hand_over(const char *path);

/* Turns DIRECTORY (from staging, with its rootfs) into the reserved
 * distribution: writes its settings, those of `origin` if there is one, syncs, renames. */
int registry_commit(Registry *registry, Distribution *distribution, const Distribution *origin, const char *staging,
                    sd_bus_error *reterr);

/* Takes a distribution's directory away into staging, where the rest of the
 * removal happens; from then on it is gone for everybody. */
int registry_withdraw(Registry *registry, Distribution *distribution, char **ret_staging, sd_bus_error *reterr);

/* Changes a distribution's own settings, which must be valid, all at once. */
int registry_configure(Registry *registry, Distribution *distribution, const SettingChange *changes, size_t n,
                       sd_bus_error *reterr);

/* Gives a broken distribution whose root file system is there a new distribution.conf,
 * with what can still be read of the old one. *ret_aside: where that is kept, or empty
 * where there was none; g_free() it. What cannot be repaired fails with a sentence that says why. */
int registry_repair(Registry *registry, Distribution *distribution, char **ret_aside, sd_bus_error *reterr);

/* Gives a distribution that nothing runs in or works on another name. -EINVAL,
 * -EEXIST. The default one stays the default one. */
int registry_rename(Registry *registry, Distribution *distribution, const char *name, sd_bus_error *reterr);

/* What an earlier lxssd left in staging: full paths; g_strfreev() it. */
char **registry_leftovers(Registry *registry);
