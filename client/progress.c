/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the bar's line on stderr. Knows nothing of operations but their stages' words. */

#include "client/progress.h"

#include <sys/ioctl.h>
#include <time.h>

#include "client/text.h"

#define SHOW_AFTER_MS 1000
#define REDRAW_MS 120
#define BAR_MAX 40

static uint64_t now_ms(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *describe(const char *stage) {
        static const struct {
                const char *stage, *text;
        } table[] = {
                { "queued",        "Waiting for another operation" },
                { "preparing",     "Preparing" },
                { "bootstrapping", "Bootstrapping" },
                { "downloading",   "Downloading" },
                { "pulling",       "Fetching" },
                { "extracting",    "Extracting" },
                { "configuring",   "Configuring" },
                { "committing",    "Writing to disk" },
                { "exporting",     "Exporting" },
                { "cloning",       "Cloning" },
                { "moving",        "Moving" },
                { "removing",      "Removing" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq(table[i].stage, stage))
                        return table[i].text;
        return stage;
}

void progress_start(Progress *progress, bool quiet) {
        const char *term = getenv("TERM");

        *progress = (Progress){
                .enabled = !quiet,
                .bar = isatty(STDERR_FILENO) && !str_empty(term) && !streq(term, "dumb"),
                .started = now_ms(),
                .fraction = -1,
        };
}

void progress_update(Progress *progress, const char *stage, double fraction) {
        progress->fraction = fraction;
        if (str_empty(stage) || strncmp(progress->stage, stage, sizeof(progress->stage) - 1) == 0)
                return;
        snprintf(progress->stage, sizeof(progress->stage), "%s", stage);
        if (progress->enabled && !progress->bar)
                say_plain("%s…", describe(progress->stage));
}

static int bar_width(size_t text) {
        struct winsize size;
        int columns = 80, width;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                columns = size.ws_col;
        width = columns - (int)text - 12;
        return width > BAR_MAX ? BAR_MAX : width;
}

void progress_draw(Progress *progress) {
        static const char spinner[] = "|/-\\";
        _cleanup_free_ char *text = NULL;
        int width, filled;

        if (!progress->enabled || !progress->bar || now_ms() - progress->started < SHOW_AFTER_MS)
                return;
        text = text_escape_copy(*progress->stage ? describe(progress->stage) : "Working");
        if (!text)
                return;
        progress->drawn = true;
        if (!(progress->fraction >= 0)) {
                fprintf(stderr, "\r%s %c\033[K", text, spinner[progress->turn++ % 4]);
                return;
        }
        width = bar_width(text_width(text));
        if (width < 5)
                width = 5;
        filled = progress->fraction >= 1 ? width : (int)(progress->fraction * width);
        fprintf(stderr, "\r%s [", text);
        for (int i = 0; i < width; i++)
                fputc(i < filled ? '#' : ' ', stderr);
        fprintf(stderr, "] %3d %%\033[K", progress->fraction >= 1 ? 100 : (int)(progress->fraction * 100));
}

int progress_interval(const Progress *progress) {
        return progress->enabled && progress->bar ? REDRAW_MS : -1;
}

void progress_clear(Progress *progress) {
        if (progress->drawn)
                fputs("\r\033[K", stderr);
        progress->drawn = false;
}
