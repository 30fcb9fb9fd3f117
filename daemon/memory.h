/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Unmaps for now what only the dynamic linker has read: symbol tables and
 * relocations, half a megabyte of our libraries. Touched again it comes back
 * from the page cache. */
void memory_forget_linking(void);
