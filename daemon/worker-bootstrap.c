/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the run of mmdebstrap: its command line, environment and output. It must
 * not know how apt's sources are written (worker-sources). The distribution is
 * made by the host's apt, so the host's proxies, caches and keys serve. */

#include "daemon/worker-bootstrap.h"

#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "daemon/worker-sources.h"
#include "shared/text.h"

/* What minbase (essential packages and apt) lacks for everyday use: sudo, since
 * the default user is not root; ca-certificates, without which every https URL
 * fails; procps for ps and top; netbase for /etc/services; less as the pager
 * that man pages and git ask for. "important" would be 200 MB of services that
 * an instance does not run. */
#define PACKAGES "sudo,ca-certificates,procps,netbase,less"

#define LINE_MAX_SIZE 2048

typedef struct Run {
        pid_t pid;
        int output, signals;
        int status;
        bool ended;
        char line[LINE_MAX_SIZE];
        size_t line_size;
        BootstrapOutput seen;
        WorkerProgress *progress;
} Run;

static void run_done(Run *run) {
        closep(&run->output);
        closep(&run->signals);
}

static bool suite_is_valid(const char *suite) {
        size_t n = strlen(suite);

        return n > 0 && n <= 64 && suite[0] >= 'a' && suite[0] <= 'z' &&
               strspn(suite, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int worker_bootstrap_check(const char *suite, const IdMap *uids, const IdMap *gids, WorkerReport *reterr) {
        g_autofree char *program = NULL;
        char shown[128];

        if (!suite_is_valid(suite)) {
                text_escape(suite, strlen(suite), shown, sizeof(shown));
                return worker_report_fail(reterr, LXSS_ERROR_INVALID_ARGUMENT,
                                          "“%s” is not the name of a suite: give one like bookworm or noble.",
                                          shown);
        }
        if (id_map_is_single(uids) || id_map_is_single(gids))
                return worker_report_fail(reterr, LXSS_ERROR_HOST_UNSUITABLE,
                                          "A distribution can be bootstrapped only where your account has subordinate "
                                          "ids. As root: usermod --add-subuids 100000-165535 --add-subgids "
                                          "100000-165535 USER. Installing from an archive works without.");
        program = g_find_program_in_path("mmdebstrap");
        if (!program)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_MISSING,
                                          "mmdebstrap is not installed, which makes distributions from packages. "
                                          "Install it: apt-get install mmdebstrap.");
        return 0;
}

/* Stages of mmdebstrap in their order, with the share of the time that has then passed. */
static int line_progress(const char *line) {
        static const struct {
                const char *text;
                int permille;
        } steps[] = {
                { "running apt-get update", 20 },       { "downloading packages", 100 },
                { "extracting archives", 350 },         { "installing essential packages", 450 },
                { "installing remaining packages", 650 }, { "cleaning package lists", 900 },
                { "success in", 950 },
        };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (g_str_has_prefix(line, steps[i].text))
                        return steps[i].permille;
        return -1;
}

int worker_bootstrap_read_line(BootstrapOutput *output, const char *line) {
        if (g_str_has_prefix(line, "I: "))
                return line_progress(line + 3);
        if (strstr(line, "No space left on device") || strstr(line, "Disk quota exceeded") ||
            strstr(line, "enough free space"))
                output->no_space = true;
        if (!g_str_has_prefix(line, "E: "))
                return -1;
        if (strstr(line, "does not have a Release file"))
                output->release_missing = true;
        /* The first is the cause; what follows are apt and mmdebstrap saying that they failed. */
        if (!output->error[0])
                text_escape(line + 3, strlen(line + 3), output->error, sizeof(output->error));
        return -1;
}

/* A clean environment: only what says how the network is reached. */
static char **make_environment(const char *temporary) {
        static const char *const kept[] = { "http_proxy",  "https_proxy", "ftp_proxy",  "all_proxy", "no_proxy",
                                            "HTTP_PROXY",  "HTTPS_PROXY", "FTP_PROXY",  "ALL_PROXY", "NO_PROXY" };
        GPtrArray *env = g_ptr_array_new();

        g_ptr_array_add(env, g_strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        g_ptr_array_add(env, g_strdup("HOME=/root"));
        g_ptr_array_add(env, g_strdup("LC_ALL=C.UTF-8"));
        g_ptr_array_add(env, g_strdup_printf("TMPDIR=%s", temporary));
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (getenv(kept[i]))
                        g_ptr_array_add(env, g_strdup_printf("%s=%s", kept[i], getenv(kept[i])));
        g_ptr_array_add(env, NULL);
        return (char **)g_ptr_array_free(env, FALSE);
}

static char **make_arguments(const char *suite, const char *root) {
        GPtrArray *argv = g_ptr_array_new();
        SourceList host = { 0 };
        char *lines;

        for (const char *const *word = (const char *const[]) { "mmdebstrap", "--mode=root", "--format=directory",
                                                               "--variant=minbase", "--include=" PACKAGES, "--", NULL };
             *word; word++)
                g_ptr_array_add(argv, g_strdup(*word));
        g_ptr_array_add(argv, g_strdup(suite));
        g_ptr_array_add(argv, g_strdup(root));
        source_list_read_host(&host);
        lines = source_list_for_suite(&host, suite, source_suite_vendor(suite));
        source_list_done(&host);
        if (lines)
                g_ptr_array_add(argv, lines);
        g_ptr_array_add(argv, NULL);
        return (char **)g_ptr_array_free(argv, FALSE);
}

/* In the child: its stdin is /dev/null already; descriptors of the operation are not for it. */
_Noreturn static void run_child(int output, char **argv, char **env) {
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 || close_range(3, ~0U, 0) < 0)
                _exit(125);
        (void)execvpe(argv[0], argv, env);
        _exit(127);
}

static int start(Run *run, char **argv, char **env, WorkerReport *reterr) {
        _cleanup_close_ int output = -EBADF;
        sigset_t children;
        int fds[2];

        (void)sigemptyset(&children);
        (void)sigaddset(&children, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &children, NULL) < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "mmdebstrap cannot be started: %s.",
                                          strerror(errno));
        run->output = fds[0];
        output = fds[1];
        run->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
        /* Only our end is to be non-blocking. */
        if (run->signals >= 0 && fcntl(output, F_SETFL, 0) == 0)
                run->pid = fork();
        if (run->pid == 0)
                run_child(output, argv, env);
        if (run->pid < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "mmdebstrap cannot be started: %s.",
                                          strerror(errno));
        return 0;
}

