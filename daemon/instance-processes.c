/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The programs of an instance: handing them to /init, what /init says of them,
 * and hanging them up when their client goes. A process is in one of two
 * places, the queue of those that wait or the table of those that /init has. */

#include <stdio.h>

#include "daemon/instance-private.h"
#include "daemon/log.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* One process less, before anybody is told: the teller may free it. */
static void fail_process(Instance *instance, Process *process, const sd_bus_error *error) {
        g_hash_table_remove(instance->processes, &process->id);
        instance->host->events.process_failed(process, error, instance->host->userdata);
}

/* The caller's directory as the instance sees it. Without the host's tree there
 * is only what lies in the instance anyway; NULL: the user's home. */
char *instance_map_directory(const Instance *instance, const char *cwd) {
        const Distribution *d = instance->distribution;
        size_t n = strlen(d->rootfs);
        char *mapped;

        if (!cwd || cwd[0] != '/')
                return NULL;
        if (strncmp(cwd, d->rootfs, n) == 0 && (cwd[n] == '/' || !cwd[n]))
                return strdup(cwd[n] ? cwd + n : "/");
        if (!settings_mount_host(&instance->settings) || instance->without_host)
                return NULL;
        return asprintf(&mapped, "/mnt/host%s", cwd) < 0 ? NULL : mapped;
}

const char *instance_default_user(const Instance *instance) {
        return instance->user ?: instance->distribution->default_user ?: "root";
}

/* Turns what the client asked for into what /init can do without knowing the
 * host. What the distribution itself wants is known once it runs. */
static void localise(Instance *instance, Process *process) {
        LaunchRequest *request = process->request;
        char *cwd = instance_map_directory(instance, request->cwd);

        if (!process->user)
                process->user = g_strdup(instance_default_user(instance));
        free(request->cwd);
        request->cwd = cwd;
        free(request->user);
        request->user = strdup(process->user);
}

/* Ahead of everything that the program may say. */
static void tell_warnings(Instance *instance, Process *process) {
        if (!instance->warnings || instance->warnings_told)
                return;
        instance->warnings_told = true;
        instance->host->events.warned(process, instance->host->userdata);
}

/* Hands one over to /init. */
static void submit(Instance *instance, Process *process) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        tell_warnings(instance, process);
        localise(instance, process);
        process->state = PROCESS_STARTING;
        g_hash_table_insert(instance->processes, &process->id, process);
        r = init_channel_launch(instance->channel, process->id, g_steal_pointer(&process->request));
        if (r >= 0)
                return;
        if (r == -E2BIG)
                error_set(&error, LXSS_ERROR_ARGUMENTS_TOO_LONG,
                          "The program has too many arguments, variables or descriptors to be launched.");
        else
                error_set(&error, LXSS_ERROR_FAILED, "The launch could not be sent to the instance: %s",
                          g_strerror(-r));
        fail_process(instance, process, &error);
}

void instance_submit_waiting(Instance *instance) {
        for (Process *process; (process = g_queue_pop_head(&instance->waiting));)
                submit(instance, process);
}

void instance_fail_waiting(Instance *instance, const sd_bus_error *error) {
        GQueue waiting = instance->waiting;

        g_queue_init(&instance->waiting);
        for (Process *process; (process = g_queue_pop_head(&waiting));)
                fail_process(instance, process, error);
}

void instance_end_processes(Instance *instance) {
        g_autoptr(GList) all = g_hash_table_get_values(instance->processes);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        g_hash_table_remove_all(instance->processes);
        error_set(&error, LXSS_ERROR_INSTANCE_ENDED, "The instance of %s %s before the program was seen to run.",
                  instance->distribution->name, instance_how_shut_down(instance) ?: "ended");
        for (GList *l = all; l; l = l->next) {
                Process *process = l->data;

                if (process->state == PROCESS_STARTING)
                        instance->host->events.process_failed(process, &error, instance->host->userdata);
                else
                        instance->host->events.process_ended(process, instance->unexpected ? 0 : CLD_KILLED,
                                                             instance->unexpected ? instance->shutdown : SIGKILL,
                                                             instance->host->userdata);
        }
}

static Process *find_process(Instance *instance, uint64_t id, ProcessState state) {
        Process *process = g_hash_table_lookup(instance->processes, &id);

        return process && process->state == state ? process : NULL;
}

void instance_on_started(uint64_t id, pid_t pid, int pidfd, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_STARTING);

        if (!process) {
                fd_socket_discard(&pidfd);
                return;
        }
        /* A packet that names nobody names its sender: the program was gone too soon to be named. */
        process_set_running(process, pid == instance_leader(instance) ? 0 : pid, pidfd);
        instance->host->events.process_started(process, instance->host->userdata);
        if (!process->client && !process->lingers)
                (void)init_channel_send(instance->channel, INIT_HANGUP, id, 0, 0);
}

