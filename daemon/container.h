/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/id-map.h"

/* A process in namespaces of its own that is their PID 1: an instance's /init,
 * or a worker on a staging directory. When it ends, everything in it has ended
 * (pid_namespaces(7)): on_exited means that nothing is left. */
typedef struct Container Container;

typedef enum ContainerKind {
        CONTAINER_INSTANCE, /* root is the root file system, with /proc, /sys, /dev, /run, /tmp made for it */
        CONTAINER_WORKER,   /* the host's file systems, with root at WORKER_MOUNT */
} ContainerKind;

#define WORKER_MOUNT "/mnt"

typedef struct ContainerSpec {
        ContainerKind kind;
        IdMode mode;
        int user_fd;        /* the base namespaces (daemon/base.h); no user namespace in ID_MODE_ROOT: -EBADF */
        int mount_fd;
        IdMap uids, gids;   /* of the container's own namespace; in ID_MODE_ROOT, of a worker */
        uint32_t slot_base; /* ID_MODE_ROOT, instances, shift_root: first id of the range; files are mapped from
                               ID_STORE_BASE */
        const char *root;   /* absolute path on the host; NULL: what the stack makes */
        /* Directories on the host that make one tree (daemon/container-stack.h), topmost first; NULL: none. An
         * instance writes to the first, which has "rootfs" and "work" in it. A worker reads them: as
         * WORKER_MOUNT, or with a root as its descriptor 4. */
        const char *const *stack;
        bool shift_root;    /* workers in ID_MODE_ROOT: mount the root as an instance's, to see whether that works */
        bool host;          /* instances: the host's tree at /mnt/host */
        const char *home;   /* instances: a directory of the host's, put at BOOT_HOME for /init; NULL: none */
        bool own_network;   /* instances: a network of its own, with a loopback alone, rather than the host's */
        int network_fd;     /* instances: the network namespace to be in, not its own; borrowed; -EBADF: none such */
        const char *resolver; /* instances: what /etc/resolv.conf says; NULL: what that of the host says */
        int cgroup_fd;      /* a cgroup to start in; -EBADF: lxssd's own */
        int program_fd;     /* workers: what to execute, borrowed; an instance executes /init of the base */
        const char *const *argv;
        int fds[2];         /* its descriptors 3 and 4; -EBADF: none; borrowed */
} ContainerSpec;

typedef struct ContainerEvents {
        /* The program is about to run, or could not be started; then step says
         * what failed (static) and error is a positive errno, and on_exited never comes. */
        void (*started)(Container *container, void *userdata);
        void (*failed)(Container *container, const char *step, int error, void *userdata);
        /* Nothing of it is left. The last event. */
        void (*exited)(Container *container, const siginfo_t *info, void *userdata);
} ContainerEvents;

/* Starts one; every event comes from the loop, never from within this call.
 * Returns 0, or negative errno where not even a process could be made. */
int container_start(sd_event *event, const ContainerSpec *spec, const ContainerEvents *events, void *userdata,
                    Container **ret);

/* SIGKILL; exited (or failed) follows. */
void container_kill(Container *container);

/* Host process id of PID 1; 0 while it is not known. */
pid_t container_leader(const Container *container);

/* Kills it, waits until it is gone, and frees it. Returns NULL; NULL is legal. */
Container *container_free(Container *container);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Container, container_free)
