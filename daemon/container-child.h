/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/container.h"

/* What the child processes tell their parent, a packet each over SOCK_SEQPACKET:
 * first the container's pid, then, only if something fails,
 * the step and its errno; end of file after the pid means that it runs. */
typedef struct ContainerReport {
        int step; /* ContainerStep, or -1: this packet announces the pid */
        int error;
        pid_t pid;
} ContainerReport;

#define CONTAINER_STEPS(X)                                                   \
        X(ENTER, "entering the base namespaces")                             \
        X(CLONE, "making namespaces")                                        \
        X(MAP_IDS, "mapping user ids")                                       \
        X(ROOT, "mounting the root file system")                             \
        X(STACK, "mounting the distribution's layers")                       \
        X(IDENTITY, "becoming the container's root user")                    \
        X(HOST, "mounting the host at /mnt/host")                            \
        X(PROC, "mounting /proc")                                            \
        X(SYS, "mounting /sys")                                              \
        X(DEV, "making /dev")                                                \
        X(RUN, "mounting /run and /tmp")                                     \
        X(TOOLS, "mounting the tools of instances")                          \
        X(HOME, "mounting the home directory of the host")                   \
        X(NETWORK, "making a network of its own")                            \
        X(INIT, "mounting /init")                                            \
        X(PIVOT, "changing to the root file system")                         \
        X(STAGING, "mounting the staging directory")                         \
        X(DESCRIPTORS, "passing descriptors")                                \
        X(EXEC, "executing the first process")

typedef enum ContainerStep {
#define X(id, text) CONTAINER_STEP_##id,
        CONTAINER_STEPS(X)
#undef X
        CONTAINER_STEP_MAX,
        CONTAINER_STEP_INVALID = -22,
} ContainerStep;

/* Static; "starting it" for what is out of range. */
const char *container_step_to_string(int step);

/* The body of lxssd's forked child: makes the namespaces and PID 1 in them as
 * lxssd's own child, reports it, and exits. lxssd: daemon/parent-death.h. */
_Noreturn void container_child_run(const ContainerSpec *spec, int lxssd, int report);
