/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/worker-report.h"

/* Reads a keyring from a descriptor. One in ASCII armour (RFC 9580, 6.2), which gpgv(1)
 * does not take, becomes the bytes that it stands for; anything else stays as it is.
 * Returns 0 or negative errno with the reason in *reterr. */
int fetch_keyring_read(int fd, GByteArray **ret, WorkerReport *reterr);

/* The binary of all public keys in a text; NULL where there is none, or one is damaged. */
GByteArray *fetch_keyring_dearmor(const char *text);
