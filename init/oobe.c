/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A distribution's first launch, in the caller's terminal, as root. It is a program
 * of its own, launched like any other, so that /init waits for nothing and every
 * other launch is what it was. Nothing is kept here: lxssd is told, and whatever
 * happens before that, the next launch begins anew. */

#include "init/oobe.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "init/account.h"
#include "init/environment.h"
#include "init/job-child.h"
#include "init/job.h"
#include "shared/fd-socket.h"
#include "shared/oobe-protocol.h"
#include "shared/text.h"
#include "shared/wsl-distribution.h"

static void say(const char *format, ...) _printf_(1, 2);
static void say(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void)fputs("lxss: ", stderr);
        (void)vfprintf(stderr, format, arguments);
        (void)fputc('\n', stderr);
        va_end(arguments);
}

/* As system(3) does: what is typed at the terminal is the command's. Returns a wait status or negative errno. */
static int run_command(const char *command) {
        struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
        int status, r = 0;
        pid_t child;

        (void)sigaction(SIGINT, &ignore, &interrupt);
        (void)sigaction(SIGQUIT, &ignore, &quit);
        child = fork();
        if (child == 0) {
                (void)sigaction(SIGINT, &interrupt, NULL);
                (void)sigaction(SIGQUIT, &quit, NULL);
                (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(127);
        }
        if (child < 0)
                r = -errno;
        while (child > 0 && waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        (void)sigaction(SIGINT, &interrupt, NULL);
        (void)sigaction(SIGQUIT, &quit, NULL);
        return r < 0 ? r : status;
}

static int set_up(const char *command, const char *distribution) {
        char shown[256];
        int status = run_command(command);

        if (status == 0)
                return 0;
        text_strip(command, strlen(command), shown, sizeof(shown));
        if (status < 0)
                say("\"%s\", which sets %s up, cannot be started: %s", shown, distribution, strerror(-status));
        else if (WIFSIGNALED(status))
                say("\"%s\", which sets %s up, was ended by signal %d.", shown, distribution, WTERMSIG(status));
        else
                say("\"%s\", which sets %s up, failed with exit status %d.", shown, distribution, WEXITSTATUS(status));
        say("The next shell begins with it again; one without it: lxctl launch -d %s -u root", distribution);
        return -EIO;
}

/* The name of the wished user, or the number where the name is a strange one; "" for none. */
static void find_user(int64_t uid, char ret[OOBE_USER_MAX + 1]) {
        _cleanup_account_ Account *account = NULL;
        char number[24];

        *ret = '\0';
        if (uid < 0)
                return;
        (void)snprintf(number, sizeof(number), "%lld", (long long)uid);
        if (account_lookup(number, &account) < 0) {
                say("There is no user with the id %s, who was to be the default user (" WSL_DISTRIBUTION_PATH ").",
                    number);
                return;
        }
        (void)snprintf(ret, OOBE_USER_MAX + 1, "%s", oobe_user_is_valid(account->name) ? account->name : number);
}

/* Tells lxssd, and learns how to go on. *ret points into buffer (OOBE_ORDERS_MAX + 1 bytes). */
static int report(int socket, const char *user, char *buffer, OobeOrders *ret) {
        char result[OOBE_RESULT_MAX];
        struct iovec part = { .iov_base = result, .iov_len = oobe_result_encode(user, result) };
        size_t n_fds;
        ssize_t n;
        int r;

        r = fd_socket_send(socket, &part, 1, NULL, 0);
        if (r < 0)
                return r;
        n = fd_socket_receive(socket, buffer, OOBE_ORDERS_MAX, NULL, 0, &n_fds);
        return n <= 0 ? -EPIPE : oobe_orders_decode(buffer, (size_t)n, ret);
}

static bool contains(char *const *strings, const char *wanted) {
        for (; *strings; strings++)
                if (streq(*strings, wanted))
                        return true;
        return false;
}

/* What the caller put over the environment of root's login, which is ours. */
static int find_overrides(char ***ret) {
        _cleanup_account_ Account *root = NULL;
        _cleanup_strv_free_ char **login = NULL, **overrides = NULL;
        int r;

        if ((r = account_lookup("root", &root)) < 0 || (r = environment_build(root, NULL, false, &login)) < 0)
                return r;
        for (char **e = environ; *e && r == 0; e++)
                if (!contains(login, *e))
                        r = strv_push_copy(&overrides, *e);
        if (r == 0)
                *ret = steal_pointer(&overrides);
        return r;
}

static char *copy_unless_empty(const char *s) {
        return *s ? strdup(s) : NULL;
}

/* Returns why it could not. */
static int become_shell(const OobeOrders *orders) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        _cleanup_account_ Account *account = NULL;
        _cleanup_(job_plan_clear) JobPlan plan = { .request = request, .slave = -EBADF };
        _cleanup_free_ char *path = NULL;
        InitStep step;
        int r;

        if (!request)
                return -ENOMEM;
        request->cwd = copy_unless_empty(orders->cwd);
        request->directory = copy_unless_empty(orders->directory);
        if ((r = find_overrides(&request->env)) < 0 || (r = account_lookup(orders->user, &account)) < 0 ||
            (r = job_plan_make(request, account, &plan)) < 0)
                return r;
        plan.account = account;
        (void)!fchown(STDIN_FILENO, account->uid, (gid_t)-1);
        return job_child_become(&plan, &step, &path);
}

int oobe_main(int argc, char **argv) {
        _cleanup_wsl_distribution_ WslDistribution wishes = WSL_DISTRIBUTION_DEFAULT;
        char user[OOBE_USER_MAX + 1], buffer[OOBE_ORDERS_MAX + 1];
        int socket = argc == 3 ? atoi(argv[1]) : -1, r;
        OobeOrders orders;

        if (socket < 3 || fcntl(socket, F_SETFD, FD_CLOEXEC) < 0)
                return EXIT_FAILURE;
        (void)prctl(PR_SET_NAME, "oobe");
        (void)setenv("WSL_DISTRO_NAME", argv[2], true); /* without which some distributions' commands fail */
        (void)wsl_distribution_read(&wishes);
        if (wishes.command && set_up(wishes.command, argv[2]) < 0)
                return EXIT_FAILURE;
        (void)unsetenv("WSL_DISTRO_NAME");
        find_user(wishes.uid, user);
        r = report(socket, user, buffer, &orders);
        if (r < 0) {
                say("lxssd could not note that %s is set up; its log says why: lxctl status", argv[2]);
                return EXIT_FAILURE;
        }
        r = become_shell(&orders);
        say("The shell of %s cannot be started: %s", orders.user, strerror(-r));
        return EXIT_FAILURE;
}
