/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The descriptors that lxssd gives to lxss-diagnose. */
enum {
        DIAGNOSE_RESULT_FD = 3, /* gets one ElfReport */
        DIAGNOSE_FILE_FD,       /* what could not be executed; not open: it could not even be opened */
        DIAGNOSE_LXSSD_FD,      /* for parent_death_arm() */
};
