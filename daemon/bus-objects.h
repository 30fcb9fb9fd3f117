/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the objects offer to each other and to bus.c: registering
 * their vtables on a connection, and turning the manager's events into signals
 * and replies. */

#include "daemon/bus.h"

/* All objects, on one connection. */
int bus_add_objects(sd_bus *connection, Bus *bus);

int bus_add_manager(sd_bus *connection, Bus *bus);
int bus_add_distributions(sd_bus *connection, Bus *bus);
int bus_add_instances(sd_bus *connection, Bus *bus);
int bus_add_processes(sd_bus *connection, Bus *bus);
int bus_add_operations(sd_bus *connection, Bus *bus);
int bus_add_servers(sd_bus *connection, Bus *bus);

/* A method's answer. LimitReached where no descriptors can be sent at the moment. */
int bus_reply_with_fd(sd_bus_message *m, int fd, sd_bus_error *reterr);

/* Object paths; g_free() them. */
char *bus_distribution_path(const char *name);
char *bus_instance_path(const char *name);
char *bus_process_path(uint64_t id);
char *bus_operation_path(uint64_t id);
char *bus_server_path(uint64_t id);

/* The id or name at the end of such a path beneath "/org/lxss/Manager1/KIND". */
bool bus_path_to_id(const char *path, const char *kind, uint64_t *ret);
char *bus_path_to_name(const char *path, const char *kind);

/* ManagerEvents, one function each. */
void bus_distribution_added(Distribution *distribution, void *userdata);
void bus_distribution_changed(Distribution *distribution, void *userdata);
void bus_distribution_removed(const char *name, void *userdata);
void bus_instance_added(Instance *instance, void *userdata);
void bus_instance_changed(Instance *instance, void *userdata);
void bus_instance_warned(Process *process, void *userdata);
void bus_instance_removed(const char *name, void *userdata);
void bus_process_started(Process *process, void *userdata);
void bus_process_failed(Process *process, const sd_bus_error *error, void *userdata);
void bus_process_stopped(Process *process, int signal, void *userdata);
void bus_process_ended(Process *process, int code, int status, void *userdata);
void bus_operation_added(Operation *operation, void *userdata);
void bus_operation_changed(Operation *operation, void *userdata);
void bus_operation_warned(Operation *operation, const char *warning, void *userdata);
void bus_operation_finished(Operation *operation, const sd_bus_error *error, void *userdata);
void bus_server_added(uint64_t id, void *userdata);
void bus_server_removed(uint64_t id, void *userdata);
void bus_tell_idle(void *userdata);

/* What a bus would answer, to a peer on the private socket. 0 where this is no such call; 1 where it is answered. */
int bus_stand_in(sd_bus_message *m, Peer *peer);

/* Servers whose news are still to be told. NULL is legal. */
typedef struct ServerNews ServerNews;
ServerNews *bus_server_news_new(sd_event *event, Bus *bus);
ServerNews *bus_server_news_free(ServerNews *news);
