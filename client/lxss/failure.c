/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See client/lxss/failure.h. Without memory for the words the errno remains. */

#include "client/lxss/failure.h"

#include <stdarg.h>
#include <stdio.h>

void lxss_failure_clear(LxssFailure *failure) {
        free(steal_pointer(&failure->name));
        free(steal_pointer(&failure->message));
}

int failure_copy(LxssFailure *failure, int r, const char *name, const char *message) {
        if (!failure || failure->name)
                return r;
        failure->name = strdup(str_empty(name) ? lxss_error_to_name(LXSS_ERROR_FAILED) : name);
        failure->message = strdup(message ? message : "");
        return r;
}

int failure_set(LxssFailure *failure, LxssError kind, int r, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;
        va_end(arguments);
        return failure_copy(failure, r, lxss_error_to_name(kind), message);
}
