/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations: how they begin, and what becomes of them. */

#include "client/lxss/operation-call.h"

struct LxssOperation {
        LxssClient *client;
        LxssOperation *next;  /* of the client's */
        char *path;           /* of its object */
        char *distribution, *snapshot; /* NULL: not known */
        uint32_t stage_call;  /* the serial of the question for the stage; 0: not awaited */
        LxssProgressHandler handler;
        void *userdata;
        char *stage;          /* NULL: not known */
        double fraction;
        bool ended;
        int error;            /* negative errno, with failure */
        LxssFailure failure;
};

LxssOperation *lxss_operation_free(LxssOperation *operation) {
        LxssOperation **link;

        if (!operation)
                return NULL;
        for (link = &operation->client->operations; *link && *link != operation; link = &(*link)->next)
                ;
        if (*link)
                *link = operation->next;
        lxss_failure_clear(&operation->failure);
        free(operation->stage);
        free(operation->snapshot);
        free(operation->distribution);
        free(operation->path);
        free(operation);
        return NULL;
}

static void operation_freep(LxssOperation **operation) {
        lxss_operation_free(*operation);
}

void lxss_operation_watch(LxssOperation *operation, LxssProgressHandler handler, void *userdata) {
        operation->handler = handler;
        operation->userdata = userdata;
}

const char *lxss_operation_distribution(const LxssOperation *operation) {
        return operation->distribution;
}

const char *lxss_operation_snapshot(const LxssOperation *operation) {
        return operation->snapshot;
}

/* ---- its beginning ---- */

/* What stage it was in from the beginning ("queued") no signal tells. The answer takes its turn among the signals,
 * since those that came with the operation's path are older. If it cannot be sent Finished may be there all the same,
 * or the next message says why. */
static void ask_for_stage(LxssOperation *operation) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, operation->path, PROPERTIES_INTERFACE, "Get", "ss");
        dbus_put(&w, "ss", OPERATION_INTERFACE, "Stage");
        (void)connection_send(operation->client->connection, &w, &operation->stage_call);
}

static int read_answer(LxssOperation *operation, const Incoming *answer, bool with_snapshot, LxssFailure *failure) {
        DbusReader reader = incoming_read(answer);
        const char *path, *snapshot = "";

        if (dbus_get(&reader, "o", &path) < 0 || (with_snapshot && dbus_get(&reader, "s", &snapshot) < 0))
                return remote_bad_answer(-EBADMSG, failure);
        operation->path = strdup(path);
        operation->snapshot = with_snapshot ? strdup(snapshot) : NULL;
        return operation->path && (operation->snapshot || !with_snapshot) ? 0 : -ENOMEM;
}

int operation_begin(LxssClient *client, DbusWriter *call, const char *distribution, bool with_snapshot,
                    LxssOperation **ret, LxssFailure *failure) {
        _cleanup_(operation_freep) LxssOperation *operation = calloc(1, sizeof(*operation));
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        if (!operation)
                return -ENOMEM;
        operation->fraction = -1;
        operation->client = client;
        operation->next = client->operations;
        client->operations = operation;
        r = remote_finish_call(client->connection, call, &answer, failure);
        if (r == 0)
                r = read_answer(operation, answer, with_snapshot, failure);
        if (r < 0)
                return lxss_result(r);
        if (!str_empty(distribution) && !(operation->distribution = strdup(distribution)))
                return -ENOMEM;
        ask_for_stage(operation);
        *ret = steal_pointer(&operation);
        return 0;
}

void operation_ask_distribution(LxssOperation *operation) {
        _cleanup_free_ char *name = NULL;

        if (remote_get_string(operation->client->connection, operation->path, OPERATION_INTERFACE, "Distribution",
                              &name) < 0 ||
            str_empty(name))
                return;
        free(operation->distribution);
        operation->distribution = steal_pointer(&name);
}

/* ---- news ---- */

