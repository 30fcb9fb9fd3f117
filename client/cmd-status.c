/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `lxctl status`: lxssd itself, its instances and operations. */

#include "client/command.h"
#include "client/json.h"
#include "client/objects.h"
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

static void print_instances_json(Json *json, const LxssObjects *objects) {
        json_open(json, "instances", '[');
        for (size_t i = 0; i < objects->n_instances; i++) {
                const LxssInstance *instance = objects->instances[i];

                json_open(json, NULL, '{');
                json_string(json, "distribution", instance->distribution);
                json_string(json, "state", instance->state);
                json_unsigned(json, "leader", instance->leader);
                json_unsigned(json, "clients", instance->clients);
                json_unsigned(json, "processes", instance->processes);
                json_unsigned(json, "start_time_us", instance->start_time);
                json_open(json, "warnings", '[');
                for (char *const *w = instance->warnings; *w; w++)
                        json_string(json, NULL, *w);
                json_close(json, ']');
                json_close(json, '}');
        }
        json_close(json, ']');
}

static void print_json(const LxssService *service, const LxssObjects *objects, const char *socket) {
        Json json = JSON_ON(stdout);

        json_open(&json, NULL, '{');
        json_string(&json, "version", service->version);
        json_unsigned(&json, "pid", service->pid);
        json_string(&json, "id_mode", service->id_mode);
        json_string(&json, "socket", socket);
        json_string(&json, "data_directory", service->data_directory);
        json_string(&json, "log_target", service->log_target);
        json_string(&json, "default_distribution", service->default_distribution);
        json_unsigned(&json, "distributions", service->n_distributions);
        json_unsigned(&json, "processes", service->n_processes);
        json_unsigned(&json, "clients", service->n_clients);
        print_instances_json(&json, objects);
        json_open(&json, "operations", '[');
        for (size_t i = 0; i < objects->n_operations; i++) {
                json_open(&json, NULL, '{');
                json_string(&json, "kind", objects->operations[i]->kind);
                json_string(&json, "distribution", objects->operations[i]->distribution);
                json_string(&json, "stage", objects->operations[i]->stage);
                json_double(&json, "progress", objects->operations[i]->fraction);
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

static void print_count(unsigned n, const char *noun, const char *end) {
        printf("%u %s%s%s", n, noun, n == 1 ? "" : "s", end);
}

static void print_text(const LxssService *service, const LxssObjects *objects, const char *socket) {
        printf("%-22s%s, process %u\n", "lxssd", service->version, service->pid);
        print_line("User ids", describe_id_mode(service->id_mode));
        print_line("Socket", socket);
        print_line("Data directory", service->data_directory);
        print_line("Log", streq(service->log_target, "journal") ?
                   (geteuid() == 0 ? "journalctl -u lxssd" : "journalctl --user -u lxssd") : service->log_target);
        print_line("Default distribution", service->default_distribution);
        printf("%-22s", "Counts");
        print_count(service->n_distributions, "distribution", ", ");
        print_count(service->n_instances, "instance", ", ");
        print_count(service->n_processes, "program", ", ");
        print_count(service->n_clients, "client", "\n");
        for (size_t i = 0; i < objects->n_instances; i++) {
                const LxssInstance *instance = objects->instances[i];

                fputs(i == 0 ? "\nInstances\n  " : "  ", stdout);
                text_print(stdout, instance->distribution);
                printf(": %s, /init is process %u, ", instance->state, instance->leader);
                print_count(instance->processes, "program", ", ");
                print_count(instance->clients, "client", "\n");
                for (char *const *w = instance->warnings; *w; w++) {
                        fputs("    warning: ", stdout);
                        text_print(stdout, *w);
                        fputc('\n', stdout);
                }
        }
        for (size_t i = 0; i < objects->n_operations; i++) {
                const LxssWork *operation = objects->operations[i];

                fputs(i == 0 ? "\nOperations\n  " : "  ", stdout);
                printf("%s of ", operation->kind);
                text_print(stdout, operation->distribution);
                printf(": %s", operation->stage);
                if (operation->fraction >= 0)
                        printf(", %.0f %%", operation->fraction * 100);
                fputc('\n', stdout);
        }
}

static int run_status(Command *command) {
        _cleanup_failure_ LxssFailure failure = LXSS_FAILURE_NONE;
        _cleanup_result_ LxssService *service = NULL;
        _cleanup_result_ LxssObjects *objects = NULL;
        _cleanup_free_ char *socket = NULL;
        _cleanup_client_ LxssClient *client = NULL;
        int r;

        if (command_words(command, 0, 0, NULL) < 0)
                return command->exit_code;
        r = command_connect(command, 0, &client, &failure);
        if (r >= 0)
                r = lxss_get_service(client, &service, &failure);
        if (r >= 0)
                r = lxss_get_objects(client, &objects, &failure);
        if (r >= 0)
                r = path_manager_socket(&socket);
        if (r < 0)
                return command_fail(command, r, &failure);
        if (command->json)
                print_json(service, objects, socket);
        else
                print_text(service, objects, socket);
        return EXIT_SUCCESS;
}

const Verb verb_status = {
        .name = "status",
        .group = VERB_GROUP_SERVICE,
        .synopsis = "",
        .summary = "Show the service, its instances and what it is working on",
        .run = run_status,
};
