/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the decoding of properties into structs, by tables: a property that a
 * newer lxssd adds is skipped, one that an older lxssd lacks stays empty. */

#include "client/snapshot.h"

typedef struct Property {
        const char *name;
        /* s, b, u, t, d, a for "as" or T for "a(sss)": what stands at offset is char *, bool, uint32_t, uint64_t,
         * double, and for the last two char **. */
        char type;
        size_t offset;
} Property;

static const Property distribution_properties[] = {
        { "Name",          's', offsetof(DistributionInfo, name) },
        { "State",         's', offsetof(DistributionInfo, state) },
        { "Default",       'b', offsetof(DistributionInfo, is_default) },
        { "RootDirectory", 's', offsetof(DistributionInfo, root) },
        { "Layers",        'a', offsetof(DistributionInfo, layers) },
        { "DefaultUser",   's', offsetof(DistributionInfo, default_user) },
        { "Oobe",          's', offsetof(DistributionInfo, oobe) },
        { "Release",       's', offsetof(DistributionInfo, release) },
        { "Source",        's', offsetof(DistributionInfo, source) },
        { "InstallTime",   't', offsetof(DistributionInfo, install_time) },
        { "Settings",      'T', offsetof(DistributionInfo, settings) },
        { 0 },
};

static const Property instance_properties[] = {
        { "Distribution", 's', offsetof(InstanceInfo, distribution) },
        { "State",        's', offsetof(InstanceInfo, state) },
        { "Leader",       'u', offsetof(InstanceInfo, leader) },
        { "Clients",      'u', offsetof(InstanceInfo, clients) },
        { "Processes",    'u', offsetof(InstanceInfo, processes) },
        { "StartTime",    't', offsetof(InstanceInfo, start_time) },
        { "Warnings",     'a', offsetof(InstanceInfo, warnings) },
        { 0 },
};

static const Property process_properties[] = {
        { "Distribution", 's', offsetof(ProcessInfo, distribution) },
        { "CommandLine",  's', offsetof(ProcessInfo, command_line) },
        { "User",         's', offsetof(ProcessInfo, user) },
        { "Pid",          'u', offsetof(ProcessInfo, pid) },
        { "Terminal",     'b', offsetof(ProcessInfo, terminal) },
        { "StartTime",    't', offsetof(ProcessInfo, start_time) },
        { 0 },
};

static const Property operation_properties[] = {
        { "Kind",         's', offsetof(OperationInfo, kind) },
        { "Distribution", 's', offsetof(OperationInfo, distribution) },
        { "Stage",        's', offsetof(OperationInfo, stage) },
        { "Progress",     'd', offsetof(OperationInfo, progress) },
        { 0 },
};

static const Property manager_properties[] = {
        { "Version",             's', offsetof(ManagerInfo, version) },
        { "DefaultDistribution", 's', offsetof(ManagerInfo, default_distribution) },
        { "LogTarget",           's', offsetof(ManagerInfo, log_target) },
        { "DataDirectory",       's', offsetof(ManagerInfo, data_directory) },
        { "IdMode",              's', offsetof(ManagerInfo, id_mode) },
        { "Distributions",       'u', offsetof(ManagerInfo, distributions) },
        { "Instances",           'u', offsetof(ManagerInfo, instances) },
        { "Processes",           'u', offsetof(ManagerInfo, processes) },
        { "Operations",          'u', offsetof(ManagerInfo, operations) },
        { "Clients",             'u', offsetof(ManagerInfo, clients) },
        { "Pid",                 'u', offsetof(ManagerInfo, pid) },
        { 0 },
};

/* An interface as an array of structs in the Snapshot. */
typedef struct Kind {
        const char *interface;
        const Property *properties;
        size_t size;
        size_t array, count; /* offsets in Snapshot */
} Kind;

