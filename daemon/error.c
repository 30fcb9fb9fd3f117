/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Errors by name, since sd-bus would only know errno. */

#include "daemon/error.h"

#include <stdarg.h>

int error_set(sd_bus_error *reterr, LxssError error, const char *format, ...) {
        va_list arguments;

        if (reterr) {
                va_start(arguments, format);
                (void)sd_bus_error_setfv(reterr, lxss_error_to_name(error), format, arguments);
                va_end(arguments);
        }
        return -lxss_error_to_errno(error);
}
