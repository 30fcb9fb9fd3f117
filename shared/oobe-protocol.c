/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the form of both packets. Nothing is received here, nor sent. */

#include "shared/oobe-protocol.h"

#include <stdio.h>

#define DONE "done"

bool oobe_user_is_valid(const char *user) {
        static const char characters[] = "_.-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        size_t n = strspn(user, characters);

        return n > 0 && n <= OOBE_USER_MAX && !user[n] && user[0] != '-' && user[0] != '.';
}

size_t oobe_result_encode(const char *user, char *ret) {
        return (size_t)snprintf(ret, OOBE_RESULT_MAX, DONE "%s%s", *user ? " " : "", user);
}

int oobe_result_decode(const char *bytes, size_t size, const char **ret_user) {
        const size_t n = strlen(DONE);

        if (size > OOBE_RESULT_MAX || size < n || memchr(bytes, '\0', size) || memcmp(bytes, DONE, n) != 0)
                return -EBADMSG;
        if (size > n && (bytes[n] != ' ' || !oobe_user_is_valid(bytes + n + 1)))
                return -EBADMSG;
        *ret_user = bytes + (size > n ? n + 1 : n);
        return 0;
}

ssize_t oobe_orders_encode(const OobeOrders *orders, char *ret) {
        const char *const strings[] = { orders->user, orders->cwd, orders->directory };
        size_t used = 0;

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                size_t n = strlen(strings[i]) + 1;

                if (n > OOBE_ORDERS_MAX - used)
                        return -ENAMETOOLONG;
                memcpy(ret + used, strings[i], n);
                used += n;
        }
        return (ssize_t)used;
}

int oobe_orders_decode(const char *bytes, size_t size, OobeOrders *ret) {
        const char *strings[3], *next = bytes, *end = bytes + size;

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                const char *nul = memchr(next, '\0', (size_t)(end - next));

                if (!nul)
                        return -EBADMSG;
                strings[i] = next;
                next = nul + 1;
        }
        if (next != end || !*strings[0])
                return -EBADMSG;
        *ret = (OobeOrders){ strings[0], strings[1], strings[2] };
        return 0;
}