static const Kind kinds[] = {
        { DISTRIBUTION_INTERFACE, distribution_properties, sizeof(DistributionInfo),
          offsetof(Snapshot, distributions), offsetof(Snapshot, n_distributions) },
        { INSTANCE_INTERFACE, instance_properties, sizeof(InstanceInfo),
          offsetof(Snapshot, instances), offsetof(Snapshot, n_instances) },
        { PROCESS_INTERFACE, process_properties, sizeof(ProcessInfo),
          offsetof(Snapshot, processes), offsetof(Snapshot, n_processes) },
        { OPERATION_INTERFACE, operation_properties, sizeof(OperationInfo),
          offsetof(Snapshot, operations), offsetof(Snapshot, n_operations) },
};

#define AT(base, offset, type) ((type *)((char *)(base) + (offset)))

static void properties_free(const Property *properties, void *object) {
        for (const Property *p = properties; p->name; p++)
                if (p->type == 's')
                        free(steal_pointer(AT(object, p->offset, char *)));
                else if (p->type == 'a' || p->type == 'T')
                        strv_freep(AT(object, p->offset, char **));
}

static int strings_read(DbusReader *r, char ***ret) {
        DbusReader strings = dbus_enter_array(r, 's');

        while (dbus_more(&strings, r)) {
                const char *s;
                int error;

                (void)dbus_get(&strings, "s", &s);
                error = strv_push_copy(ret, s);
                if (error < 0)
                        return error;
        }
        return r->error;
}

/* One after the other. */
static int triples_read(DbusReader *r, char ***ret) {
        DbusReader triples = dbus_enter_array(r, '(');

        while (dbus_more(&triples, r)) {
                const char *s[3];

                dbus_get_struct(&triples);
                (void)dbus_get(&triples, "sss", &s[0], &s[1], &s[2]);
                for (size_t i = 0; i < ELEMENTSOF(s); i++) {
                        int error = strv_push_copy(ret, s[i]);

                        if (error < 0)
                                return error;
                }
        }
        return r->error;
}

static int list_read(DbusReader *r, char type, char ***ret) {
        return type == 'a' ? strings_read(r, ret) : triples_read(r, ret);
}

/* One of another type than ours says is left as it is. */
static int property_read(DbusReader *r, const Property *p, void *object) {
        const char basic[] = { p->type, '\0' }, *type = p->type == 'a' ? "as" : p->type == 'T' ? "a(sss)" : basic, *s;
        const char *signature = dbus_get_variant(r);
        char *copy;

        if (!streq(signature, type)) {
                dbus_skip(r, signature);
                return 0;
        }
        if (type != basic)
                return list_read(r, p->type, AT(object, p->offset, char **));
        if (p->type != 's')
                return dbus_get(r, type, AT(object, p->offset, char));
        if (dbus_get(r, "s", &s) < 0)
                return r->error;
        copy = strdup(s);
        if (!copy)
                return -ENOMEM;
        free(*AT(object, p->offset, char *));
        *AT(object, p->offset, char *) = copy;
        return 0;
}

static int fill_missing(const Property *properties, void *object) {
        for (const Property *p = properties; p->name; p++)
                if (p->type == 's' && !*AT(object, p->offset, char *)) {
                        *AT(object, p->offset, char *) = strdup("");
                        if (!*AT(object, p->offset, char *))
                                return -ENOMEM;
                }
        return 0;
}

/* Reads a{sv} into object. */
static int properties_read(DbusReader *r, const Property *properties, void *object) {
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
                        error = property_read(&entries, p, object);
                else
                        dbus_skip(&entries, "v");
                if (error < 0)
                        return error;
        }
        return r->error < 0 ? r->error : fill_missing(properties, object);
}

static int object_read(DbusReader *r, const Kind *kind, Snapshot *snapshot) {
        void **array = AT(snapshot, kind->array, void *);
        size_t *n = AT(snapshot, kind->count, size_t);
        void *grown, *object;

        grown = reallocarray(*array, *n + 1, kind->size);
        if (!grown)
                return -ENOMEM;
        *array = grown;
        object = (char *)grown + *n * kind->size;
        memset(object, 0, kind->size);
        (*n)++;
        return properties_read(r, kind->properties, object);
}

