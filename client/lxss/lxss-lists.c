/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists that are asked for by themselves: what can be installed, and what there is to go back to. */

#include "client/lxss/lxss-private.h"
#include "client/lxss/result.h"

/* Reads one entry into what was allocated for it, and says whether it could; strings are still the message's. */
typedef int (*ReadEntry)(DbusReader *entries, void *entry);

/* What of an entry are strings, as offsets. */
typedef struct Strings {
        size_t n, offsets[6];
} Strings;

static int keep_strings(void *result, void *entry, const Strings *strings) {
        for (size_t i = 0; i < strings->n; i++) {
                const char **s = (const char **)((char *)entry + strings->offsets[i]);

                *s = result_add_string(result, *s);
                if (!*s)
                        return -ENOMEM;
        }
        return 0;
}

static size_t count_entries(DbusReader reader, const char *type) {
        DbusReader entries = dbus_enter_array(&reader, '(');
        size_t n = 0;

        for (; dbus_more(&entries, &reader); n++)
                dbus_skip(&entries, type);
        return n;
}

/* An array of pointers to entries of a D-Bus type, in one result. size: of an entry. */
static int read_list(DbusReader reader, const char *type, ReadEntry read, size_t size, const Strings *strings,
                     void ***ret) {
        size_t n = count_entries(reader, type), i = 0;
        _cleanup_result_ void **list = result_new((n + 1) * sizeof(*list));
        DbusReader entries = dbus_enter_array(&reader, '(');

        if (!list)
                return -ENOMEM;
        for (; dbus_more(&entries, &reader) && i < n; i++) {
                list[i] = result_add(list, size);
                if (!list[i])
                        return -ENOMEM;
                if (read(&entries, list[i]) < 0)
                        return -EBADMSG;
                if (keep_strings(list, list[i], strings) < 0)
                        return -ENOMEM;
        }
        if (reader.error < 0)
                return reader.error;
        *ret = steal_pointer(&list);
        return 0;
}

/* ---- snapshots ---- */

static int read_snapshot(DbusReader *entries, void *entry) {
        LxssSnapshot *s = entry;

        dbus_get_struct(entries);
        return dbus_get(entries, "sstsb", &s->distribution, &s->name, &s->time, &s->release, &s->base);
}

int lxss_list_snapshots(LxssClient *client, const char *distribution, LxssSnapshot ***ret, LxssFailure *failure) {
        static const Strings strings = { 3, { offsetof(LxssSnapshot, distribution), offsetof(LxssSnapshot, name),
                                              offsetof(LxssSnapshot, release) } };
        _cleanup_incoming_ Incoming *answer = NULL;
        int r;

        r = remote_call(client->connection, "ListSnapshots", &answer, failure, "s", distribution ? distribution : "");
        if (r < 0)
                return lxss_result(r);
        r = read_list(incoming_read(answer), "(sstsb)", read_snapshot, sizeof(LxssSnapshot), &strings,
                      (void ***)ret);
        return r == -EBADMSG ? remote_bad_answer(r, failure) : r;
}

/* ---- what the catalogue offers ---- */

static int read_offer(DbusReader *entries, void *entry) {
        LxssOffer *o = entry;

        dbus_get_struct(entries);
        return dbus_get(entries, "sssbbsss", &o->name, &o->friendly_name, &o->family, &o->family_default,
                        &o->is_default, &o->url, &o->sha256, &o->catalogue);
}

int lxss_list_online(LxssClient *client, LxssOffer ***ret, LxssFailure *failure) {
        static const Strings strings = { 6, { offsetof(LxssOffer, name), offsetof(LxssOffer, friendly_name),
                                              offsetof(LxssOffer, family), offsetof(LxssOffer, url),
                                              offsetof(LxssOffer, sha256), offsetof(LxssOffer, catalogue) } };
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusArray options;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, MANAGER_INTERFACE, "ListOnline", "a{sv}");
        options = dbus_open_array(&w, '{');
        remote_put_environment(&w);
        dbus_close_array(&w, options);
        r = remote_finish_call(client->connection, &w, &answer, failure);
        if (r < 0)
                return lxss_result(r);
        r = read_list(incoming_read(answer), "(sssbbsss)", read_offer, sizeof(LxssOffer), &strings,
                      (void ***)ret);
        return r == -EBADMSG ? remote_bad_answer(r, failure) : r;
}
