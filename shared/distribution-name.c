/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names become directories, paths of D-Bus objects and arguments of lxctl, so
 * few characters are enough. */

#include "shared/distribution-name.h"

#include "shared/util.h"

bool distribution_name_is_valid(const char *name) {
        static const char characters[] = "._-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        size_t n = strspn(name, characters);

        return n > 0 && n <= DISTRIBUTION_NAME_MAX && !name[n] && !strchr("._-", name[0]);
}