static void fail_by_step(Instance *instance, Process *process, InitStep step, int number) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        const char *name = instance->distribution->name, *why = g_strerror(number);

        if (number == ETOOMANYREFS) {
                error_set(&error, LXSS_ERROR_LIMIT_REACHED, LXSS_CROWDED_TEXT);
                fail_process(instance, process, &error);
                return;
        }
        switch (step) {
        case INIT_STEP_USER:
                if (number == ENOENT)
                        error_set(&error, LXSS_ERROR_NO_SUCH_USER, "%s has no user \"%s\".", name,
                                  process->user ?: "root");
                else
                        error_set(&error, LXSS_ERROR_NO_SUCH_USER, "The users of %s cannot be read: %s", name, why);
                break;
        case INIT_STEP_DIRECTORY:
                error_set(&error, LXSS_ERROR_NO_SUCH_DIRECTORY,
                          "The directory %s cannot be entered in %s: %s. Choose another one with -C.",
                          process->directory, name, why);
                break;
        case INIT_STEP_CREDENTIALS:
                error_set(&error, LXSS_ERROR_NO_SUCH_USER,
                          "%s cannot become \"%s\": %s. Is the user's id one that is mapped? lxctl doctor tells.", name,
                          process->user ?: "root", why);
                break;
        case INIT_STEP_TERMINAL:
                error_set(&error, LXSS_ERROR_FAILED, "%s has no terminal to give: %s", name, why);
                break;
        default:
                error_set(&error, LXSS_ERROR_FAILED, "The program could not be started in %s: %s", name, why);
        }
        fail_process(instance, process, &error);
}

void instance_on_failed(uint64_t id, InitStep step, int error, int program, void *userdata) {
        _cleanup_discard_ int owned = program;
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_STARTING);

        if (!process)
                return;
        if (step != INIT_STEP_EXEC) {
                fail_by_step(instance, process, step, error);
                return;
        }
        g_hash_table_remove(instance->processes, &id);
        instance->host->events.process_unexecutable(process, error, owned, instance->host->userdata);
}

void instance_on_stopped(uint64_t id, int signal, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_RUNNING);

        if (process)
                instance->host->events.process_stopped(process, signal, instance->host->userdata);
}

void instance_on_exited(uint64_t id, int code, int status, void *userdata) {
        Instance *instance = userdata;
        Process *process = find_process(instance, id, PROCESS_RUNNING);

        if (!process)
                return;
        g_hash_table_remove(instance->processes, &id);
        instance->host->events.process_ended(process, code, status, instance->host->userdata);
}

void instance_launch(Instance *instance, Process *process) {
        process->instance = instance;
        g_free(process->distribution);
        process->distribution = g_strdup(instance->distribution->name);
        instance_raise_linger(instance, process->request);
        instance_add_client(instance, process->client);
        if (instance->state == INSTANCE_RUNNING) {
                submit(instance, process);
                return;
        }
        process->state = PROCESS_WAITING;
        g_queue_push_tail(&instance->waiting, process);
        instance_ensure_started(instance);
}

static void drop_waiting(Instance *instance, const Client *client) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        error_set(&error, LXSS_ERROR_CANCELED, "The client went away.");
        for (GList *l = instance->waiting.head, *next; l; l = next) {
                Process *process = l->data;

                next = l->next;
                if (process->client == client) {
                        g_queue_delete_link(&instance->waiting, l);
                        fail_process(instance, process, &error);
                }
        }
}

void instance_remove_client(Instance *instance, Client *client) {
        drop_waiting(instance, client);
        for (GList *l = client->processes.head, *next; l; l = next) {
                Process *process = l->data;

                next = l->next;
                if (process->instance != instance)
                        continue;
                process_forget_client(process);
                if (!process->lingers && instance->channel)
                        (void)init_channel_send(instance->channel, INIT_HANGUP, process->id, 0, 0);
        }
        if (!g_hash_table_remove(instance->clients, client))
                return;
        (void)g_queue_remove(&client->instances, instance);
        instance_check_clients(instance);
}

int instance_set_foreground(Instance *instance, Process *process, bool foreground) {
        if (process->state != PROCESS_RUNNING || !instance->channel)
                return -ESRCH;
        if (!process->terminal)
                return -ENOTTY;
        return init_channel_send(instance->channel, INIT_FOREGROUND, process->id, foreground, 0);
}

int instance_signal(Instance *instance, Process *process, int signal, bool group) {
        if (process->state != PROCESS_RUNNING || !instance->channel)
                return -ESRCH;
        return init_channel_send(instance->channel, INIT_SIGNAL, process->id, signal, group);
}
