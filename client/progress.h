/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How far long work is, on stderr: a bar on a terminal for what takes longer
 * than a second, one line for each stage otherwise. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        bool enabled, bar;
        uint64_t started; /* CLOCK_MONOTONIC ms */
        char stage[48];
        double fraction;  /* negative: not known */
        unsigned turn;    /* of the spinner */
        bool drawn;       /* the bar stands on the terminal's line */
} Progress;

void progress_start(Progress *progress, bool quiet);

/* An empty stage: not known yet. fraction: negative where it is not known. */
void progress_update(Progress *progress, const char *stage, double fraction);

/* Draws; to be called about as often as progress_interval() says. */
void progress_draw(Progress *progress);

/* Milliseconds, -1: never. */
int progress_interval(const Progress *progress);

/* Takes the bar away. */
void progress_clear(Progress *progress);
