/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way of an archive from where it is to who unpacks it, and past gpgv where it
 * is signed. What the caller's rights are needed for is opened first. */

#include "daemon/fetch-transfer.h"

#include "daemon/fetch-confine.h"
#include "daemon/fetch-file.h"
#include "daemon/fetch-http.h"
#include "daemon/fetch-keyring.h"
#include "daemon/fetch-signature.h"

typedef struct Course {
        const FetchTransfer *transfer;
        int file, signature_file;  /* owned; or negative: not a file */
        HttpTrust trust;
        FetchSignature *verifier;  /* NULL: it is not signed */
        bool target_is_full; /* whoever unpacks it has all that it wants; whether that was enough is for it to say */
        WorkerReport *reterr;
} Course;

static void course_done(Course *course) {
        closep(&course->file);
        closep(&course->signature_file);
        free(course->trust.certificates);
        fetch_signature_free(course->verifier);
}

static bool is_signed(const Course *course) {
        return !streq(course->transfer->signature, TRANSFER_SIGNATURE_NONE);
}

/* -EPIPE: nobody wants more. */
static int take(const void *bytes, size_t n, void *userdata) {
        Course *course = userdata;
        int r = course->target_is_full ? -EPIPE : write_all(course->transfer->target, bytes, n);

        if (r < 0 && r != -EPIPE)
                return worker_report_fail(course->reterr, LXSS_ERROR_FAILED, "The archive cannot be passed on: %s.",
                                          strerror(-r));
        course->target_is_full = r == -EPIPE;
        if (!course->verifier)
                return r;
        /* The signature is one of everything, what follows the end of a tar included. */
        fetch_signature_add(course->verifier, bytes, n);
        return 0;
}

static int take_signature(const void *bytes, size_t n, void *userdata) {
        GByteArray *signature = userdata;

        if (signature->len + n > SIGNATURE_MAX)
                return -EFBIG;
        g_byte_array_append(signature, bytes, (guint)n);
        return 0;
}

/* ".sig" and the like belong to the path. */
static char *url_beside(const char *url, const char *ending) {
        size_t path = strcspn(url, "?#");

        return g_strdup_printf("%.*s%s%s", (int)path, url, ending, url + path);
}

static const char *const endings[] = { ".sig", ".asc", ".gpg" };

static int fail_without_signature(const Course *course) {
        return worker_report_fail(
                        course->reterr, LXSS_ERROR_NO_SUCH_SOURCE,
                        "There is no signature beside the archive (.sig, .asc or .gpg behind its name). Say where it "
                        "is with --signature.");
}

static int open_file_beside(Course *course) {
        for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
                g_autofree char *url = url_beside(course->transfer->url, endings[i]);

                course->signature_file = fetch_file_open(url, course->reterr);
                if (course->signature_file >= 0 || course->reterr->error != LXSS_ERROR_NO_SUCH_SOURCE)
                        return course->signature_file;
        }
        return fail_without_signature(course);
}

static int open_files(Course *course) {
        const FetchTransfer *transfer = course->transfer;
        bool is_file = transfer->url && fetch_file_is_url(transfer->url);

        if (is_file)
                course->file = fetch_file_open(transfer->url, course->reterr);
        if (is_file && course->file < 0)
                return course->file;
        if (fetch_file_is_url(transfer->signature))
                return course->signature_file = fetch_file_open(transfer->signature, course->reterr);
        return is_file && streq(transfer->signature, TRANSFER_SIGNATURE_BESIDE) ? open_file_beside(course) : 0;
}

static int get(const Course *course, const char *url, WorkerProgress *progress,
               int (*to)(const void *bytes, size_t n, void *userdata), void *userdata) {
        const HttpGet http = {
                .url = url,
                .trust = &course->trust,
                .patience = course->transfer->patience,
                .progress = progress,
                .take = to,
                .userdata = userdata,
        };

        return http_get(&http, course->reterr);
}

/* Some servers say of what is not there that it is forbidden. */
static int get_signature_beside(const Course *course, GByteArray *signature) {
        for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
                g_autofree char *url = url_beside(course->transfer->url, endings[i]);
                int r = get(course, url, NULL, take_signature, signature);

                if (r == 0 || r == -EFBIG ||
                    (course->reterr->error != LXSS_ERROR_NO_SUCH_SOURCE &&
                     course->reterr->error != LXSS_ERROR_ACCESS_DENIED))
                        return r;
        }
        return fail_without_signature(course);
}

static int get_signature(const Course *course, GByteArray *signature) {
        const FetchTransfer *transfer = course->transfer;
        int r;

        if (streq(transfer->signature, TRANSFER_SIGNATURE_GIVEN))
                r = fetch_file_copy(transfer->signature_fd, NULL, take_signature, signature, course->reterr);
        else if (course->signature_file >= 0)
                r = fetch_file_copy(course->signature_file, NULL, take_signature, signature, course->reterr);
        else if (streq(transfer->signature, TRANSFER_SIGNATURE_BESIDE))
                r = get_signature_beside(course, signature);
        else
                r = get(course, transfer->signature, NULL, take_signature, signature);
        if (r == -EFBIG)
                return worker_report_fail(course->reterr, LXSS_ERROR_BAD_SIGNATURE,
                                          "The signature has more than %d KiB, which no detached one has.",
                                          SIGNATURE_MAX / 1024);
        return r;
}

static int start_verifier(Course *course) {
        g_autoptr(GByteArray) keyring = NULL, signature = g_byte_array_new();
        int r;

        r = fetch_keyring_read(course->transfer->keyring_fd, &keyring, course->reterr);
        if (r == 0)
                r = get_signature(course, signature);
        return r < 0 ? r : fetch_signature_start(keyring, signature, &course->verifier, course->reterr);
}

static int move(Course *course) {
        const FetchTransfer *transfer = course->transfer;
        int file = course->file >= 0 ? course->file : transfer->file;
        int r;

        if (file >= 0)
                r = fetch_file_copy(file, transfer->progress, take, course, course->reterr);
        else
                r = get(course, transfer->url, transfer->progress, take, course);
        if (r == -EPIPE && course->target_is_full)
                r = 0;
        return r < 0 || !course->verifier ? r : fetch_signature_judge(course->verifier, course->reterr);
}

int fetch_transfer(const FetchTransfer *transfer, WorkerReport *reterr) {
        _cleanup_(course_done) Course course = {
                .transfer = transfer, .file = -EBADF, .signature_file = -EBADF, .reterr = reterr
        };
        int r;

        (void)worker_report_text(transfer->progress->fd, WORKER_REPORT_STAGE,
                                 transfer->url && !fetch_file_is_url(transfer->url) ? "downloading" : "extracting");
        r = open_files(&course);
        if (r >= 0)
                r = http_trust_read(&course.trust, reterr);
        if (r >= 0)
                r = fetch_confine(reterr);
        if (r >= 0 && is_signed(&course))
                r = start_verifier(&course);
        return r < 0 ? r : move(&course);
}
