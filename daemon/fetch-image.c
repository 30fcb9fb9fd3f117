/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the run of skopeo: its command line, its rights and its end. It knows
 * registries, credentials (of the user: containers-auth.json(5)), signatures
 * (containers-policy.json(5)) and the formats of images, verifies digests and
 * chooses the image for this machine. What it leaves is not looked at here. */

#include "daemon/fetch-image.h"

#include <glib.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "daemon/fetch-skopeo.h"
#include "daemon/id-map.h"
#include "daemon/parent-death.h"

#define LINE_SIZE 4096
#define REASON_SIZE 700

#define NO_SUCH_PROGRAM 127

typedef struct Pull {
        const char *transport, *reference;
        int source;
        int directory; /* where skopeo works, and leaves nothing but what the worker takes */
        int output;
        char reason[REASON_SIZE];
} Pull;

/* A worker of root's owns the staging directory, and is nobody on the host. */
static int make_directory(int staging, Pull *pull, WorkerReport *reterr) {
        if (mkdirat(staging, IMAGE_DIRECTORY, 0700) == 0)
                pull->directory = openat(staging, IMAGE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (pull->directory >= 0 && (geteuid() != 0 || fchown(pull->directory, ID_STORE_BASE, ID_STORE_BASE) == 0))
                return 0;
        return worker_report_fail(reterr, errno == ENOSPC || errno == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "There is no place for the image in the staging directory: %s.", strerror(errno));
}

static char *source_name(const Pull *pull) {
        if (streq(pull->transport, IMAGE_REGISTRY))
                return g_strconcat("docker://", pull->reference, NULL);
        return g_strdup_printf("%s:/proc/self/fd/%d%s%s", pull->transport, pull->source, *pull->reference ? ":" : "",
                               pull->reference);
}

/* Signatures are verified before they are left behind: a layout has no place for them. */
static char **make_arguments(const Pull *pull) {
        GPtrArray *argv = g_ptr_array_new();

        for (const char *const *word = (const char *const[]){ "skopeo", "--tmpdir", ".", "copy", "--remove-signatures",
                                                              "--dest-oci-accept-uncompressed-layers", NULL };
             *word; word++)
                g_ptr_array_add(argv, g_strdup(*word));
        if (streq(pull->transport, IMAGE_REGISTRY) && skopeo_registry_is_loopback(pull->reference))
                g_ptr_array_add(argv, g_strdup("--src-tls-verify=false"));
        g_ptr_array_add(argv, source_name(pull));
        g_ptr_array_add(argv, g_strdup("oci:" IMAGE_LAYOUT ":image"));
        g_ptr_array_add(argv, NULL);
        return (char **)g_ptr_array_free(argv, FALSE);
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

/* In the child. Our other descriptors are closed on exec. */
_Noreturn static void run_child(const Pull *pull, int output, int parent, char **argv, char **env) {
        if (drop_rights() < 0)
                _exit(NO_SUCH_PROGRAM - 1);
        parent_death_arm(parent);
        (void)signal(SIGPIPE, SIG_DFL);
        if (fchdir(pull->directory) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
            (pull->source >= 0 && fcntl(pull->source, F_SETFD, 0) < 0))
                _exit(NO_SUCH_PROGRAM - 1);
        (void)execvpe(argv[0], argv, env);
        _exit(NO_SUCH_PROGRAM);
}

/* Returns the child, or negative errno. */
static pid_t start(Pull *pull) {
        g_auto(GStrv) argv = make_arguments(pull), env = make_environment();
        _cleanup_close_ int output = -EBADF, self = parent_death_open();
        int fds[2];
        pid_t pid;

        if (self < 0)
                return self;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pull->output = fds[0];
        output = fds[1];
        pid = fork();
        if (pid == 0)
                run_child(pull, output, self, argv, env);
        return pid < 0 ? -errno : pid;
}

static void read_output(Pull *pull) {
        FILE *stream = fdopen(pull->output, "re");
        char line[LINE_SIZE];

        if (!stream)
                return;
        pull->output = -EBADF;
        while (fgets(line, sizeof(line), stream)) {
                line[strcspn(line, "\n")] = '\0';
                (void)fprintf(stderr, "skopeo: %s\n", line);
                skopeo_read_line(line, pull->reason, sizeof(pull->reason));
        }
        (void)fclose(stream);
}

static int judge(const Pull *pull, int status, WorkerReport *reterr) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_PROGRAM)
                return worker_report_fail(
                                reterr, LXSS_ERROR_TOOL_MISSING,
                                "skopeo is not installed, which gets images. Install it: apt-get install skopeo.");
        if (WIFSIGNALED(status))
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "skopeo was killed by signal %d (%s).",
                                          WTERMSIG(status), strsignal(WTERMSIG(status)));
        return skopeo_explain(pull->transport, pull->reference, pull->reason, reterr);
}

static void pull_done(Pull *pull) {
        closep(&pull->directory);
        closep(&pull->output);
}

int fetch_image(const char *transport, const char *reference, int source, int staging, WorkerReport *reterr) {
        _cleanup_(pull_done) Pull pull = {
                .transport = transport,
                .reference = reference,
                .source = streq(transport, IMAGE_REGISTRY) ? -EBADF : source,
                .directory = -EBADF,
                .output = -EBADF,
        };
        int r, status;
        pid_t pid;

        r = make_directory(staging, &pull, reterr);
        if (r < 0)
                return r;
        pid = start(&pull);
        if (pid < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "skopeo cannot be started: %s.", strerror(-pid));
        read_output(&pull);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "skopeo's end cannot be waited for: %s.",
                                                  strerror(errno));
        return judge(&pull, status, reterr);
}
