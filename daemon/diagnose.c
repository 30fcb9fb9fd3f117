/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lxss-diagnose: says why a program could not be executed. A program of its own,
 * since the file is foreign, reading it may hang, and libelf, which only this needs,
 * would be a part of every lxssd.
 *
 *   lxss-diagnose PROGRAM ERRNO
 *
 * PROGRAM is only shown. Descriptors: see daemon/diagnose.h. */

#include <signal.h>
#include <stdio.h>

#include "daemon/diagnose.h"
#include "daemon/elf-check.h"
#include "daemon/parent-death.h"
#include "shared/util.h"

int main(int argc, char **argv) {
        bool has_file = fcntl(DIAGNOSE_FILE_FD, F_GETFD) >= 0;
        ElfReport report;

        if (argc != 3 || fcntl(DIAGNOSE_RESULT_FD, F_GETFD) < 0) {
                fputs("lxss-diagnose explains to lxssd, which starts it, why a program cannot be executed.\n", stderr);
                return EXIT_FAILURE;
        }
        (void)signal(SIGPIPE, SIG_DFL);
        parent_death_arm(DIAGNOSE_LXSSD_FD);
        elf_check(has_file ? DIAGNOSE_FILE_FD : -EBADF, argv[1], atoi(argv[2]), &report);
        return write_all(DIAGNOSE_RESULT_FD, &report, sizeof(report)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
