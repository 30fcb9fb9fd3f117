/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/worker-report.h"

/* A detached OpenPGP signature is small, or it is something else. */
#define SIGNATURE_MAX (64 * 1024)

/* One run of gpgv(1) over bytes as they pass by. */
typedef struct FetchSignature FetchSignature;

/* Returns 0 or negative errno with the reason in *reterr. */
int fetch_signature_start(const GByteArray *keyring, const GByteArray *signature, FetchSignature **ret,
                          WorkerReport *reterr);

/* The next of the bytes that are signed. Waits where gpgv is slow. */
void fetch_signature_add(FetchSignature *verifier, const void *bytes, size_t n);

/* Whether these were all, and a key of the keyring has signed them. Returns 0 or
 * negative errno with the reason in *reterr. */
int fetch_signature_judge(FetchSignature *verifier, WorkerReport *reterr);

FetchSignature *fetch_signature_free(FetchSignature *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FetchSignature, fetch_signature_free)

/* What gpgv's status lines (DETAILS of GnuPG's documentation) mean. Pure. */
int fetch_signature_read_status(const char *status, WorkerReport *reterr);
