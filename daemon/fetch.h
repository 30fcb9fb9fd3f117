/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The descriptors that lxssd gives to lxss-fetch. */
enum {
        FETCH_REPORT_FD = 3, /* gets worker-report.h's datagrams */
        FETCH_ARCHIVE_FD,    /* gets the archive */
        FETCH_DIRECTORY_FD,  /* directory: what it is made of; image: the directory or file that it is in */
        FETCH_STAGING_FD,    /* image: where it goes */
        FETCH_LXSSD_FD,      /* for parent_death_arm() */
};
