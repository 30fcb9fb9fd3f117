/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The descriptors that lxssd gives to lxss-fetch. */
enum {
        FETCH_REPORT_FD = 3, /* gets worker-report.h's datagrams */
        FETCH_OUTPUT_FD,     /* gets the archive */
        FETCH_SOURCE_FD,     /* directory, archive: what it is made of; image: the directory or file that it is in */
        FETCH_KEYRING_FD,    /* archive, transfer: the keys that may have signed it */
        FETCH_SIGNATURE_FD,  /* archive, transfer: by which they have, where lxssd was given it */
        FETCH_STAGING_FD,    /* image: where it goes */
        FETCH_LXSSD_FD,      /* for parent_death_arm() */
};
