/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "init/account.h"

/* What a login as this user gives (environ(7), and the distribution's default
 * locale), with `overrides` (NAME=VALUE) put over it. Returns 0 or -ENOMEM; the
 * caller frees *ret with strv_free(). */
int environment_build(const Account *account, char *const *overrides, bool terminal, char ***ret);

/* The value of a variable in such an array, or NULL. */
const char *environment_get(char *const *env, const char *name);
