/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "daemon/client.h"
#include "shared/launch-request.h"

typedef struct Instance Instance;

typedef enum ProcessState {
        PROCESS_WAITING, /* for an operation, or for its instance to run */
        PROCESS_STARTING,
        PROCESS_RUNNING,
} ProcessState;

/* One launched program, from Launch() to Exited. */
typedef struct Process {
        uint64_t id;
        ProcessState state;
        Instance *instance;     /* NULL while it waits for an operation */
        Client *client;         /* NULL once that is gone; set by process_new() and process_forget_client() */
        GList client_link;      /* in client->processes */
        LaunchRequest *request; /* until it is handed to /init */
        char *distribution;     /* as asked for, then as found */
        char *user;             /* NULL: nobody was named, and the instance does not run yet */
        char **arguments;
        char *command_line;     /* printable */
        char *directory;        /* where it was to start, printable, as its client knows it */
        bool terminal;
        bool lingers;           /* its client's end is not its own */
        bool hung_up;
        uint64_t start_time;    /* microseconds since the epoch */
        pid_t pid;              /* on the host; 0: not known */
        int pidfd;
        sd_bus_message *launch_message; /* the bus side's, answered once the outcome is known */
} Process;

/* Takes the request over. */
Process *process_new(uint64_t id, Client *client, LaunchRequest *request);
Process *process_free(Process *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Process, process_free)

/* Its client is going. */
void process_forget_client(Process *process);

/* The program runs, as this process of the host, and this is its pidfd (taken over). */
void process_set_running(Process *process, pid_t pid, int pidfd);
