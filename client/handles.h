/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* liblxss' objects as variables that clean up after themselves. */

#include "client/lxss/lxss.h"
#include "shared/util.h"

static inline void client_freep(LxssClient **client) {
        lxss_disconnect(*client);
}
#define _cleanup_client_ _cleanup_(client_freep)

static inline void operation_freep(LxssOperation **operation) {
        lxss_operation_free(*operation);
}
#define _cleanup_operation_ _cleanup_(operation_freep)

static inline void result_freep(void *result) {
        lxss_free(*(void **)result);
}
#define _cleanup_result_ _cleanup_(result_freep)

#define _cleanup_failure_ _cleanup_(lxss_failure_clear)