static void tell(LxssOperation *operation, const char *warning) {
        LxssProgress progress = {
                .stage = operation->stage ? operation->stage : "",
                .fraction = operation->fraction,
                .warning = warning,
        };

        if (operation->handler)
                operation->handler(operation, &progress, operation->userdata);
}

static void replace(char **to, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return;
        free(*to);
        *to = copy;
}

/* A variant that is a string. False: it is something else. */
static bool take_string(DbusReader *reader, const char *type, char **to) {
        const char *text;

        if (!streq(type, "s") || dbus_get(reader, "s", &text) < 0)
                return false;
        replace(to, text);
        return true;
}

/* sa{sv}as, of which the last does not matter. */
static void on_changes(LxssOperation *operation, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming), entries;

        (void)dbus_get(&reader, "s", NULL);
        entries = dbus_enter_array(&reader, '{');
        while (dbus_more(&entries, &reader)) {
                const char *name, *type;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "s", &name);
                type = dbus_get_variant(&entries);
                if (streq(name, "Stage") && take_string(&entries, type, &operation->stage))
                        continue;
                if (streq(name, "Distribution") && take_string(&entries, type, &operation->distribution))
                        continue;
                if (streq(name, "Progress") && streq(type, "d"))
                        (void)dbus_get(&entries, "d", &operation->fraction);
                else
                        dbus_skip(&entries, type);
        }
        tell(operation, NULL);
}

static void on_warned(LxssOperation *operation, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        const char *warning;

        if (dbus_get(&reader, "s", &warning) == 0)
                tell(operation, warning);
}

static void on_finished(LxssOperation *operation, const Incoming *incoming) {
        DbusReader reader = incoming_read(incoming);
        const char *result, *name, *text;
        LxssError kind;

        if (dbus_get(&reader, "sss", &result, &name, &text) < 0)
                return;
        operation->ended = true;
        if (streq(result, "done"))
                return;
        kind = lxss_error_from_name(name);
        operation->error = streq(result, "canceled") ? -ECANCELED : kind < 0 ? -EIO : -lxss_error_to_errno(kind);
        (void)failure_copy(&operation->failure, operation->error, name, str_empty(text) ? result : text);
}

/* The property's value, a variant. An error says that it has ended already: then Finished follows. */
static void on_stage(LxssOperation *operation, const Incoming *answer) {
        DbusReader reader = incoming_read(answer);

        operation->stage_call = 0;
        if (answer->message.type == DBUS_METHOD_RETURN &&
            take_string(&reader, dbus_get_variant(&reader), &operation->stage))
                tell(operation, NULL);
}

void operations_take_news(LxssClient *client, const Incoming *incoming) {
        const DbusMessage *m = &incoming->message;
        LxssOperation *o;

        if (m->reply_serial != 0) {
                for (o = client->operations; o && o->stage_call != m->reply_serial; o = o->next)
                        ;
                if (o)
                        on_stage(o, incoming);
                return;
        }
        for (o = client->operations; o && m->path && !(o->path && streq(o->path, m->path)); o = o->next)
                ;
        if (!o || !m->path)
                return;
        if (incoming_is_signal(incoming, OPERATION_INTERFACE, "Finished"))
                on_finished(o, incoming);
        else if (incoming_is_signal(incoming, OPERATION_INTERFACE, "Warned"))
                on_warned(o, incoming);
        else if (incoming_is_signal(incoming, PROPERTIES_INTERFACE, "PropertiesChanged"))
                on_changes(o, incoming);
}

/* ---- its end ---- */

int lxss_operation_wait(LxssOperation *operation, int timeout, LxssFailure *failure) {
        int r;

        r = client_wait(operation->client, &operation->ended, deadline_after(timeout));
        if (r == 0 && operation->error < 0)
                r = failure_copy(failure, operation->error, operation->failure.name, operation->failure.message);
        return r;
}

/* The answer does not matter: Finished says what became of it. */
int lxss_operation_cancel(LxssOperation *operation) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        dbus_begin_call(&w, operation->path, OPERATION_INTERFACE, "Cancel", "");
        return lxss_result(connection_send(operation->client->connection, &w, NULL));
}
