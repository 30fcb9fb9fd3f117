/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Locks this process into the directory at `path` (chroot), after everything
 * that libc might load later has been loaded. Returns 0 or negative errno with
 * the reason in *reterr. Afterwards "/" is the distribution's. */
int worker_enter_root(const char *path, WorkerReport *reterr);

/* Whether "/" is a Linux distribution's root file system: /etc is a directory,
 * /bin/sh a program. Returns 0 or negative errno with the reason in *reterr. */
int worker_verify_root(WorkerReport *reterr);

/* What the distribution calls itself, "" where it does not say; at most 128 bytes. */
#define WORKER_RELEASE_MAX 128
void worker_read_release(char ret[WORKER_RELEASE_MAX + 1]);

/* The value of PRETTY_NAME in the text of an os-release(5), made printable, or
 * "" where there is none that is well-formed. */
void worker_parse_release(const char *text, char ret[WORKER_RELEASE_MAX + 1]);

/* Everything written so far is on disk when this returns 0. */
int worker_sync_root(WorkerReport *reterr);
