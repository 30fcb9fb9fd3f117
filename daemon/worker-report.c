/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the form of the worker's datagrams, for both ends: lxssd decodes, the
 * worker encodes and sends. It must not know what the operations are. It uses
 * libc only, since the worker runs it inside a foreign root file system, and it
 * trusts no byte: the worker has unpacked a hostile archive. */

#include "daemon/worker-report.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "shared/distribution-name.h"
#include "shared/text.h"

static const char *const kind_names[WORKER_REPORT_MAX] = {
        [WORKER_REPORT_STAGE] = "stage",     [WORKER_REPORT_PROGRESS] = "progress",
        [WORKER_REPORT_USER] = "user",       [WORKER_REPORT_RELEASE] = "release",
        [WORKER_REPORT_LAYER] = "layer",
        [WORKER_REPORT_NAME] = "name",       [WORKER_REPORT_OOBE] = "oobe",
        [WORKER_REPORT_SHORTCUT] = "shortcut", [WORKER_REPORT_WARNING] = "warning",
        [WORKER_REPORT_ERROR] = "error",     [WORKER_REPORT_DONE] = "done",
};

bool worker_user_name_is_valid(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= WORKER_USER_NAME_MAX && ((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_') &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

static bool stage_is_valid(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == n;
}

static bool icon_is_valid(const char *format) {
        return streq(format, "none") || streq(format, "png") || streq(format, "svg");
}

static bool has_value(WorkerReportKind kind) {
        return kind != WORKER_REPORT_DONE && kind != WORKER_REPORT_OOBE;
}

static bool report_is_valid(const WorkerReport *report) {
        size_t n = strnlen(report->text, sizeof(report->text));

        if (n > WORKER_REPORT_TEXT_MAX || !text_is_printable(report->text, n))
                return false;
        switch (report->kind) {
        case WORKER_REPORT_STAGE:
                return stage_is_valid(report->text);
        case WORKER_REPORT_PROGRESS:
                return report->permille <= 1000;
        case WORKER_REPORT_USER:
                return worker_user_name_is_valid(report->text);
        case WORKER_REPORT_RELEASE:
        case WORKER_REPORT_LAYER:
        case WORKER_REPORT_WARNING:
                return n > 0;
        case WORKER_REPORT_NAME:
                return distribution_name_is_valid(report->text);
        case WORKER_REPORT_SHORTCUT:
                return icon_is_valid(report->text);
        case WORKER_REPORT_ERROR:
                return n > 0 && lxss_error_to_name(report->error);
        case WORKER_REPORT_OOBE:
        case WORKER_REPORT_DONE:
                return true;
        default:
                return false;
        }
}

/* One to four digits without leading zeros. */
static int parse_permille(const char *text, unsigned *ret) {
        size_t n = strlen(text);

        if (n == 0 || n > 4 || strspn(text, "0123456789") != n || (n > 1 && text[0] == '0'))
                return -EBADMSG;
        *ret = (unsigned)strtoul(text, NULL, 10);
        return 0;
}

static int parse_error(char *value, WorkerReport *report) {
        char *newline = strchr(value, '\n');

        if (!newline)
                return -EBADMSG;
        *newline = '\0';
        report->error = lxss_error_from_name(value);
        if (report->error < 0 || strlen(newline + 1) > WORKER_REPORT_TEXT_MAX)
                return -EBADMSG;
        strcpy(report->text, newline + 1);
        return 0;
}

static int parse_value(char *value, WorkerReport *report) {
        switch (report->kind) {
        case WORKER_REPORT_OOBE:
        case WORKER_REPORT_DONE:
                return value ? -EBADMSG : 0;
        case WORKER_REPORT_PROGRESS:
                return value ? parse_permille(value, &report->permille) : -EBADMSG;
        case WORKER_REPORT_ERROR:
                return value ? parse_error(value, report) : -EBADMSG;
        default:
                if (!value || strlen(value) > WORKER_REPORT_TEXT_MAX)
                        return -EBADMSG;
                strcpy(report->text, value);
                return 0;
        }
}

int worker_report_decode(const char *bytes, size_t size, WorkerReport *ret) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];
        WorkerReport report = { .kind = WORKER_REPORT_INVALID, .error = LXSS_ERROR_INVALID };
        char *value;
        int r;

        if (size == 0 || size > WORKER_REPORT_SIZE_MAX || memchr(bytes, '\0', size))
                return -EBADMSG;
        memcpy(buffer, bytes, size);
        buffer[size] = '\0';
        value = strchr(buffer, ' ');
        if (value)
                *value++ = '\0';

        for (WorkerReportKind kind = 0; kind < WORKER_REPORT_MAX; kind++)
                if (streq(buffer, kind_names[kind]))
                        report.kind = kind;
        if (report.kind < 0)
                return -EBADMSG;
        r = parse_value(value, &report);
        if (r < 0)
                return r;
        if (!report_is_valid(&report))
                return -EBADMSG;
        *ret = report;
        return 0;
}

ssize_t worker_report_encode(const WorkerReport *report, char *ret, size_t size) {
        const char *kind;
        int n;

        if (!report_is_valid(report))
                return -EINVAL;
        kind = kind_names[report->kind];
        if (!has_value(report->kind))
                n = snprintf(ret, size, "%s", kind);
        else if (report->kind == WORKER_REPORT_PROGRESS)
                n = snprintf(ret, size, "%s %u", kind, report->permille);
        else if (report->kind == WORKER_REPORT_ERROR)
                n = snprintf(ret, size, "%s %s\n%s", kind, lxss_error_to_name(report->error), report->text);
        else
                n = snprintf(ret, size, "%s %s", kind, report->text);
        return (size_t)n < size ? n : -ENOBUFS;
}

int worker_report_fail(WorkerReport *ret, LxssError error, const char *format, ...) {
        char sentence[2 * WORKER_REPORT_TEXT_MAX];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        ret->kind = WORKER_REPORT_ERROR;
        ret->error = error;
        text_strip(sentence, strlen(sentence), ret->text, sizeof(ret->text));
        return -lxss_error_to_errno(error);
}

int worker_report_send(int fd, const WorkerReport *report) {
        char buffer[WORKER_REPORT_SIZE_MAX + 1];
        ssize_t size = worker_report_encode(report, buffer, sizeof(buffer));

        if (size < 0)
                return (int)size;
        while (send(fd, buffer, (size_t)size, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

int worker_report_text(int fd, WorkerReportKind kind, const char *text) {
        WorkerReport report = { .kind = kind };

        text_strip(text, strlen(text), report.text, sizeof(report.text));
        return worker_report_send(fd, &report);
}

int worker_report_progress(int fd, unsigned permille) {
        WorkerReport report = { .kind = WORKER_REPORT_PROGRESS, .permille = permille };

        return worker_report_send(fd, &report);
}

void worker_progress_update(WorkerProgress *progress, unsigned permille) {
        struct timespec now;
        uint64_t moment;

        if (permille <= progress->permille || permille > 1000)
                return;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        moment = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        if (moment < progress->next_moment)
                return;
        progress->next_moment = moment + 50000000;
        progress->permille = permille;
        (void)worker_report_progress(progress->fd, permille);
}

static unsigned end_of(const WorkerProgress *progress) {
        return progress->end > 0 ? progress->end : 1000;
}

void worker_progress_update_part(WorkerProgress *progress, uint64_t done, uint64_t total) {
        unsigned span = end_of(progress) - progress->begin;
        double part = done < total ? (double)done / (double)total : 1;

        if (total > 0)
                worker_progress_update(progress, progress->begin + (unsigned)(part * span));
}

void worker_progress_finish(WorkerProgress *progress) {
        progress->next_moment = 0;
        worker_progress_update(progress, end_of(progress));
}
