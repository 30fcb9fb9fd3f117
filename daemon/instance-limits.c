/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The cgroup of an instance and the limits that its settings ask for. They hold only
 * where lxssd may make cgroups; elsewhere whoever starts the instance is told. */

#include <sys/stat.h>

#include "daemon/cgroup.h"
#include "daemon/instance-private.h"
#include "daemon/log.h"
#include "shared/util.h"

static char *cgroup_name(const Instance *instance) {
        return g_strdup_printf("instance-%s", instance->distribution->name);
}

static void warn(Instance *instance, const char *what, const char *why) {
        g_autofree char *text = g_strdup_printf("The limit of %s is not enforced: %s", what, why);

        instance_warn(instance, text);
}

/* value is what the kernel's file takes. */
static void limit(Instance *instance, const char *what, const char *file, const char *value) {
        int r = cgroup_write(instance->cgroup_fd, file, value);
        g_autofree char *why = NULL;

        if (r >= 0)
                return;
        if (r == -ENOENT)
                why = g_strdup("lxssd was not given that controller of the kernel's. What to do about it: lxctl "
                               "doctor");
        else
                why = g_strdup_printf("%s cannot be set: %s", file, g_strerror(-r));
        warn(instance, what, why);
}

static void limit_all(Instance *instance) {
        const InstanceSettings *settings = &instance->settings;
        g_autofree char *memory = g_strdup_printf("%" G_GUINT64_FORMAT, settings->memory_bytes),
                        *processors = g_strdup_printf("%" G_GUINT64_FORMAT " 100000",
                                                      settings->processor_thousandths * 100),
                        *pids = g_strdup_printf("%" G_GUINT64_FORMAT, settings->pids);

        if (settings->memory_bytes)
                limit(instance, "memory", "memory.max", memory);
        if (settings->processor_thousandths)
                limit(instance, "processors", "cpu.max", processors);
        if (settings->pids)
                limit(instance, "pids", "pids.max", pids);
}

static bool has_limits(const InstanceSettings *settings) {
        return settings->memory_bytes || settings->processor_thousandths || settings->pids;
}

void instance_open_cgroup(Instance *instance) {
        g_autofree char *name = cgroup_name(instance);
        bool limited = has_limits(&instance->settings);
        int parent = instance->host->cgroup_fd;

        /* For whom nobody asks for limits nothing changes. */
        if (limited && parent >= 0)
                cgroup_enable_controllers(parent);
        if (parent >= 0 && (mkdirat(parent, name, 0755) == 0 || errno == EEXIST))
                instance->cgroup_fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (limited && instance->cgroup_fd >= 0)
                limit_all(instance);
        else if (limited)
                warn(instance, "memory, processors or pids",
                     "lxssd has no cgroup of its own here, as systemd would give it.");
}

void instance_remove_cgroup(Instance *instance) {
        g_autofree char *name = cgroup_name(instance);

        if (instance->cgroup_fd < 0)
                return;
        closep(&instance->cgroup_fd);
        if (unlinkat(instance->host->cgroup_fd, name, AT_REMOVEDIR) < 0)
                log_event(LOG_WARNING, instance->distribution->name, 0, "Cannot remove its cgroup: %s",
                          g_strerror(errno));
}
