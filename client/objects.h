/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Looking something up in what lxssd manages at one moment. NULL: there is none. */

#include "client/handles.h"

/* The running or starting instance of a distribution. */
const LxssInstance *objects_find_instance(const LxssObjects *objects, const char *distribution);
const LxssDistribution *objects_find_distribution(const LxssObjects *objects, const char *name);
const LxssDistribution *objects_find_default(const LxssObjects *objects);

/* What people call the state: running where an instance is there, stopped where
 * the distribution is only installed, else its own. */
const char *objects_state(const LxssObjects *objects, const LxssDistribution *distribution);
