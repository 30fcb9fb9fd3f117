/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-event.h>

#include "daemon/error.h"

/* Why a program could not be executed, found out by lxss-diagnose. */
typedef struct Diagnosis Diagnosis;

/* The diagnosis may be freed from here. */
typedef void (*diagnosis_done_t)(const sd_bus_error *error, void *userdata);

/* `program` is what was to be executed, `fd` the file that was found (or
 * negative; it stays the caller's), `number` the errno of execve(2). */
int diagnosis_start(sd_event *event, const char *program, int fd, int number, diagnosis_done_t done, void *userdata,
                    Diagnosis **ret);
Diagnosis *diagnosis_free(Diagnosis *diagnosis);
