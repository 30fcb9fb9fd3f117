/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/error.h"

/* lxss.conf(5) as values. */

typedef struct InstanceSettings {
        uint64_t linger_seconds; /* LINGER_NONE, LINGER_FOREVER or seconds (shared/launch-request.h) */
        bool automount;          /* the host at /mnt/host */
        bool isolated;           /* no way to the host at all */
} InstanceSettings;

typedef struct Settings {
        char *default_distribution; /* NULL: none was chosen */
        uint64_t exit_idle_usec;    /* G_MAXUINT64: never */
        InstanceSettings instance; /* for all distributions */
} Settings;

/* Reads /etc/lxss/lxss.conf and then the user's file over it. What is missing
 * or wrong keeps its default; unknown keys and bad values are logged with file
 * and line. */
Settings *settings_load(const char *user_file);
Settings *settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)

/* The group [instance] of a distribution.conf over what *settings holds. */
void settings_load_instance(const char *file, InstanceSettings *settings);

/* Writes default-distribution into the user's file, keeping all else in it,
 * comments too. Returns 0 or negative errno with *reterr set. */
int settings_store_default(const char *user_file, const char *name, sd_bus_error *reterr);
