/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of shared/error.h as data. */

#include "shared/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
        const char *name;
        int number;
        int exit_code;
} error_table[LXSS_ERROR_MAX] = {
#define X(id, name, number, exit_code) [LXSS_ERROR_##id] = { LXSS_ERROR_PREFIX name, number, exit_code },
        LXSS_ERRORS(X)
#undef X
};

const char *lxss_error_to_name(LxssError error) {
        return error >= 0 && error < LXSS_ERROR_MAX ? error_table[error].name : NULL;
}

LxssError lxss_error_from_name(const char *name) {
        for (LxssError e = 0; name && e < LXSS_ERROR_MAX; e++)
                if (strcmp(error_table[e].name, name) == 0)
                        return e;
        return LXSS_ERROR_INVALID;
}

int lxss_error_to_errno(LxssError error) {
        return error >= 0 && error < LXSS_ERROR_MAX ? error_table[error].number : EINVAL;
}

int lxss_error_exit_code(const char *name) {
        LxssError error = lxss_error_from_name(name);

        return error < 0 ? 125 : error_table[error].exit_code;
}
