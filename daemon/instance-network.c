/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The network of an instance with network=private: it is there before the container, so that nothing in that ever runs
 * without. Where it ends early the instance goes on. */

#include "daemon/instance-private.h"
#include "daemon/log.h"
#include "shared/util.h"

static void on_up(int namespace, void *userdata) {
        _cleanup_close_ int fd = namespace;

        instance_start_container(userdata, fd);
}

static void on_failed(const sd_bus_error *error, void *userdata) {
        instance_fail_start(userdata, error);
}

static void on_ended(const char *reason, void *userdata) {
        Instance *instance = userdata;
        g_autofree char *text = g_strdup_printf("The instance has no network any more: %s.", reason);

        if (instance->state == INSTANCE_STARTING)
                instance_warn(instance, text);
        else if (instance->state == INSTANCE_RUNNING)
                log_event(LOG_ERR, instance->distribution->name, 0, "%s", text);
}

int instance_start_network(Instance *instance) {
        static const NetworkEvents events = { .up = on_up, .failed = on_failed, .ended = on_ended };
        const Distribution *d = instance->distribution;

        return network_start(instance->host->event, instance->host->base, d->name, d->slot, &events, instance,
                             &instance->network);
}
