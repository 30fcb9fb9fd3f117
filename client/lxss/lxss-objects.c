/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the decoding of properties into structs, by tables: a property that a
 * newer lxssd adds is skipped, one that an older lxssd lacks stays empty. */

#include "client/lxss/lxss-private.h"
#include "client/lxss/result.h"

typedef struct Property {
        const char *name;
        /* What stands at offset: of s, b, u, t and d a const char *, bool, uint32_t, uint64_t, double; of a, "as", a
         * char *const *; of T, "a(sss)", a const LxssSetting * with a size_t behind it. */
        char type;
        size_t offset;
} Property;

static const Property distribution_properties[] = {
        { "Name",          's', offsetof(LxssDistribution, name) },
        { "State",         's', offsetof(LxssDistribution, state) },
        { "Default",       'b', offsetof(LxssDistribution, is_default) },
        { "RootDirectory", 's', offsetof(LxssDistribution, root) },
        { "Layers",        'a', offsetof(LxssDistribution, layers) },
        { "DefaultUser",   's', offsetof(LxssDistribution, default_user) },
        { "Oobe",          's', offsetof(LxssDistribution, oobe) },
        { "Release",       's', offsetof(LxssDistribution, release) },
        { "Source",        's', offsetof(LxssDistribution, source) },
        { "InstallTime",   't', offsetof(LxssDistribution, install_time) },
        { "Settings",      'T', offsetof(LxssDistribution, settings) },
        { 0 },
};

_Static_assert(offsetof(LxssDistribution, n_settings) ==
                               offsetof(LxssDistribution, settings) + sizeof(const LxssSetting *),
               "T is a pointer and a number");

static const Property instance_properties[] = {
        { "Distribution", 's', offsetof(LxssInstance, distribution) },
        { "State",        's', offsetof(LxssInstance, state) },
        { "Leader",       'u', offsetof(LxssInstance, leader) },
        { "Clients",      'u', offsetof(LxssInstance, clients) },
        { "Processes",    'u', offsetof(LxssInstance, processes) },
        { "StartTime",    't', offsetof(LxssInstance, start_time) },
        { "Warnings",     'a', offsetof(LxssInstance, warnings) },
        { 0 },
};

static const Property program_properties[] = {
        { "Distribution", 's', offsetof(LxssProgram, distribution) },
        { "CommandLine",  's', offsetof(LxssProgram, command_line) },
        { "User",         's', offsetof(LxssProgram, user) },
        { "Pid",          'u', offsetof(LxssProgram, pid) },
        { "Terminal",     'b', offsetof(LxssProgram, terminal) },
        { "StartTime",    't', offsetof(LxssProgram, start_time) },
        { 0 },
};

static const Property work_properties[] = {
        { "Kind",         's', offsetof(LxssWork, kind) },
        { "Distribution", 's', offsetof(LxssWork, distribution) },
        { "Stage",        's', offsetof(LxssWork, stage) },
        { "Progress",     'd', offsetof(LxssWork, fraction) },
        { 0 },
};

static const Property service_properties[] = {
        { "Version",             's', offsetof(LxssService, version) },
        { "DefaultDistribution", 's', offsetof(LxssService, default_distribution) },
        { "LogTarget",           's', offsetof(LxssService, log_target) },
        { "DataDirectory",       's', offsetof(LxssService, data_directory) },
        { "IdMode",              's', offsetof(LxssService, id_mode) },
        { "Pid",                 'u', offsetof(LxssService, pid) },
        { "Distributions",       'u', offsetof(LxssService, n_distributions) },
        { "Instances",           'u', offsetof(LxssService, n_instances) },
        { "Processes",           'u', offsetof(LxssService, n_processes) },
        { "Operations",          'u', offsetof(LxssService, n_operations) },
        { "Clients",             'u', offsetof(LxssService, n_clients) },
        { 0 },
};

/* An interface as an array of structs in LxssObjects. */
typedef struct Kind {
        const char *interface;
        const Property *properties;
        size_t size;
} Kind;

enum { DISTRIBUTIONS, INSTANCES, PROGRAMS, OPERATIONS, N_KINDS };