/* a{sa{sv}}: the interfaces of one object. */
static int interfaces_read(DbusReader *r, Snapshot *snapshot) {
        DbusReader entries = dbus_enter_array(r, '{');

        while (dbus_more(&entries, r)) {
                const Kind *kind = NULL;
                const char *interface;
                int error = 0;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "s", &interface);
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        if (streq(kinds[i].interface, interface))
                                kind = &kinds[i];
                if (kind)
                        error = object_read(&entries, kind, snapshot);
                else
                        dbus_skip(&entries, "a{sv}");
                if (error < 0)
                        return error;
        }
        return r->error;
}

/* a{oa{sa{sv}}} */
static int objects_read(DbusReader *r, Snapshot *snapshot) {
        DbusReader entries = dbus_enter_array(r, '{');

        while (dbus_more(&entries, r)) {
                int error;

                dbus_get_struct(&entries);
                (void)dbus_get(&entries, "o", NULL);
                error = interfaces_read(&entries, snapshot);
                if (error < 0)
                        return error;
        }
        return r->error;
}

static int compare_distributions(const void *a, const void *b) {
        return strcmp(((const DistributionInfo *)a)->name, ((const DistributionInfo *)b)->name);
}

static int compare_processes(const void *a, const void *b) {
        uint32_t x = ((const ProcessInfo *)a)->pid, y = ((const ProcessInfo *)b)->pid;

        return (x > y) - (x < y);
}

int snapshot_take(Connection *connection, Snapshot *ret, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        _cleanup_snapshot_ Snapshot snapshot = {};
        DbusReader reader;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "");
        r = remote_finish_call(connection, &w, &answer, reterr);
        if (r < 0)
                return r;
        reader = incoming_read(answer);
        r = objects_read(&reader, &snapshot);
        if (r < 0)
                return remote_bad_answer(r, reterr);
        if (snapshot.n_distributions > 1)
                qsort(snapshot.distributions, snapshot.n_distributions, sizeof(DistributionInfo),
                      compare_distributions);
        if (snapshot.n_processes > 1)
                qsort(snapshot.processes, snapshot.n_processes, sizeof(ProcessInfo), compare_processes);
        *ret = snapshot;
        snapshot = (Snapshot){};
        return 0;
}

void snapshot_finish(Snapshot *snapshot) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                void **array = AT(snapshot, kinds[i].array, void *);
                size_t *n = AT(snapshot, kinds[i].count, size_t);

                for (size_t j = 0; j < *n; j++)
                        properties_free(kinds[i].properties, (char *)*array + j * kinds[i].size);
                free(steal_pointer(array));
                *n = 0;
        }
}

int manager_info_get(Connection *connection, ManagerInfo *ret, Failure *reterr) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_incoming_ Incoming *answer = NULL;
        _cleanup_manager_info_ ManagerInfo info = {};
        DbusReader reader;
        int r;

        dbus_begin_call(&w, MANAGER_PATH, PROPERTIES_INTERFACE, "GetAll", "s");
        dbus_put(&w, "s", MANAGER_INTERFACE);
        r = remote_finish_call(connection, &w, &answer, reterr);
        if (r < 0)
                return r;
        reader = incoming_read(answer);
        r = properties_read(&reader, manager_properties, &info);
        if (r < 0)
                return remote_bad_answer(r, reterr);
        *ret = info;
        info = (ManagerInfo){};
        return 0;
}

void manager_info_finish(ManagerInfo *info) {
        properties_free(manager_properties, info);
}

const InstanceInfo *snapshot_find_instance(const Snapshot *snapshot, const char *distribution) {
        for (size_t i = 0; i < snapshot->n_instances; i++)
                if (streq(snapshot->instances[i].distribution, distribution))
                        return &snapshot->instances[i];
        return NULL;
}

const DistributionInfo *snapshot_find_distribution(const Snapshot *snapshot, const char *name) {
        for (size_t i = 0; i < snapshot->n_distributions; i++)
                if (streq(snapshot->distributions[i].name, name))
                        return &snapshot->distributions[i];
        return NULL;
}

const char *snapshot_state(const Snapshot *snapshot, const DistributionInfo *distribution) {
        if (!streq(distribution->state, "installed"))
                return distribution->state;
        return snapshot_find_instance(snapshot, distribution->name) ? "running" : "stopped";
}
