/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

/* The a{sv} options that methods take, read by a table. */

/* Reads the value that the message stands at into *ret, freeing what was there. */
typedef int (*option_reader_t)(sd_bus_message *m, void *ret);

typedef struct Option {
        const char *name;
        const char *signature;
        option_reader_t read;
        size_t offset; /* of the member, from the target */
} Option;

/* Reads a whole a{sv}. An unknown option, or one of the wrong type, is an
 * error that names it. What was read stays in the target. */
int options_read(sd_bus_message *m, const Option *options, size_t n, void *target, sd_bus_error *reterr);

int option_string(sd_bus_message *m, void *ret);     /* char *, from s */
/* char **, from as; not NULL even where it is empty. Nothing but shared/transfer-variables.h gets
 * through, since it reaches a program that lxssd starts. */
int option_transfer_variables(sd_bus_message *m, void *ret);
int option_bytes(sd_bus_message *m, void *ret);      /* char *, from ay without NUL */
int option_bool(sd_bus_message *m, void *ret);       /* bool */
int option_not_bool(sd_bus_message *m, void *ret);   /* bool, the opposite */
int option_u64(sd_bus_message *m, void *ret);        /* uint64_t */
int option_fd(sd_bus_message *m, void *ret);         /* int, a duplicate, the caller's */
int option_fd_mask(sd_bus_message *m, void *ret);    /* uint32_t, a bit for each of an au below 32 */
int option_size(sd_bus_message *m, void *ret);       /* uint16_t[2], from (uu) */

/* Reads an ay into a new string. -EINVAL where it holds a NUL byte. */
int read_bytes(sd_bus_message *m, char **ret);

/* Reads an aay into a NULL-terminated array. */
int read_bytes_array(sd_bus_message *m, char ***ret);
