/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is handed to callers as one thing: a struct and all that it points to, freed by one lxss_free(). */

#include <stddef.h>

#include "client/lxss/lxss.h"
#include "shared/util.h"

/* Zeroed; NULL on out of memory. The caller frees it with lxss_free(). */
void *result_new(size_t size);

/* More of the same, zeroed, freed with it. */
void *result_add(void *result, size_t size);
char *result_add_string(void *result, const char *s);

/* An array that is being filled: pointers, of which the last is NULL. */
typedef struct ResultArray {
        void **items; /* part of the result; NULL: empty */
        size_t n, allocated;
} ResultArray;

/* 0 or -ENOMEM. */
int result_array_push(void *result, ResultArray *array, void *item);
/* The array, also where it is empty; NULL on out of memory. */
void *result_array_end(void *result, ResultArray *array);

/* In case it is not handed out. */
static inline void result_freep(void *result) {
        lxss_free(*(void **)result);
}
#define _cleanup_result_ _cleanup_(result_freep)
