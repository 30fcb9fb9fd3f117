/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What images call a machine (GOARCH) that uname(2) calls this. Borrowed from the argument or static. */
const char *machine_image_name(const char *machine);
