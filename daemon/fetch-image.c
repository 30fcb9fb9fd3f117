/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the run of skopeo: its command line, its rights and its end. It knows
 * registries, credentials (of the user: containers-auth.json(5)), signatures
 * (containers-policy.json(5)) and the formats of images, verifies digests and
 * chooses the image for this machine. What it leaves is not looked at here. */

#include "daemon/fetch-image.h"

#include <glib.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "daemon/fetch-image-archive.h"
#include "daemon/fetch-image-size.h"
#include "daemon/fetch-skopeo.h"
#include "daemon/id-map.h"
#include "daemon/parent-death.h"
#include "daemon/worker-layout.h"
#include "daemon/worker-limit.h"
#include "shared/machine.h"

#define LINE_SIZE 4096
#define REASON_SIZE 700
#define MANIFEST_MAX (4 << 20)

#define NO_SUCH_PROGRAM 127

/* How often it is looked at how much has come. */
#define WATCH_MS 100

/* What layers are packed in, and what else an image has. */
#define PACKING (64 << 20)

/* A copy of an archive that skopeo can do with (fetch-image-archive.h). */
#define ARCHIVE "source.tar"
#define NO_SPACE 3

typedef struct Pull {
        const FetchImage *order;
        int source;
        int directory; /* where skopeo works, and leaves nothing but what the worker takes */
        bool through_copy;
        uint64_t total;    /* bytes that will have been written; 0: not known */
        uint64_t file_max; /* bytes that one file may have, of twice as many in all; 0: any */
        bool too_much;
        int output; /* of the run of skopeo at hand: what it says */
        char line[LINE_SIZE];
        size_t line_size;
        char reason[REASON_SIZE];
} Pull;

static bool is_registry(const Pull *pull) {
        return streq(pull->order->transport, IMAGE_REGISTRY);
}

/* A worker of root's owns the staging directory, and is nobody on the host. */
static int make_directory(int staging, Pull *pull, WorkerReport *reterr) {
        if (mkdirat(staging, IMAGE_DIRECTORY, 0700) == 0)
                pull->directory = openat(staging, IMAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (pull->directory >= 0 && (geteuid() != 0 || fchown(pull->directory, ID_STORE_BASE, ID_STORE_BASE) == 0))
                return 0;
        return worker_report_fail(reterr, errno == ENOSPC || errno == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "There is no place for the image in the staging directory: %s.", strerror(errno));
}

static bool is_layout_archive(const Pull *pull) {
        return streq(pull->order->transport, IMAGE_LAYOUT_ARCHIVE);
}

/* reference: of a registry another image than the one that is asked for, or NULL. A descriptor has no colon. */
static char *source_name(const Pull *pull, const char *reference) {
        const FetchImage *order = pull->order;
        const char *colon = *order->reference ? ":" : "";

        if (is_registry(pull))
                return g_strconcat("docker://", reference ?: order->reference, NULL);
        if (pull->through_copy)
                return g_strconcat(order->transport, ":" ARCHIVE, colon, order->reference, NULL);
        return g_strdup_printf("%s:/proc/self/fd/%d%s%s", order->transport, pull->source, colon, order->reference);
}

static GPtrArray *new_arguments(const char *const *words) {
        GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

        for (; *words; words++)
                g_ptr_array_add(argv, g_strdup(*words));
        return argv;
}

static bool needs_no_certificate(const Pull *pull) {
        return is_registry(pull) && skopeo_registry_is_loopback(pull->order->reference);
}

/* Signatures are verified before they are left behind: a layout has no place for them. */
static GPtrArray *copy_arguments(const Pull *pull) {
        GPtrArray *argv =
                        new_arguments((const char *const[]){ "skopeo", "--tmpdir", ".", "copy", "--remove-signatures",
                                                             "--dest-oci-accept-uncompressed-layers", NULL });

        if (needs_no_certificate(pull))
                g_ptr_array_add(argv, g_strdup("--src-tls-verify=false"));
        g_ptr_array_add(argv, source_name(pull, NULL));
        g_ptr_array_add(argv, g_strdup("oci:" IMAGE_LAYOUT ":image"));
        g_ptr_array_add(argv, NULL);
        return argv;
}

static GPtrArray *inspect_arguments(const Pull *pull, const char *reference) {
        GPtrArray *argv = new_arguments((const char *const[]){ "skopeo", "--tmpdir", ".", "inspect", "--raw", NULL });

        if (needs_no_certificate(pull))
                g_ptr_array_add(argv, g_strdup("--tls-verify=false"));
        g_ptr_array_add(argv, source_name(pull, reference));
        g_ptr_array_add(argv, NULL);
        return argv;
}

/* Where credentials are without a session, by skopeo's own rule for the user that it
 * is started by, which is not the one that root's runs as. It stops at what it may not read. */
static char **set_credentials(char **env) {
        g_autofree char *path = g_strdup_printf("/run/containers/%u/auth.json", (unsigned)geteuid());

        if (g_environ_getenv(env, "REGISTRY_AUTH_FILE") || g_environ_getenv(env, "XDG_RUNTIME_DIR"))
                return env;
        if (access(path, R_OK) == 0)
                return g_environ_setenv(env, "REGISTRY_AUTH_FILE", path, TRUE);
        return g_environ_setenv(env, "XDG_RUNTIME_DIR", "/proc/self/cwd", TRUE);
}

/* What it keeps for later runs (which blobs are where) and its temporary files stay in its directory. */
static char **make_environment(void) {
        char **env = g_get_environ();

        env = g_environ_setenv(env, "TMPDIR", ".", TRUE);
        env = g_environ_setenv(env, "XDG_DATA_HOME", "/proc/self/cwd", TRUE);
        return set_credentials(env);
}

/* Root's skopeo talks to strangers, so it may write nothing but what workers own,
 * and do nothing but read: credentials, policies, and what root has named. */
static int drop_rights(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        const uint32_t reading = 1u << CAP_DAC_READ_SEARCH;
        const struct __user_cap_data_struct data[2] = {
                { .effective = reading, .permitted = reading, .inheritable = reading },
        };

        if (geteuid() != 0)
                return 0;
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
            setresgid(ID_STORE_BASE, ID_STORE_BASE, ID_STORE_BASE) < 0 ||
            setresuid(ID_STORE_BASE, ID_STORE_BASE, ID_STORE_BASE) < 0 || syscall(SYS_capset, &header, data) < 0 ||
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) < 0)
                return -errno;
        return 0;
}