static const Kind kinds[N_KINDS] = {
        [DISTRIBUTIONS] = { DISTRIBUTION_INTERFACE, distribution_properties, sizeof(LxssDistribution) },
        [INSTANCES] = { INSTANCE_INTERFACE, instance_properties, sizeof(LxssInstance) },
        [PROGRAMS] = { PROCESS_INTERFACE, program_properties, sizeof(LxssProgram) },
        [OPERATIONS] = { OPERATION_INTERFACE, work_properties, sizeof(LxssWork) },
};

/* What is being put together. */
typedef struct Objects {
        LxssObjects *result;
        ResultArray arrays[N_KINDS];
} Objects;

#define AT(base, offset, type) ((type *)((char *)(base) + (offset)))

/* ---- values ---- */

static int read_strings(DbusReader *r, void *result, char *const **ret) {
        DbusReader strings = dbus_enter_array(r, 's');
        ResultArray array = {};

        while (dbus_more(&strings, r)) {
                const char *s;
                char *copy;

                (void)dbus_get(&strings, "s", &s);
                copy = result_add_string(result, s);
                if (!copy || result_array_push(result, &array, copy) < 0)
                        return -ENOMEM;
        }
        *ret = (char *const *)result_array_end(result, &array);
        return *ret ? r->error : -ENOMEM;
}

static size_t count_settings(DbusReader r) {
        DbusReader entries = dbus_enter_array(&r, '(');
        size_t n = 0;

        for (; dbus_more(&entries, &r); n++) {
                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "sss", NULL, NULL, NULL);
        }
        return n;
}

static int read_settings(DbusReader *r, void *result, const LxssSetting **ret, size_t *ret_n) {
        size_t n = count_settings(*r), i = 0;
        LxssSetting *settings = result_add(result, (n + 1) * sizeof(*settings));
        DbusReader entries = dbus_enter_array(r, '(');

        while (settings && dbus_more(&entries, r) && i < n) {
                const char *s[3];

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "sss", &s[0], &s[1], &s[2]);
                settings[i] = (LxssSetting){
                        .key = result_add_string(result, s[0]),
                        .value = result_add_string(result, s[1]),
                        .from = result_add_string(result, s[2]),
                };
                if (!settings[i].key || !settings[i].value || !settings[i].from)
                        return -ENOMEM;
                i++;
        }
        *ret = settings;
        *ret_n = i;
        return settings ? r->error : -ENOMEM;
}

/* One of another type than ours says is left as it is. */
static int read_property(DbusReader *r, const Property *p, void *result, void *object) {
        const char basic[] = { p->type, '\0' }, *type = p->type == 'a' ? "as" : p->type == 'T' ? "a(sss)" : basic, *s;
        const char *signature = dbus_get_variant(r);

        if (!streq(signature, type)) {
                dbus_skip(r, signature);
                return 0;
        }
        switch (p->type) {
        case 'a':
                return read_strings(r, result, AT(object, p->offset, char *const *));
        case 'T':
                return read_settings(r, result, AT(object, p->offset, const LxssSetting *),
                                     AT(object, p->offset + sizeof(const LxssSetting *), size_t));
        case 's':
                if (dbus_get(r, "s", &s) < 0)
                        return r->error;
                *AT(object, p->offset, const char *) = result_add_string(result, s);
                return *AT(object, p->offset, const char *) ? 0 : -ENOMEM;
        default:
                return dbus_get(r, type, AT(object, p->offset, char));
        }
}

static void fill_missing(const Property *properties, void *object) {
        static char *const none[] = { NULL };

        for (const Property *p = properties; p->name; p++)
                if (p->type == 's' && !*AT(object, p->offset, const char *))
                        *AT(object, p->offset, const char *) = "";
                else if (p->type == 'a' && !*AT(object, p->offset, char *const *))
                        *AT(object, p->offset, char *const *) = none;
}

/* Reads a{sv} into object. */
static int read_properties(DbusReader *r, const Property *properties, void *result, void *object) {
        DbusReader entries = dbus_enter_array(r, '{');

        while (dbus_more(&entries, r)) {
                const Property *p = properties;
                const char *name;
                int error = 0;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "s", &name);
                while (p->name && !streq(p->name, name))
                        p++;
                if (p->name)
                        error = read_property(&entries, p, result, object);
                else
                        dbus_skip(&entries, "v");
                if (error < 0)
                        return error;
        }
        fill_missing(properties, object);
        return r->error;
}

/* ---- objects ---- */

