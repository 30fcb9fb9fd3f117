/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/error.h"

#define ELF_REPORT_SENTENCE_MAX 1024

/* Why a program could not be executed, and what to do about it. */
typedef struct ElfReport {
        LxssError error; /* one of PROGRAM_*, ARGUMENTS_TOO_LONG, FAILED */
        char sentence[ELF_REPORT_SENTENCE_MAX];
} ElfReport;

/* Explains why execve(2) of `program` failed with `exec_errno` (positive).
 *
 * program: the path as the user knows it; any bytes, only shown.
 * fd:      that file, opened O_RDONLY|O_NONBLOCK where that was possible, else
 *          negative. Borrowed; its offset is not touched. It may be hostile:
 *          whatever it contains, only a bounded part is read, and nothing else
 *          is opened, so that the interpreter's absence is concluded from
 *          ENOENT while the program itself is there.
 *
 * Always fills *ret. Meant for a short-lived child of lxssd: reading a file on a
 * stuck file system may block. */
void elf_check(int fd, const char *program, int exec_errno, ElfReport *ret);
