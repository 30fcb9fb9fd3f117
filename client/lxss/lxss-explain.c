/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a launch waits for that is not answered: up to three questions, one after the other, and none is waited for. */

#include "client/lxss/lxss-private.h"

#include <stdarg.h>
#include <stdio.h>

static int ask(LxssProcess *process, DbusWriter *w, uint32_t *ret_call) {
        return lxss_result(connection_send(process->client->connection, w, ret_call));
}

_printf_(2, 3) static void tell(LxssProcess *process, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                text = NULL;
        else
                process_tell(process, &(LxssEvent){ .type = LXSS_WAITS, .text = text });
}

static const char *describe_kind(const char *kind) {
        if (streq(kind, "install"))
                return "installation";
        if (streq(kind, "clone"))
                return "cloning";
        return streq(kind, "uninstall") ? "removal" : kind;
}

static void on_oobe(LxssProcess *process, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *state;

        process->oobe_call = 0;
        if (process->answered || answer->message.type != DBUS_METHOD_RETURN)
                return;
        if (streq(dbus_get_variant(&reader), "s") && dbus_get(&reader, "s", &state) == 0 && streq(state, "running"))
                tell(process, "waiting for %s to be set up in another terminal", process->distribution);
}

/* It is no operation that the launch waits for. */
static void ask_oobe(LxssProcess *process) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_free_ char *path = NULL;

        if (str_empty(process->distribution) || !(path = remote_distribution_path(process->distribution)))
                return;
        dbus_begin_call(&w, path, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", DISTRIBUTION_INTERFACE, "Oobe");
        (void)ask(process, &w, &process->oobe_call);
}

/* A clone bears the new name, and holds the other one too. */
static bool holds_back(const LxssProcess *process, const char *kind, const char *distribution) {
        return str_empty(process->distribution) || streq(process->distribution, distribution) || streq(kind, "clone");
}

static void on_operations(LxssProcess *process, const Incoming *answer) {
        DbusReader reader = incoming_read(answer), entries;

        process->operations_call = 0;
        if (process->answered || answer->message.type != DBUS_METHOD_RETURN)
                return;
        entries = dbus_enter_array(&reader, '(');
        while (dbus_more(&entries, &reader)) {
                const char *kind, *distribution;

                dbus_get_struct(&entries);
                if (dbus_get(&entries, "sssdo", &kind, &distribution, NULL, NULL, NULL) == 0 &&
                    holds_back(process, kind, distribution)) {
                        tell(process, "waiting for the %s of %s to finish", describe_kind(kind), distribution);
                        return;
                }
        }
        ask_oobe(process);
}

static int ask_operations(LxssProcess *process) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "ListOperations", "");
        return ask(process, &w, &process->operations_call);
}

static void on_default(LxssProcess *process, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);
        const char *name;

        process->default_call = 0;
        if (answer->message.type == DBUS_METHOD_RETURN && streq(dbus_get_variant(&reader), "s") &&
            dbus_get(&reader, "s", &name) == 0) {
                free(process->distribution);
                process->distribution = strdup(name);
        }
        (void)ask_operations(process);
}

void explanations_take(LxssClient *client, const Incoming *answer) {
        uint32_t serial = answer->message.reply_serial;

        for (LxssProcess *p = client->processes; p; p = p->next) {
                void (*take)(LxssProcess *, const Incoming *) = serial == p->default_call    ? on_default :
                                                                serial == p->operations_call ? on_operations :
                                                                serial == p->oobe_call       ? on_oobe :
                                                                                               NULL;

                if (take) {
                        take(p, answer);
                        return; /* p may be gone */
                }
        }
}

int lxss_process_explain(LxssProcess *process) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        if (process->answered)
                return 0;
        if (!str_empty(process->distribution))
                return ask_operations(process);
        dbus_begin_call(&w, MANAGER_PATH, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", MANAGER_INTERFACE, "DefaultDistribution");
        return ask(process, &w, &process->default_call);
}
