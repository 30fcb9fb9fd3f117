/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/error.h"

/* lxss.conf(5) as values. */

typedef enum HomeSetting {
        HOME_PRIVATE, /* the distribution's own */
        HOME_HOST,    /* the host's, over that of the default user */
} HomeSetting;

typedef enum NetworkSetting {
        NETWORK_HOST,
        NETWORK_PRIVATE, /* of its own, with a way out of the user's */
        NETWORK_NONE,    /* nothing but a loopback of its own */
        NETWORK_SETTING_MAX,
} NetworkSetting;

/* How far programs see and are seen on LxBus. */
typedef enum BusReach {
        BUS_REACH_ALL,      /* as servers say */
        BUS_REACH_INSTANCE, /* within the instance */
        BUS_REACH_NONE,     /* not at all */
} BusReach;

/* Where a value comes from; the later goes over the earlier. */
typedef enum SettingOrigin {
        SETTING_DEFAULT,
        SETTING_SYSTEM, /* /etc/lxss/lxss.conf */
        SETTING_USER,
        SETTING_DISTRIBUTION,
        SETTING_ORIGIN_MAX,
} SettingOrigin;

const char *setting_origin_to_string(SettingOrigin origin);

/* How many keys there are in [instance]. */
#define SETTINGS_INSTANCE_KEYS 9

typedef struct InstanceSettings {
        uint64_t linger_seconds; /* LINGER_NONE, LINGER_FOREVER or seconds (shared/launch-request.h) */
        bool automount;          /* the host at /mnt/host */
        bool isolated;           /* no way to the host at all */
        HomeSetting home;
        NetworkSetting network;
        BusReach lxbus;
        uint64_t memory_bytes;         /* this and the next two: 0 is no limit */
        uint64_t processor_thousandths;
        uint64_t pids;
        SettingOrigin origins[SETTINGS_INSTANCE_KEYS]; /* in the order of settings_instance_key() */
} InstanceSettings;

typedef struct Settings {
        char *default_distribution; /* NULL: none was chosen */
        uint64_t exit_idle_usec;    /* G_MAXUINT64: never */
        char **catalogue;           /* URLs; later ones go over earlier ones */
        uint64_t transfer_timeout;  /* seconds without a sign of life, at least 1 */
        InstanceSettings instance; /* for all distributions */
} Settings;

/* Whether an instance sees the host at /mnt/host, and the user's home of the host as its own. */
static inline bool settings_mount_host(const InstanceSettings *settings) {
        return settings->automount && !settings->isolated;
}

static inline bool settings_share_home(const InstanceSettings *settings) {
        return settings->home == HOME_HOST && !settings->isolated;
}

static inline BusReach settings_bus_reach(const InstanceSettings *settings) {
        return settings->isolated && settings->lxbus == BUS_REACH_ALL ? BUS_REACH_INSTANCE : settings->lxbus;
}

/* Reads /etc/lxss/lxss.conf and then the user's file over it. What is missing
 * or wrong keeps its default; unknown keys and bad values are logged with file
 * and line. */
Settings *settings_load(const char *user_file);
Settings *settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

/* The group [instance] of a distribution.conf over what *settings holds. */
void settings_load_instance(const char *file, InstanceSettings *settings);

/* The keys of [instance], from 0; NULL behind the last. Static. */
const char *settings_instance_key(size_t i);

/* What the key at this place has, as a file would say it. g_free() it. */
char *settings_instance_value(const InstanceSettings *settings, size_t i);

/* Whether a file may say this in [instance]. 0, or -EINVAL with what is wrong in *reterr. */
int settings_check_instance(const char *key, const char *value, sd_bus_error *reterr);

typedef struct SettingChange {
        const char *group, *key;
        const char *value; /* NULL: the key is taken out */
} SettingChange;

/* Changes a key file at once or not at all, keeping all else in it, comments too;
 * makes it with this mode where it is not there. 0 or negative errno with *reterr set. */
int settings_store(const char *file, int mode, const SettingChange *changes, size_t n, sd_bus_error *reterr);

/* Writes default-distribution into the user's file likewise. */
int settings_store_default(const char *user_file, const char *name, sd_bus_error *reterr);
