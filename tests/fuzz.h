/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What fuzz targets have in common. `make fuzz` links them with libFuzzer,
 * `make check` with fuzz-main.c. */

#include <sys/mman.h>

#include "shared/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define FUZZ_REQUIRE(condition)          \
        do {                             \
                if (!(condition))        \
                        __builtin_trap(); \
        } while (0)

/* The input as a file; the caller closes it. */
static inline _unused_ int fuzz_file(const uint8_t *data, size_t size) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC);

        FUZZ_REQUIRE(fd >= 0 && write_all(fd, data, size) == 0);
        return fd;
}

/* The input as a string of its own. */
static inline _unused_ char *fuzz_string(const uint8_t *data, size_t size) {
        char *s = malloc(size + 1);

        FUZZ_REQUIRE(s);
        if (size > 0)
                memcpy(s, data, size);
        s[size] = '\0';
        return s;
}
