/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What instance.c and instance-processes.c share, and nobody else may see. */

#include "daemon/container.h"
#include "daemon/init-channel.h"
#include "daemon/instance.h"
#include "daemon/network.h"

typedef struct Ready {
        instance_ready_t callback;
        void *userdata;
} Ready;

typedef struct GoneWaiter {
        void (*callback)(void *userdata);
        void *userdata;
} GoneWaiter;

struct Instance {
        const InstanceHost *host;
        Distribution *distribution;
        InstanceState state;
        bool unexpected; /* it is ending, and nobody outside asked for that */
        int shutdown;    /* … but somebody inside: SIGINT powered off, SIGHUP rebooted (pid_namespaces(7)), else 0 */
        Network *network; /* network=private; NULL: another */
        Container *container;
        InitChannel *channel;
        BrokerSide *bus; /* what its programs have of LxBus; NULL: nothing */
        int init_end;    /* /init's end of the channel, until it is started */
        int cgroup_fd;
        InstanceSettings settings; /* of this start; the distribution's count for the next one */
        uint64_t start_time;
        char *user;            /* the default one that the distribution itself wants; NULL: none */
        bool without_host;     /* /init took /mnt/host away */
        char **warnings;       /* of this start; printable */
        bool warnings_told;    /* to whoever launched the first program */
        GHashTable *clients;   /* set of Client, borrowed */
        GHashTable *processes; /* id → Process handed to /init, borrowed */
        GQueue waiting;        /* Process, borrowed */
        GQueue ready;          /* Ready */
        GQueue gone;           /* GoneWaiter */
        uint64_t linger_seconds;
        sd_event_source *linger_source, *start_source;
};

/* instance.c */
void instance_add_client(Instance *instance, Client *client);
/* Nobody is left: ends it now, after the time it may linger, or not at all. May free the instance. */
void instance_check_clients(Instance *instance);
/* "was powered off from inside" or the like; NULL: it was not. */
const char *instance_how_shut_down(const Instance *instance);
void instance_ensure_started(Instance *instance);
/* A sentence for whoever launches the first program, and for the log. Dropped unless it is starting. */
void instance_warn(Instance *instance, const char *text);
/* The instance lingers as long as the one who asks for most. */
void instance_raise_linger(Instance *instance, const LaunchRequest *request);

/* Makes its container, in this network namespace (borrowed); -EBADF: in that of its settings. A failure is told. */
void instance_start_container(Instance *instance, int network_fd);
/* Tells everybody who waits for it. May free the instance. */
void instance_fail_start(Instance *instance, const sd_bus_error *error);

/* instance-network.c */
/* With network=private: makes a network, and then the container in it. Negative errno: nothing was begun. */
int instance_start_network(Instance *instance);

/* instance-limits.c */
/* A cgroup of its own with the limits of its settings, where that can be. What cannot be is warned about. */
void instance_open_cgroup(Instance *instance);
/* Nothing may run in it any more. */
void instance_remove_cgroup(Instance *instance);

/* instance-processes.c */
void instance_submit_waiting(Instance *instance);
void instance_fail_waiting(Instance *instance, const sd_bus_error *error);
/* Whatever had been handed to /init has ended with it. */
void instance_end_processes(Instance *instance);
/* InitChannelEvents. */
void instance_on_started(uint64_t id, pid_t pid, int pidfd, void *userdata);
void instance_on_failed(uint64_t id, InitStep step, int error, int program, void *userdata);
void instance_on_stopped(uint64_t id, int signal, void *userdata);
void instance_on_exited(uint64_t id, int code, int status, void *userdata);
