/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/handles.h"

/* The keys and the signature of an archive, opened here, so that lxssd never resolves
 * a path on our behalf. */
typedef struct Signature {
        int keyring;     /* or -EBADF: none is asked for */
        int file;        /* or -EBADF */
        const char *url; /* or NULL; borrowed. Neither: it is beside an archive that is no file */
} Signature;

#define NO_SIGNATURE { .keyring = -EBADF, .file = -EBADF }

/* keyring and signature (a path, a URL or NULL) are the command line's; archive is the path
 * of one that is a file, beside which the signature is looked for, or NULL. Returns 0, or
 * negative errno having said why. */
int signature_open(const char *keyring, const char *signature, const char *archive, Signature *ret);

/* Its part of what is to be installed; borrowed. */
void signature_put(const Signature *signature, LxssInstall *install);

void signature_close(Signature *signature);
#define _cleanup_signature_ _cleanup_(signature_close)
