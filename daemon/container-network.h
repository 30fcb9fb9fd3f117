/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/container.h"

/* What of a container's set-up depends on the network that it has. Runs in the
 * processes of container-child.c; negative errno on failure. */

/* Enters a network namespace. A sysfs that shows it, not attached yet, is the caller's to close; where the kernel
 * grants none it is negative. */
int container_network_enter(int network_fd, int *ret_sys);

/* A sysfs that shows the network that the caller is in, and has rights over: a mount, not attached yet. */
int container_network_new_sys(void);

/* The host's files about names, over those in the root file system, where the network reaches what
 * they name. After /run. */
int container_network_mount_files(const ContainerSpec *spec, int root);
