/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl status`: lxssd itself, its instances and operations. */

#include "client/command.h"
#include "client/json.h"
#include "client/snapshot.h"
#include "client/text.h"
#include "shared/paths.h"

static const char *describe_id_mode(const char *mode) {
        if (streq(mode, "root"))
                return "root (an id range of its own for each distribution)";
        if (streq(mode, "subids"))
                return "subids (your subordinate ids)";
        if (streq(mode, "single"))
                return "single (one id only: there are no subordinate ids; see lxctl doctor)";
        return *mode ? mode : "not known yet";
}

static void print_instances_json(Json *json, const Snapshot *snapshot) {
        json_open(json, "instances", '[');
        for (size_t i = 0; i < snapshot->n_instances; i++) {
                const InstanceInfo *instance = &snapshot->instances[i];

                json_open(json, NULL, '{');
                json_string(json, "distribution", instance->distribution);
                json_string(json, "state", instance->state);
                json_unsigned(json, "leader", instance->leader);
                json_unsigned(json, "clients", instance->clients);
                json_unsigned(json, "processes", instance->processes);
                json_unsigned(json, "start_time_us", instance->start_time);
                json_open(json, "warnings", '[');
                for (char **w = instance->warnings; w && *w; w++)
                        json_string(json, NULL, *w);
                json_close(json, ']');
                json_close(json, '}');
        }
        json_close(json, ']');
}

static void print_json(const ManagerInfo *info, const Snapshot *snapshot, const char *socket) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "version", info->version);
        json_unsigned(&json, "pid", info->pid);
        json_string(&json, "id_mode", info->id_mode);
        json_string(&json, "socket", socket);
        json_string(&json, "data_directory", info->data_directory);
        json_string(&json, "log_target", info->log_target);
        json_string(&json, "default_distribution", info->default_distribution);
        json_unsigned(&json, "distributions", info->distributions);
        json_unsigned(&json, "processes", info->processes);
        json_unsigned(&json, "clients", info->clients);
        print_instances_json(&json, snapshot);
        json_open(&json, "operations", '[');
        for (size_t i = 0; i < snapshot->n_operations; i++) {
                json_open(&json, NULL, '{');
                json_string(&json, "kind", snapshot->operations[i].kind);
                json_string(&json, "distribution", snapshot->operations[i].distribution);
                json_string(&json, "stage", snapshot->operations[i].stage);
                json_double(&json, "progress", snapshot->operations[i].progress);
                json_close(&json, '}');
        }
        json_close(&json, ']');
        json_close(&json, '}');
}

static void print_line(const char *label, const char *value) {
        printf("%-22s", label);
        text_print(stdout, str_empty(value) ? "-" : value);
        fputc('\n', stdout);
}

static void print_text(const ManagerInfo *info, const Snapshot *snapshot, const char *socket) {
        printf("%-22s%s, process %u\n", "lxssd", info->version, info->pid);
        print_line("User ids", describe_id_mode(info->id_mode));
        print_line("Socket", socket);
        print_line("Data directory", info->data_directory);
        print_line("Log", streq(info->log_target, "journal") ?
                   (geteuid() == 0 ? "journalctl -u lxssd" : "journalctl --user -u lxssd") : info->log_target);
        print_line("Default distribution", info->default_distribution);
        printf("%-22s%u distributions, %u instances, %u programs, %u clients\n", "Counts", info->distributions,
               info->instances, info->processes, info->clients);
        for (size_t i = 0; i < snapshot->n_instances; i++) {
                const InstanceInfo *instance = &snapshot->instances[i];

                fputs(i == 0 ? "\nInstances\n  " : "  ", stdout);
                text_print(stdout, instance->distribution);
                printf(": %s, /init is process %u, %u programs, %u clients\n", instance->state, instance->leader,
                       instance->processes, instance->clients);
                for (char **w = instance->warnings; w && *w; w++) {
                        fputs("    warning: ", stdout);
                        text_print(stdout, *w);
                        fputc('\n', stdout);
                }
        }
        for (size_t i = 0; i < snapshot->n_operations; i++) {
                const OperationInfo *operation = &snapshot->operations[i];

                fputs(i == 0 ? "\nOperations\n  " : "  ", stdout);
                printf("%s of ", operation->kind);
                text_print(stdout, operation->distribution);
                printf(": %s", operation->stage);
                if (operation->progress >= 0)
                        printf(", %.0f %%", operation->progress * 100);
                fputc('\n', stdout);
        }
}

static int run_status(Command *command) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_snapshot_ Snapshot snapshot = {};
        _cleanup_free_ char *socket = NULL;
        _cleanup_connection_ Connection *connection = NULL;
        int r;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = manager_info_get(connection, &info, &failure);
        if (r >= 0)
                r = snapshot_take(connection, &snapshot, &failure);
        if (r >= 0)
                r = path_manager_socket(&socket);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json(&info, &snapshot, socket);
        else
                print_text(&info, &snapshot, socket);
        return EXIT_SUCCESS;
}

const Verb verb_status = {
        .name = "status",
        .group = VERB_GROUP_SERVICE,
        .synopsis = "",
        .summary = "Show the service, its instances and what it is working on",
        .run = run_status,
};