static int read_object(DbusReader *r, size_t kind, Objects *objects) {
        void *object = result_add(objects->result, kinds[kind].size);

        if (!object || result_array_push(objects->result, &objects->arrays[kind], object) < 0)
                return -ENOMEM;
        return read_properties(r, kinds[kind].properties, objects->result, object);
}

/* a{sa{sv}}: the interfaces of one object. */
static int read_interfaces(DbusReader *r, Objects *objects) {
        DbusReader entries = dbus_enter_array(r, '{');

        while (dbus_more(&entries, r)) {
                const char *interface;
                size_t kind = 0;
                int error = 0;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "s", &interface);
                while (kind < N_KINDS && !streq(kinds[kind].interface, interface))
                        kind++;
                if (kind < N_KINDS)
                        error = read_object(&entries, kind, objects);
                else
                        dbus_skip(&entries, "a{sv}");
                if (error < 0)
                        return error;
        }
        return r->error;
}

/* a{oa{sa{sv}}} */
static int read_objects(DbusReader *r, Objects *objects) {
        DbusReader entries = dbus_enter_array(r, '{');

        while (dbus_more(&entries, r)) {
                int error;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "o", NULL);
                error = read_interfaces(&entries, objects);
                if (error < 0)
                        return error;
        }
        return r->error;
}

static int compare_distributions(const void *a, const void *b) {
        return strcmp((*(const LxssDistribution *const *)a)->name, (*(const LxssDistribution *const *)b)->name);
}

static int compare_programs(const void *a, const void *b) {
        uint32_t x = (*(const LxssProgram *const *)a)->pid, y = (*(const LxssProgram *const *)b)->pid;

        return (x > y) - (x < y);
}

static void sort(ResultArray *array, int (*compare)(const void *, const void *)) {
        if (array->n > 1)
                qsort(array->items, array->n, sizeof(*array->items), compare);
}

static int finish_objects(Objects *objects) {
        LxssObjects *result = objects->result;
        ResultArray *arrays = objects->arrays;

        sort(&arrays[DISTRIBUTIONS], compare_distributions);
        sort(&arrays[PROGRAMS], compare_programs);
        for (size_t i = 0; i < N_KINDS; i++)
                if (!result_array_end(result, &arrays[i]))
                        return -ENOMEM;
        result->distributions = (const LxssDistribution *const *)arrays[DISTRIBUTIONS].items;
        result->n_distributions = arrays[DISTRIBUTIONS].n;
        result->instances = (const LxssInstance *const *)arrays[INSTANCES].items;
        result->n_instances = arrays[INSTANCES].n;
        result->programs = (const LxssProgram *const *)arrays[PROGRAMS].items;
        result->n_programs = arrays[PROGRAMS].n;
        result->operations = (const LxssWork *const *)arrays[OPERATIONS].items;
        result->n_operations = arrays[OPERATIONS].n;
        return 0;
}

int lxss_get_objects(LxssClient *client, LxssObjects **ret, LxssFailure *failure) {
        _cleanup_result_ LxssObjects *result = result_new(sizeof(*result));
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        Objects objects = { .result = result };
        DbusReader reader;
        int r;

        if (!result)
                return -ENOMEM;
        dbus_begin_call(&w, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "");
        r = remote_finish_call(client->connection, &w, &answer, failure);
        if (r < 0)
                return lxss_result(r);
        reader = incoming_read(answer);
        r = read_objects(&reader, &objects);
        if (r == 0)
                r = finish_objects(&objects);
        if (r < 0)
                return r == -ENOMEM ? r : remote_bad_answer(r, failure);
        *ret = steal_pointer(&result);
        return 0;
}

int lxss_get_service(LxssClient *client, LxssService **ret, LxssFailure *failure) {
        _cleanup_result_ LxssService *result = result_new(sizeof(*result));
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        DbusReader reader;
        int r;

        if (!result)
                return -ENOMEM;
        dbus_begin_call(&w, MANAGER_PATH, PROPERTIES_INTERFACE, "GetAll", "s");
        dbus_put(&w, "s", MANAGER_INTERFACE);
        r = remote_finish_call(client->connection, &w, &answer, failure);
        if (r < 0)
                return lxss_result(r);
        reader = incoming_read(answer);
        r = read_properties(&reader, service_properties, result, result);
        if (r < 0)
                return r == -ENOMEM ? r : remote_bad_answer(r, failure);
        *ret = steal_pointer(&result);
        return 0;
}
