/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of shared/machine.h: only those that have two names. */

#include "shared/machine.h"

#include "shared/util.h"

const char *machine_image_name(const char *machine) {
        static const char *const names[][2] = {
                { "x86_64", "amd64" },
                { "aarch64", "arm64" },
                { "i686", "386" },
                { "i386", "386" },
                { "armv7l", "arm" },
                { "armv6l", "arm" },
                { "loongarch64", "loong64" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i][0], machine))
                        return names[i][1];
        return machine; /* ppc64le, riscv64, s390x */
}
