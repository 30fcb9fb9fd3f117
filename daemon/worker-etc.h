/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/stat.h>

#include "daemon/worker-report.h"

/* One of the text files in a distribution's /etc, whole. */
typedef struct EtcFile {
        const char *name; /* static */
        char *text;       /* NULL where the file is not there */
        struct stat st;
} EtcFile;

void etc_file_done(EtcFile *file);
#define _cleanup_etc_file_ _cleanup_(etc_file_done)

/* Reads `name` in the directory `etc`. That it is absent is no error; that it is
 * no plain text file of reasonable size is one. Returns 0 or negative errno with
 * the reason in *reterr. */
int etc_file_load(int etc, const char *name, EtcFile *ret, WorkerReport *reterr);

/* Replaces the file atomically, keeping owner and mode. Takes `text` over
 * (NULL: out of memory). Returns 0 or negative errno with the reason in *reterr. */
int etc_file_store(int etc, EtcFile *file, char *text, WorkerReport *reterr);

/* Writes a file of root's with this mode, atomically. */
int etc_file_write(int etc, const char *name, mode_t mode, const char *text, WorkerReport *reterr);
