/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Methods of org.lxss.Manager1; userdata is the Bus. */
int bus_method_open_bus(sd_bus_message *m, void *userdata, sd_bus_error *reterr);
int bus_method_list_servers(sd_bus_message *m, void *userdata, sd_bus_error *reterr);

/* Of LxbusScope: "here", "host", "all". */
const char *bus_scope_to_string(uint32_t scope);