/* What comes is not endless, whatever unpacks it. */
static int set_limit(uint64_t file_max) {
        const struct rlimit limit = { .rlim_cur = file_max, .rlim_max = file_max };

        return file_max > 0 && setrlimit(RLIMIT_FSIZE, &limit) < 0 ? -errno : 0;
}

_Noreturn static void make_copy_and_exit(const Pull *pull) {
        int r = is_layout_archive(pull) ? image_archive_tidy(pull->source, ARCHIVE)
                                        : image_archive_decompress(pull->source, ARCHIVE);

        _exit(r == -ENOSPC || r == -EDQUOT ? NO_SPACE : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

typedef struct Run {
        char **argv, **env; /* argv NULL: the archive's copy is made instead */
        int said;           /* what it says goes here */
        int shown;          /* … and here what it was asked for */
        uint64_t file_max;
} Run;

/* In the child. Our other descriptors are closed on exec. */
_Noreturn static void run_child(const Pull *pull, const Run *run, int parent) {
        if (drop_rights() < 0)
                _exit(NO_SUCH_PROGRAM - 1);
        parent_death_arm(parent);
        (void)signal(SIGPIPE, SIG_DFL);
        if (fchdir(pull->directory) < 0 || set_limit(run->file_max) < 0 || dup2(run->shown, STDOUT_FILENO) < 0 ||
            dup2(run->said, STDERR_FILENO) < 0 || (pull->source >= 0 && fcntl(pull->source, F_SETFD, 0) < 0))
                _exit(NO_SUCH_PROGRAM - 1);
        if (!run->argv)
                make_copy_and_exit(pull);
        (void)execvpe(run->argv[0], run->argv, run->env);
        _exit(NO_SUCH_PROGRAM);
}

/* argv: see Run. shown: -EBADF: with what it says. Returns the child, or negative errno. */
static pid_t start(Pull *pull, GPtrArray *argv, int shown, uint64_t file_max) {
        _cleanup_close_ int output = -EBADF, self = parent_death_open();
        g_auto(GStrv) env = make_environment();
        Run run = { .argv = argv ? (char **)argv->pdata : NULL, .env = env, .file_max = file_max };
        int fds[2];
        pid_t pid;

        if (self < 0)
                return self;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        closep(&pull->output);
        pull->output = fds[0];
        run.said = output = fds[1];
        run.shown = shown < 0 ? output : shown;
        pid = fork();
        if (pid == 0)
                run_child(pull, &run, self);
        return pid < 0 ? -errno : pid;
}

static void take_line(Pull *pull, size_t size) {
        pull->line[size] = '\0';
        (void)fprintf(stderr, "skopeo: %s\n", pull->line);
        skopeo_read_line(pull->line, pull->reason, sizeof(pull->reason));
}

/* Whole lines, and what is too long for one. False at the end. */
static bool read_lines(Pull *pull) {
        ssize_t n = read(pull->output, pull->line + pull->line_size, sizeof(pull->line) - 1 - pull->line_size);
        char *newline;

        if (n < 0 && errno == EINTR)
                return true;
        if (n > 0)
                pull->line_size += (size_t)n;
        while ((newline = memchr(pull->line, '\n', pull->line_size))) {
                size_t size = (size_t)(newline - pull->line);

                take_line(pull, size);
                pull->line_size -= size + 1;
                memmove(pull->line, newline + 1, pull->line_size);
        }
        if (pull->line_size == sizeof(pull->line) - 1 || (n <= 0 && pull->line_size > 0)) {
                take_line(pull, pull->line_size);
                pull->line_size = 0;
        }
        return n > 0;
}

static void look_how_much(Pull *pull, pid_t pid) {
        uint64_t n = image_size_now(pull->directory);

        worker_progress_update_part(pull->order->progress, n, pull->total);
        if (pull->file_max == 0 || n / 2 <= pull->file_max)
                return;
        pull->too_much = true;
        (void)kill(pid, SIGKILL);
}

/* Until its end. */
static void watch(Pull *pull, pid_t pid) {
        struct pollfd said = { .fd = pull->output, .events = POLLIN };
        bool goes_on = true;

        while (goes_on) {
                int r = poll(&said, 1, WATCH_MS);

                if (r > 0)
                        goes_on = read_lines(pull);
                look_how_much(pull, pid);
        }
}

static int refuse(const Pull *pull, WorkerReport *reterr) {
        return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                  "The image is more than %" PRIu64
                                  " bytes before it is even unpacked: refused. If it "
                                  "is to be trusted, install it with a larger --max-size.",
                                  pull->file_max);
}

/* What one file may have is less than there is room for: then that it was not all written has no other reason. */
static bool has_room(const Pull *pull) {
        struct statvfs fs;

        return fstatvfs(pull->directory, &fs) == 0 && fs.f_bavail > pull->file_max / fs.f_frsize;
}

static bool was_too_much(const Pull *pull, int status) {
        if (pull->too_much || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ))
                return true;
        return pull->file_max > 0 &&
               (strstr(pull->reason, "file too large") || (strstr(pull->reason, "short write") && has_room(pull)));
}

