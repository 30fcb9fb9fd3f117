/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Handlers for bus-manager.c's vtable; what each does is in dbus/org.lxss.Manager1.xml.
 * userdata is the Bus. */
int bus_method_install(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_install_from(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_uninstall(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_export(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_clone(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_move(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_configure(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_rename(sd_bus_message *m, void *userdata, sd_bus_error *reterr);

/* The same for a property of a Distribution, which is the userdata. */
int bus_get_settings(sd_bus *connection, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *reterr);
