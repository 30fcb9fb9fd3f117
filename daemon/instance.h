/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

#include "daemon/broker.h"
#include "daemon/client.h"
#include "daemon/error.h"
#include "daemon/process.h"
#include "daemon/registry.h"
#include "daemon/base.h"

/* A distribution running: its container, its /init, and everything that
 * clients launched in it. It lives from the first client that wants it to the
 * end of its last process. */

typedef enum InstanceState {
        INSTANCE_STARTING,
        INSTANCE_RUNNING,
        INSTANCE_STOPPING, /* being killed; who comes now waits for the next one */
        INSTANCE_STOPPED,  /* nothing is left; about to start again or to be freed */
        INSTANCE_STATE_MAX,
        INSTANCE_STATE_INVALID = -22,
} InstanceState;

const char *instance_state_to_string(InstanceState state);

typedef struct InstanceEvents {
        void (*changed)(Instance *instance, void *userdata);
        /* There are instance_warnings(), for whoever launched this, the first program in it. */
        void (*warned)(Process *process, void *userdata);
        void (*process_started)(Process *process, void *userdata);
        /* The process never ran. program: what could not be executed, or negative (borrowed). */
        void (*process_failed)(Process *process, const sd_bus_error *error, void *userdata);
        void (*process_unexecutable)(Process *process, int error, int program, void *userdata);
        void (*process_stopped)(Process *process, int signal, void *userdata);
        /* code as in waitid(2), or 0 where the instance ended unexpectedly under it;
         * status is then SIGINT where that was powered off from inside, SIGHUP where it was rebooted, else 0. */
        void (*process_ended)(Process *process, int code, int status, void *userdata);
        /* Nothing is left and nobody waits: the instance may be freed, from the loop, not from here. */
        void (*gone)(Instance *instance, void *userdata);
} InstanceEvents;

/* What every instance of an lxssd has in common; outlives them all. */
typedef struct InstanceHost {
        sd_event *event;
        Base *base;
        Broker *broker;
        const Registry *registry;
        int cgroup_fd; /* where instances' cgroups may be made; -EBADF: nowhere */
        InstanceEvents events;
        void *userdata;
} InstanceHost;

/* Both are borrowed and must outlive it. It starts at the first client. */
Instance *instance_new(const InstanceHost *host, Distribution *distribution);
Instance *instance_free(Instance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Instance, instance_free)

/* Launches the process (not taken over: process_failed and process_ended say when it may be freed). */
void instance_launch(Instance *instance, Process *process);

/* Keeps the instance up until instance_remove_client(). */
typedef void (*instance_ready_t)(Instance *instance, const sd_bus_error *error /* NULL: it runs */, void *userdata);
void instance_hold(Instance *instance, Client *client, instance_ready_t ready, void *userdata);

/* Forgets a ready callback. */
void instance_cancel_ready(Instance *instance, void *userdata);

/* Hangs up the client's processes; the last client's going ends the instance. */
void instance_remove_client(Instance *instance, Client *client);

/* Ends it with everything in it. gone follows, unless somebody already waits for the next one. */
void instance_stop(Instance *instance);

/* Calls back once the instance that runs now is gone; at once where none does. */
void instance_when_gone(Instance *instance, void (*callback)(void *userdata), void *userdata);

/* As a shell's fg and bg do: moves it in its terminal and continues it. -ESRCH; -ENOTTY where it has none. */
int instance_set_foreground(Instance *instance, Process *process, bool foreground);
int instance_signal(Instance *instance, Process *process, int signal, bool group);

/* Who runs programs for which nobody is named; the distribution's own wish is known once it runs. */
const char *instance_default_user(const Instance *instance);
/* A directory of the host as the instance sees it; NULL: it does not. free() it. */
char *instance_map_directory(const Instance *instance, const char *directory);

Distribution *instance_distribution(const Instance *instance);
/* Whether it is ending, or will as soon as lxssd looks: everybody who held it open has hung up. */
bool instance_is_left(const Instance *instance);
InstanceState instance_state(const Instance *instance);
pid_t instance_leader(const Instance *instance);
uint64_t instance_start_time(const Instance *instance);
/* What of the distribution's own settings could not be honoured; NULL: nothing. Borrowed. */
char **instance_warnings(const Instance *instance);
guint instance_n_clients(const Instance *instance);
guint instance_n_processes(const Instance *instance);