static int judge(const Pull *pull, int status, WorkerReport *reterr) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (was_too_much(pull, status))
                return refuse(pull, reterr);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_PROGRAM)
                return worker_report_fail(
                                reterr, LXSS_ERROR_TOOL_MISSING,
                                "skopeo is not installed, which gets images. Install it: apt-get install skopeo.");
        if (WIFSIGNALED(status))
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "skopeo was killed by signal %d (%s).",
                                          WTERMSIG(status), strsignal(WTERMSIG(status)));
        return skopeo_explain(pull->order->transport, pull->order->reference, pull->reason, reterr);
}

/* Returns its status (waitpid(2)) in *ret_status. */
static int run_and_watch(Pull *pull, GPtrArray *argv, int shown, uint64_t file_max, int *ret_status,
                         WorkerReport *reterr) {
        pid_t pid = start(pull, argv, shown, file_max);

        if (pid < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "skopeo cannot be started: %s.", strerror(-pid));
        watch(pull, pid);
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "skopeo's end cannot be waited for: %s.",
                                                  strerror(errno));
        return 0;
}

/* Takes argv over. */
static int run_skopeo(Pull *pull, GPtrArray *argv, int shown, uint64_t file_max, WorkerReport *reterr) {
        int status = 0, r = run_and_watch(pull, argv, shown, file_max, &status, reterr);

        g_ptr_array_unref(argv);
        return r < 0 ? r : judge(pull, status, reterr);
}

