/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program that could not be executed. Input: a byte that chooses the errno, then the file. */

#include "daemon/elf-check.h"
#include "shared/text.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const int numbers[] = { ENOEXEC, ENOENT, EACCES, ELIBBAD, E2BIG, EINVAL, ETXTBSY, ENOMEM };
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int fd = -EBADF;
        ElfReport report;

        if (size == 0)
                return 0;
        fd = fuzz_file(data + 1, size - 1);
        name = fuzz_string(data, size < 32 ? size : 32);
        elf_check(fd, name, numbers[data[0] % ELEMENTSOF(numbers)], &report);
        FUZZ_REQUIRE(lxss_error_to_name(report.error));
        FUZZ_REQUIRE(report.sentence[0] && text_is_printable(report.sentence, strlen(report.sentence)));
        return 0;
}
