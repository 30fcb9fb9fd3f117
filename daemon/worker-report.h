/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxss-worker tells lxssd about an operation: one datagram each over a
 * SOCK_SEQPACKET socket, text without a terminating NUL:
 *
 *   stage NAME                  what the worker does now
 *   progress PERMILLE           0 to 1000 of the whole operation
 *   user NAME                   the distribution's default user
 *   release TEXT                PRETTY_NAME of os-release(5)
 *   name NAME                   what the distribution wants to be called
 *   oobe                        its first launch is to run the command that it brings along for that
 *   shortcut none|png|svg       it wants one, and in the staging directory lies "icon.png", "icon.svg", or neither
 *   warning TEXT                what of its own settings could not be honoured
 *   layer SIZE DIGEST DIFF-ID SHELL   of what was written: bytes, SHA-256 in hexadecimal, the same before
 *                               it was compressed, and the path of root's shell
 *   error NAME\nSENTENCE        the operation failed: a name of shared/error.h, and what to do
 *   done                        the operation succeeded
 *
 * "error" or "done" is the last; a worker that ends without either has crashed. */

#include <stddef.h>

#include "shared/error.h"
#include "shared/util.h"

#define WORKER_REPORT_TEXT_MAX 1024
/* No datagram is larger. A receiver's buffer wants one byte more, to notice. */
#define WORKER_REPORT_SIZE_MAX (WORKER_REPORT_TEXT_MAX + 128)

#define WORKER_USER_NAME_MAX 32

/* Where in the staging directory lxss-fetch leaves an image for the worker: as an OCI image layout. */
#define IMAGE_DIRECTORY "image"
#define IMAGE_LAYOUT "layout"

typedef enum WorkerReportKind {
        WORKER_REPORT_STAGE,
        WORKER_REPORT_PROGRESS,
        WORKER_REPORT_USER,
        WORKER_REPORT_RELEASE,
        WORKER_REPORT_LAYER,
        WORKER_REPORT_NAME,
        WORKER_REPORT_OOBE,
        WORKER_REPORT_SHORTCUT,
        WORKER_REPORT_WARNING,
        WORKER_REPORT_ERROR,
        WORKER_REPORT_DONE,
        WORKER_REPORT_MAX,
        WORKER_REPORT_INVALID = -EINVAL,
} WorkerReportKind;

typedef struct WorkerReport {
        WorkerReportKind kind;
        unsigned permille;                     /* PROGRESS */
        LxssError error;                       /* ERROR */
        char text[WORKER_REPORT_TEXT_MAX + 1]; /* of those that have one: printable UTF-8 */
} WorkerReport;

/* Progress that is sent when it has changed and at most 20 times a second. */
typedef struct WorkerProgress {
        int fd;
        unsigned begin, end;  /* permille of the whole that is done before and after what goes on now; end 0: 1000 */
        unsigned permille;    /* the last one that was sent */
        uint64_t next_moment; /* on CLOCK_MONOTONIC, in nanoseconds */
} WorkerProgress;

/* Of an image that is pulled first and then unpacked, and of a file system that is kept first: up to which
 * permille the former is what goes on. */
#define PROGRESS_PULLED 500
#define PROGRESS_KEPT 200

/* Whether this is a name that a default user may have: [a-z_][a-z0-9_.-]*, at most 32 bytes. */
bool worker_user_name_is_valid(const char *name);

/* Takes a datagram apart. The bytes are hostile: nothing but what the encoder
 * writes is accepted. Returns 0 or -EBADMSG. */
int worker_report_decode(const char *bytes, size_t size, WorkerReport *ret);

/* Returns the number of bytes written to ret, -EINVAL where the report is none
 * that the decoder would accept, or -ENOBUFS. */
ssize_t worker_report_encode(const WorkerReport *report, char *ret, size_t size);

/* Makes *ret an ERROR. Bytes of the sentence that cannot be shown are dropped.
 * Returns the negative errno of that error, so that a caller may return it. */
int worker_report_fail(WorkerReport *ret, LxssError error, const char *format, ...) _printf_(3, 4);

/* Each sends one datagram and waits while the receiver is slow. Returns 0 or
 * negative errno. worker_report_text() drops what cannot be shown. */
int worker_report_send(int fd, const WorkerReport *report);
int worker_report_text(int fd, WorkerReportKind kind, const char *text);
int worker_report_progress(int fd, unsigned permille);

/* Errors of sending are of no interest here: a worker without lxssd is killed. */
void worker_progress_update(WorkerProgress *progress, unsigned permille);

/* The same for so much of a total, of what goes on now; of one that is 0, and thus not known, nothing is said. */
void worker_progress_update_part(WorkerProgress *progress, uint64_t done, uint64_t total);

/* What goes on now is done, which is said whenever the last word was. */
void worker_progress_finish(WorkerProgress *progress);
