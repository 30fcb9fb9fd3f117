/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See client/objects.h. */

#include "client/objects.h"

const LxssInstance *objects_find_instance(const LxssObjects *objects, const char *distribution) {
        for (size_t i = 0; i < objects->n_instances; i++)
                if (streq(objects->instances[i]->distribution, distribution))
                        return objects->instances[i];
        return NULL;
}

const LxssDistribution *objects_find_distribution(const LxssObjects *objects, const char *name) {
        for (size_t i = 0; i < objects->n_distributions; i++)
                if (streq(objects->distributions[i]->name, name))
                        return objects->distributions[i];
        return NULL;
}

const LxssDistribution *objects_find_default(const LxssObjects *objects) {
        for (size_t i = 0; i < objects->n_distributions; i++)
                if (objects->distributions[i]->is_default)
                        return objects->distributions[i];
        return NULL;
}

const char *objects_state(const LxssObjects *objects, const LxssDistribution *distribution) {
        if (!streq(distribution->state, "installed"))
                return distribution->state;
        return objects_find_instance(objects, distribution->name) ? "running" : "stopped";
}
