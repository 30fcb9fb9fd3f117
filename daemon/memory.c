/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/memory.h"

#include <link.h>
#include <sys/mman.h>

#include "shared/util.h"

/* Read-only segments are private maps of files, and as they are there. */
static int forget_segments(struct dl_phdr_info *info, size_t size _unused_, void *userdata _unused_) {
        const uintptr_t page = sysconf(_SC_PAGESIZE);

        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
                uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & -page;

                if (segment->p_type == PT_LOAD && segment->p_flags == PF_R)
                        (void)madvise((void *)start, info->dlpi_addr + segment->p_vaddr + segment->p_memsz - start, MADV_DONTNEED);
        }
        return 0;
}

void memory_forget_linking(void) {
        (void)dl_iterate_phdr(forget_segments, NULL);
}
