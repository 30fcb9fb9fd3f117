/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "shared/util.h"

/* A user of the distribution, from its own passwd(5) and group(5). */
typedef struct Account {
        char *name;
        uid_t uid;
        gid_t gid;
        char *home;
        char *shell;
        gid_t *groups; /* supplementary, the primary one included */
        size_t n_groups;
} Account;

/* Finds a user by exact name, or by uid in plain decimal ("0", "1000"; no sign,
 * no leading zero). Returns 0; -ENOENT where there is none; or another negative
 * errno where passwd cannot be read. A distribution without /etc/passwd has
 * root all the same. The caller frees *ret with account_free(). */
int account_lookup(const char *user, Account **ret);

/* Returns NULL; NULL is legal. */
Account *account_free(Account *account);

static inline void account_freep(Account **account) {
        account_free(*account);
}
#define _cleanup_account_ _cleanup_(account_freep)
