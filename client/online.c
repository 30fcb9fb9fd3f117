/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns how the catalogue is shown. It is read anew each time, by lxssd. */

#include "client/online.h"

#include "client/json.h"
#include "client/table.h"
#include "client/text.h"

/* Of the answer's a(sssbbsss); borrowed from it. */
typedef struct Entry {
        const char *name, *friendly_name, *family, *url, *sha256, *catalogue;
        bool family_default, standard;
} Entry;

/* False: there is no further one. */
static bool next_entry(DbusReader *entries, DbusReader *reader, Entry *ret) {
        if (!dbus_more(entries, reader))
                return false;
        dbus_get_struct(entries);
        return dbus_get(entries, "sssbbsss", &ret->name, &ret->friendly_name, &ret->family, &ret->family_default,
                        &ret->standard, &ret->url, &ret->sha256, &ret->catalogue) == 0;
}

static void print_json(DbusReader *reader) {
        DbusReader entries = dbus_enter_array(reader, '(');
        Json json = JSON_ON(stdout);
        Entry entry;

        json_open(&json, NULL, '[');
        while (next_entry(&entries, reader, &entry)) {
                json_open(&json, NULL, '{');
                json_string(&json, "name", entry.name);
                json_string(&json, "friendly_name", entry.friendly_name);
                json_string(&json, "family", *entry.family ? entry.family : NULL);
                json_bool(&json, "family_default", entry.family_default);
                json_bool(&json, "default", entry.standard);
                json_string(&json, "url", entry.url);
                json_string(&json, "sha256", *entry.sha256 ? entry.sha256 : NULL);
                json_string(&json, "catalogue", entry.catalogue);
                json_close(&json, '}');
        }
        json_close(&json, ']');
}

static void print_names(DbusReader *reader) {
        DbusReader entries = dbus_enter_array(reader, '(');
        Entry entry;

        while (next_entry(&entries, reader, &entry)) {
                text_print(stdout, entry.name);
                fputc('\n', stdout);
        }
}

static void add_row(Table *table, const Entry *entry, bool more) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%c %s", entry->standard ? '*' : ' ', entry->name) < 0)
                name = NULL;
        table_add(table, name);
        table_add(table, entry->friendly_name);
        /* By which it can be had as well. */
        table_add(table, entry->family_default ? entry->family : "");
        if (!more)
                return;
        table_add(table, entry->sha256);
        table_add(table, entry->url);
        table_add(table, entry->catalogue);
}

/* Returns how many there are. */
static size_t print_table(DbusReader *reader, bool more) {
        DbusReader entries = dbus_enter_array(reader, '(');
        Table table = { .n_columns = more ? 6 : 3 };
        size_t n = 0;
        Entry entry;

        table_add_all(&table, (const char *const[]){ "  NAME", "WHAT IT IS", "ALSO", NULL });
        if (more)
                table_add_all(&table, (const char *const[]){ "SHA-256", "URL", "CATALOGUE", NULL });
        for (; next_entry(&entries, reader, &entry); n++)
                add_row(&table, &entry, more);
        if (n > 0)
                table_print(&table, stdout);
        table_finish(&table);
        return n;
}

static int ask(Connection *connection, Incoming **ret, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusArray options;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "ListOnline", "a{sv}");
        options = dbus_open_array(&w, '{');
        remote_put_environment(&w);
        dbus_close_array(&w, options);
        return remote_finish_call(connection, &w, ret, reterr);
}

int online_list(Command *command, bool more) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_incoming_ Incoming *answer = NULL;
        _cleanup_connection_ Connection *connection = NULL;
        DbusReader reader;
        int r;

        r = command_connect(command, ACTIVATE, &connection, &failure);
        if (r >= 0)
                r = ask(connection, &answer, &failure);
        if (r < 0)
                return command_fail(command, r, &failure);
        reader = incoming_read(answer);
        if (command->json)
                print_json(&reader);
        else if (command->quiet)
                print_names(&reader);
        else if (print_table(&reader, more) == 0)
                say_plain("The catalogue has nothing for this kind of machine.");
        return EXIT_SUCCESS;
}
