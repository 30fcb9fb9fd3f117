/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Detached signatures. gpgv decides; owned here is what it gets, and what its answer
 * means. It sees the very bytes that are unpacked, at the same time, so that there
 * is no moment at which a file could be exchanged. Keyring and signature are
 * memory, and so is its answer: a pipe could fill up while it is fed. */

#include "daemon/fetch-signature.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STATUS_MAX (1024 * 1024)

/* What gpgv finds where. */
enum {
        GPGV_STATUS_FD = 3,
        GPGV_KEYRING_FD,
        GPGV_SIGNATURE_FD,
        GPGV_FDS_END = 16, /* ours are from here on */
};

struct FetchSignature {
        pid_t child; /* 0: it has ended */
        int data;    /* its standard input; negative: it wants no more */
        int status;
};

static int make_memory(const GByteArray *contents) {
        _cleanup_close_ int fd = memfd_create("lxss-fetch", MFD_CLOEXEC);
        int high;

        if (fd < 0 || (contents && write_all(fd, contents->data, contents->len) < 0))
                return -errno;
        high = fcntl(fd, F_DUPFD_CLOEXEC, GPGV_FDS_END);
        return high < 0 ? -errno : high;
}

static int spawn_gpgv(FetchSignature *verifier, int input, int keyring, int signature) {
        static const char *const argv[] = {
                "gpgv", "--quiet", "--homedir", "/dev/null", "--status-fd", "3",
                "--keyring", "/proc/self/fd/4", "/proc/self/fd/5", "-", NULL,
        };
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        if ((r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)) == 0 &&
            (r = posix_spawn_file_actions_adddup2(&actions, verifier->status, GPGV_STATUS_FD)) == 0 &&
            (r = posix_spawn_file_actions_adddup2(&actions, keyring, GPGV_KEYRING_FD)) == 0 &&
            (r = posix_spawn_file_actions_adddup2(&actions, signature, GPGV_SIGNATURE_FD)) == 0)
                r = posix_spawnp(&verifier->child, argv[0], &actions, NULL, (char *const *)argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int start(FetchSignature *verifier, const GByteArray *keyring, const GByteArray *signature) {
        _cleanup_close_ int keys = make_memory(keyring), mark = make_memory(signature), input = -EBADF;
        int pair[2];

        verifier->status = make_memory(NULL);
        if (keys < 0 || mark < 0 || verifier->status < 0)
                return -ENOMEM;
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        input = pair[0];
        verifier->data = pair[1];
        return spawn_gpgv(verifier, input, keys, mark);
}

int fetch_signature_start(const GByteArray *keyring, const GByteArray *signature, FetchSignature **ret,
                          WorkerReport *reterr) {
        g_autoptr(FetchSignature) verifier = g_new0(FetchSignature, 1);
        int r;

        verifier->data = verifier->status = -EBADF;
        r = start(verifier, keyring, signature);
        if (r == -ENOENT)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_MISSING,
                                          "Signatures are verified by gpgv, which is not installed. On Debian: "
                                          "apt-get install gpgv");
        if (r < 0)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "gpgv cannot be started: %s.", strerror(-r));
        *ret = g_steal_pointer(&verifier);
        return 0;
}

/* One that wants no more has made up its mind. */
void fetch_signature_add(FetchSignature *verifier, const void *bytes, size_t n) {
        if (verifier->data >= 0 && write_all(verifier->data, bytes, n) < 0)
                closep(&verifier->data);
}

/* The rest of the first line that says so, up to a blank; NULL: none does. */
static char *find_line(const char *status, const char *word) {
        g_autofree char *beginning = g_strdup_printf("[GNUPG:] %s", word);
        g_auto(GStrv) lines = g_strsplit(status, "\n", -1);

        for (size_t i = 0; lines[i]; i++) {
                const char *rest = lines[i] + strlen(beginning);

                if (g_str_has_prefix(lines[i], beginning) && (*rest == '\0' || *rest == ' '))
                        return g_strndup(rest + (*rest == ' '), strcspn(rest + (*rest == ' '), " "));
        }
        return NULL;
}

/* The order matters: among several signatures one bad one is too many, and unknown ones do not harm a good one. */
int fetch_signature_read_status(const char *status, WorkerReport *reterr) {
        static const struct {
                const char *word, *what; /* NULL: it is good */
        } table[] = {
                { "BADSIG",
                  "is not one of this archive: one of the two was changed, or they belong to different things" },
                { "GOODSIG", NULL },
                { "REVKEYSIG", "counts no longer: the owner has revoked the key" },
                { "EXPKEYSIG",
                  "counts no longer: the key has expired. A newer keyring may know that it was prolonged" },
                { "EXPSIG", "counts no longer: it has expired" },
                { "NO_PUBKEY", "cannot be verified: the key is not in the keyring" },
                { "ERRSIG", "cannot be verified: it is of a kind that gpgv does not know" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *key = find_line(status, table[i].word);

                if (!key)
                        continue;
                if (!table[i].what)
                        return 0;
                return worker_report_fail(reterr, LXSS_ERROR_BAD_SIGNATURE, "The signature by the key %s %s.", key,
                                          table[i].what);
        }
        return worker_report_fail(reterr, LXSS_ERROR_BAD_SIGNATURE,
                                  "The signature is none: it has to be a detached one of OpenPGP, as gpg "
                                  "--detach-sign makes it.");
}

int fetch_signature_judge(FetchSignature *verifier, WorkerReport *reterr) {
        g_autofree char *status = g_malloc(STATUS_MAX + 1);
        ssize_t n;
        int result;

        closep(&verifier->data);
        if (waitpid(verifier->child, &result, 0) != verifier->child)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "gpgv got lost: %s.", strerror(errno));
        verifier->child = 0;
        if (!WIFEXITED(result) || WEXITSTATUS(result) > 2 || lseek(verifier->status, 0, SEEK_SET) < 0)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "gpgv ended unexpectedly.");
        n = read_up_to(verifier->status, status, STATUS_MAX);
        status[n < 0 ? 0 : n] = '\0';
        return fetch_signature_read_status(status, reterr);
}

FetchSignature *fetch_signature_free(FetchSignature *verifier) {
        if (!verifier)
                return NULL;
        closep(&verifier->data);
        closep(&verifier->status);
        if (verifier->child > 0) {
                (void)kill(verifier->child, SIGKILL);
                (void)waitpid(verifier->child, NULL, 0);
        }
        g_free(verifier);
        return NULL;
}
