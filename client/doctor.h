/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The checks of `lxctl doctor`: each looks at one thing of the host. */

#include <stddef.h>

typedef enum Finding {
        FINDING_OK,
        FINDING_INFO, /* something is not there that is not needed */
        FINDING_WARN,
        FINDING_FAIL,
        FINDING_MAX,
} Finding;

/* What a check has to say: the text states what was found, the remedy what to
 * do about it, each a sentence. */
typedef struct Report {
        char text[256];
        char remedy[512];
} Report;

typedef struct Check {
        const char *name; /* two words, stable: --json's key */
        Finding (*run)(Report *report);
} Check;

/* Fill the report. Return the finding. */
Finding report_good(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
Finding report_bad(Report *report, Finding finding, const char *text, const char *remedy);

extern const Check kernel_checks[]; /* both end with name NULL */
extern const Check host_checks[];