/* With skopeo's rights and bounds. */
static int copy_archive(Pull *pull, WorkerReport *reterr) {
        int status = 0, r = run_and_watch(pull, NULL, -EBADF, pull->file_max, &status, reterr);

        if (r < 0 || status == 0)
                return r;
        if (was_too_much(pull, status))
                return refuse(pull, reterr);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SPACE)
                return skopeo_explain(pull->order->transport, "", "no space left on device", reterr);
        return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The archive of the image cannot be read: %s.",
                                  *pull->reason ? pull->reason : "it gave no reason");
}

/* The manifest, or where there are images for several machines, the list of them. */
static int inspect(Pull *pull, const char *reference, char **ret, size_t *ret_size, WorkerReport *reterr) {
        _cleanup_close_ int shown = memfd_create("manifest", MFD_CLOEXEC);
        g_autofree char *text = g_malloc(MANIFEST_MAX);
        ssize_t n;
        int r;

        if (shown < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "There is no place for a manifest: %s.",
                                          strerror(errno));
        r = run_skopeo(pull, inspect_arguments(pull, reference), shown, MANIFEST_MAX, reterr);
        if (r < 0)
                return r;
        n = pread(shown, text, MANIFEST_MAX, 0);
        *ret_size = n > 0 ? (size_t)n : 0;
        *ret = g_steal_pointer(&text);
        return 0;
}

/* Of an image for several machines the one for this. */
static int inspect_chosen(Pull *pull, const char *digest, char **ret, size_t *ret_size, WorkerReport *reterr) {
        _cleanup_free_ char *reference = NULL, *text = NULL;
        g_autofree char *path = g_strconcat("blobs/sha256/", digest, NULL);

        if (is_registry(pull)) {
                reference = skopeo_reference_by_digest(pull->order->reference, digest);
                return reference ? inspect(pull, reference, ret, ret_size, reterr) : -ENOMEM;
        }
        if (read_regular_file(pull->source, path, MANIFEST_MAX, &text, ret_size) < 0)
                *ret_size = 0; /* skopeo says so when it copies */
        *ret = g_memdup2(text, *ret_size);
        return 0;
}

/* How much it will be. */
static int find_total(Pull *pull, WorkerReport *reterr) {
        g_autofree char *text = NULL, *digest = NULL;
        struct utsname host;
        size_t size;
        int r;

        if (!is_registry(pull) && !streq(pull->order->transport, IMAGE_LAYOUT_DIRECTORY)) {
                pull->total = image_size_of_archive(pull->order->transport, pull->source);
                return 0;
        }
        r = inspect(pull, NULL, &text, &size, reterr);
        if (r < 0)
                return r;
        (void)uname(&host);
        worker_layout_choose(text, size, machine_image_name(host.machine), &digest);
        if (digest) {
                g_clear_pointer(&text, g_free);
                r = inspect_chosen(pull, digest, &text, &size, reterr);
        }
        if (r == 0 && text)
                pull->total = image_size_of_manifest(text, size);
        return r;
}

/* Archives grow when they are unpacked; what a registry or a directory has is copied as it is. */
static uint64_t find_file_max(const Pull *pull) {
        uint64_t max_size = pull->order->max_size;
        struct stat st;

        if (max_size > 0)
                return max_size < INT64_MAX / 4 ? 2 * max_size + PACKING : 0;
        if (is_registry(pull) || fstat(pull->source, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        return MIN(worker_limit_bytes(0, (uint64_t)st.st_size), INT64_MAX / 4);
}

static void pull_done(Pull *pull) {
        closep(&pull->directory);
        closep(&pull->output);
}

int fetch_image(const FetchImage *order, WorkerReport *reterr) {
        _cleanup_(pull_done) Pull pull = { .order = order, .source = -EBADF, .directory = -EBADF, .output = -EBADF };
        int r;

        if (!is_registry(&pull))
                pull.source = order->source;
        pull.file_max = find_file_max(&pull);
        r = make_directory(order->staging, &pull, reterr);
        if (r == 0)
                r = find_total(&pull, reterr);
        pull.through_copy =
                        is_layout_archive(&pull) || (streq(order->transport, IMAGE_DOCKER_ARCHIVE) && pull.total == 0);
        if (r == 0 && pull.through_copy)
                r = copy_archive(&pull, reterr);
        if (r == 0)
                r = run_skopeo(&pull, copy_arguments(&pull), -EBADF, pull.file_max, reterr);
        if (r == 0 && pull.total > 0)
                worker_progress_finish(order->progress);
        return r;
}