static void take_line(Run *run) {
        int permille;

        run->line[run->line_size] = '\0';
        run->line_size = 0;
        (void)fprintf(stderr, "%s\n", run->line);
        permille = worker_bootstrap_read_line(&run->seen, run->line);
        if (permille >= 0)
                worker_progress_update(run->progress, (unsigned)permille);
}

/* Reads all that is there. Returns false at the end of the output. */
static bool read_output(Run *run) {
        char buffer[4096];
        ssize_t n;

        while ((n = read(run->output, buffer, sizeof(buffer))) > 0)
                for (ssize_t i = 0; i < n; i++) {
                        if (buffer[i] == '\n')
                                take_line(run);
                        else if (buffer[i] != '\0' && run->line_size < sizeof(run->line) - 1)
                                run->line[run->line_size++] = buffer[i];
                }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void reap(Run *run) {
        struct signalfd_siginfo info;
        pid_t pid;
        int status;

        while (read(run->signals, &info, sizeof(info)) > 0)
                ;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == run->pid) {
                        run->ended = true;
                        run->status = status;
                }
}

/* Until mmdebstrap itself has ended: a daemon that it left behind may hold the output open. */
static void wait_for_end(Run *run) {
        struct pollfd fds[] = {
                { .fd = run->signals, .events = POLLIN },
                { .fd = run->output, .events = POLLIN },
        };

        while (!run->ended) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0 && errno != EINTR)
                        break;
                if (fds[1].revents && !read_output(run))
                        fds[1].fd = -1;
                reap(run);
        }
        (void)read_output(run);
        if (run->line_size > 0)
                take_line(run);
}

/* Only in a pid namespace of our own is everybody else ours to end. */
static void end_leftovers(void) {
        if (getpid() != 1)
                return;
        (void)kill(-1, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                ;
}

static int judge(const Run *run, const char *suite, WorkerReport *reterr) {
        const BootstrapOutput *seen = &run->seen;

        if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0)
                return 0;
        if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 127)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_MISSING,
                                          "mmdebstrap cannot be executed. Install it: apt-get install mmdebstrap.");
        if (seen->no_space)
                return worker_report_fail(reterr, LXSS_ERROR_NO_SPACE,
                                          "There is no space left for the distribution. Make room and try again.");
        if (seen->release_missing)
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED,
                                          "The mirror has no suite “%s”: %s", suite, seen->error);
        if (WIFSIGNALED(run->status))
                return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "mmdebstrap was killed by signal %d (%s).",
                                          WTERMSIG(run->status), strsignal(WTERMSIG(run->status)));
        return worker_report_fail(reterr, LXSS_ERROR_TOOL_FAILED, "mmdebstrap failed: %s",
                                  seen->error[0] ? seen->error : "it gave no reason.");
}

int worker_bootstrap(const char *suite, const char *root, const char *temporary, WorkerProgress *progress,
                     WorkerReport *reterr) {
        _cleanup_(run_done) Run run = { .pid = -1, .output = -EBADF, .signals = -EBADF, .progress = progress };
        g_auto(GStrv) argv = make_arguments(suite, root), env = make_environment(temporary);
        int r;

        r = start(&run, argv, env, reterr);
        if (r < 0)
                return r;
        wait_for_end(&run);
        end_leftovers();
        return judge(&run, suite, reterr);
}
