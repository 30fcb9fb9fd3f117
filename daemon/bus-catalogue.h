/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/catalogue.h"

/* ListOnline, for bus-manager.c's vtable; what it does is in dbus/org.lxss.Manager1.xml. */
int bus_method_list_online(sd_bus_message *m, void *userdata, sd_bus_error *reterr);

/* The entry that is meant by this name and can be installed, or negative errno with
 * *reterr set. */
int bus_find_in_catalogue(const Catalogue *catalogue, const char *name, bool legacy, const CatalogueEntry **ret,
                          sd_bus_error *reterr);
