/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a distribution's own files say about the start of its instance. They are
 * read here, within it, because they are foreign, and because everything that
 * they ask for is something that root of the instance may do anyway. Links are
 * followed: some distributions keep all of /etc elsewhere. */

#include "init/boot.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "init/account.h"
#include "init/environment.h"
#include "init/limits.h"
#include "init/wsl-conf.h"
#include "shared/boot-options.h"
#include "shared/syscalls.h"

#define FSTAB "/etc/fstab"
#define FSTAB_MAX (256u << 10)
#define HOSTS "/etc/hosts"
#define HOSTS_MAX (4u << 20)
#define OWN_HOSTS_DIRECTORY "/run/lxss"
#define OWN_HOSTS OWN_HOSTS_DIRECTORY "/hosts"
/* How long the first program waits for what fstab mounts; a server may be away. */
#define MOUNT_PATIENCE_MS 10000

static void (*tell)(const char *sentence);

static void warn(const char *format, ...) _printf_(1, 2);
static void warn(const char *format, ...) {
        _cleanup_free_ char *sentence = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                sentence = NULL;
        va_end(arguments);
        if (sentence)
                tell(sentence);
}

static void load(WslConf *conf) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_linked_file(WSL_CONF_PATH, WSL_CONF_MAX, &text, &size);
        if (r == 0)
                r = wsl_conf_parse(text, size, conf);
        for (char **w = conf->warnings; w && *w; w++)
                tell(*w);
        if (r == -EFBIG)
                warn(WSL_CONF_PATH " is ignored: it has more than %u KiB.", WSL_CONF_MAX >> 10);
        else if (r < 0 && r != -ENOENT)
                warn(WSL_CONF_PATH " is ignored: %s", strerror(-r));
}

/* Takes away what the container's set-up mounted over a file of the distribution's own. */
static void uncover(const char *path) {
        struct stat st;

        /* A link may lead anywhere, and only from a file is something to be taken away. */
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL) /* EINVAL: nothing covers it */
                warn("%s: the distribution's own cannot be uncovered: %s", path, strerror(errno));
}

static int write_hosts(const char *name) {
        _cleanup_free_ char *inherited = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int n;

        (void)read_linked_file(HOSTS, HOSTS_MAX, &inherited, &size);
        n = asprintf(&text,
                     "# Made by LXSS at the start of this instance, from the host's own " HOSTS ".\n"
                     "# To have the distribution's instead, write into " WSL_CONF_PATH ":\n"
                     "#   [network]\n"
                     "#   generateHosts=false\n"
                     "127.0.1.1\t%s\n"
                     "\n"
                     "%s",
                     name, inherited ?: "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        if (mkdir(OWN_HOSTS_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(OWN_HOSTS, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? -errno : write_all(fd, text, n);
}

/* Programs such as sudo(8) look their own host up. */
static void cover_hosts(const char *name) {
        int r = write_hosts(name);

        if (r == 0 && mount(OWN_HOSTS, HOSTS, NULL, MS_BIND, NULL) < 0)
                r = -errno;
        if (r < 0)
                warn(HOSTS ": the name %s cannot be entered: %s", name, strerror(-r));
}

static void set_up_network(const WslConf *conf) {
        bool named = conf->hostname;

        if (named && sethostname(conf->hostname, strlen(conf->hostname)) < 0) {
                warn("The host name %s of " WSL_CONF_PATH " cannot be set: %s", conf->hostname, strerror(errno));
                named = false;
        }
        if (!conf->generate_hosts)
                uncover(HOSTS);
        else if (named)
                cover_hosts(conf->hostname);
        if (!conf->generate_resolv_conf)
                uncover("/etc/resolv.conf");
}

static void take_host_away(void) {
        if (umount2("/mnt/host", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
                warn("/mnt/host cannot be unmounted: %s", strerror(errno));
}

typedef struct Child {
        pid_t pid;
        int pidfd;
        int output; /* what it says on its standard error; -EBADF */
} Child;

static void child_clear(Child *child) {
        closep(&child->pidfd);
        closep(&child->output);
}
#define _cleanup_child_ _cleanup_(child_clear)
#define CHILD_NONE { .pidfd = -EBADF, .output = -EBADF }

/* Only what is the program's own is inherited: 0, 1 and 2 are /dev/null, the others close on exec. */
_Noreturn static void become(const char *const *programs, const char *const *argv, char *const *env, int failed,
                             int output) {
        int error = ENOENT;

        (void)setsid();
        limits_confine();
        if (output < 0 || dup2(output, STDERR_FILENO) >= 0)
                for (; *programs; programs++) {
                        execve(*programs, (char *const *)argv, env);
                        error = errno != ENOENT ? errno : error;
                }
        else
                error = errno;
        (void)!write(failed, &error, sizeof(error));
        _exit(127);
}

/* Starts the first of the programs that is there, as root, in a session of its
 * own. Returns 0 once it runs, or negative errno. */
static int start(const char *const *programs, const char *const *argv, bool listen, Child *ret) {
        _cleanup_close_ int failed = -EBADF, failed_end = -EBADF, output_end = -EBADF;
        _cleanup_account_ Account *root = NULL;
        _cleanup_strv_free_ char **env = NULL;
        _cleanup_child_ Child child = CHILD_NONE;
        int pair[2], error, r;

        if ((r = account_lookup("root", &root)) < 0 || (r = environment_build(root, NULL, false, &env)) < 0)
                return r;
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        failed = pair[0];
        failed_end = pair[1];
        if (listen) {
                if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
                        return -errno;
                child.output = pair[0];
                output_end = pair[1];
        }
        child.pid = fork();
        if (child.pid < 0)
                return -errno;
        if (child.pid == 0)
                become(programs, argv, env, failed_end, output_end);
        closep(&failed_end);
        if (read_up_to(failed, &error, sizeof(error)) == sizeof(error))
                return -error; /* it is reaped like any other */
        child.pidfd = sys_pidfd_open(child.pid, 0);
        *ret = child;
        child = (Child)CHILD_NONE;
        return 0;
}

static int milliseconds_until(const struct timespec *end) {
        struct timespec now;
        int64_t left;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        left = (int64_t)(end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
        return left > 0 ? left : 0;
}

/* Reads what the child has to say; what exceeds the buffer is dropped. */
static void listen_to(Child *child, char *text, size_t size, size_t *used) {
        char more[512];

        for (;;) {
                ssize_t n = read(child->output, more, sizeof(more));
                size_t fits = size - 1 - *used;

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        closep(&child->output);
                        return;
                }
                fits = (size_t)n < fits ? (size_t)n : fits;
                memcpy(text + *used, more, fits);
                *used += fits;
                text[*used] = '\0';
        }
}

/* Waits for a child's end. Returns 0 with its wait status, or -ETIMEDOUT: it goes on, and is reaped like any other. */
static int wait_for(Child *child, int patience_ms, int *ret_status, char *text, size_t size) {
        struct timespec end;
        size_t used = 0;

        *text = '\0';
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += patience_ms / 1000;
        for (;;) {
                struct pollfd polls[] = { { .fd = child->pidfd, .events = POLLIN },
                                          { .fd = child->output, .events = POLLIN } };
                int left = milliseconds_until(&end), r;

                if (left == 0)
                        return -ETIMEDOUT;
                r = poll(polls, ELEMENTSOF(polls), left);
                if (r > 0 && polls[1].revents)
                        listen_to(child, text, size, &used);
                if (r > 0 && polls[0].revents)
                        return waitpid(child->pid, ret_status, 0) < 0 ? -errno : 0;
        }
}

static bool has_entries(const char *fstab) {
        for (const char *line = fstab; *line; line += *line == '\n') {
                line += strspn(line, " \t\r");
                if (*line && *line != '\n' && *line != '#')
                        return true;
                line += strcspn(line, "\n");
        }
        return false;
}

static void describe_failure(int status, char *said) {
        char *line_end = strchr(said, '\n');

        if (line_end)
                *line_end = '\0';
        if (WIFSIGNALED(status))
                warn(FSTAB ": \"mount -a\" was ended by signal %d.", WTERMSIG(status));
        else
                warn(FSTAB ": \"mount -a\" failed with exit status %d%s%.300s", WEXITSTATUS(status), *said ? ": " : ".",
                     said);
}

/* By the distribution's own mount(8), which knows its options and helpers. */
static void mount_all(void) {
        static const char *const programs[] = { "/usr/bin/mount", "/bin/mount", "/usr/sbin/mount", "/sbin/mount",
                                                NULL };
        static const char *const argv[] = { "mount", "-a", NULL };
        _cleanup_child_ Child child = CHILD_NONE;
        char said[512];
        int status, r;

        r = start(programs, argv, true, &child);
        if (r < 0) {
                warn(FSTAB ": the distribution's mount(8) cannot be executed: %s", strerror(-r));
                return;
        }
        r = wait_for(&child, MOUNT_PATIENCE_MS, &status, said, sizeof(said));
        if (r < 0)
                warn(FSTAB ": \"mount -a\" goes on; it was not done within %d seconds.", MOUNT_PATIENCE_MS / 1000);
        else if (status != 0)
                describe_failure(status, said);
}

static void mount_fstab(void) {
        _cleanup_free_ char *fstab = NULL;
        size_t size;
        int r;

        r = read_linked_file(FSTAB, FSTAB_MAX, &fstab, &size);
        if (r == 0 && has_entries(fstab))
                mount_all();
        else if (r < 0 && r != -ENOENT)
                warn(FSTAB " is ignored: %s", strerror(-r));
}

static void choose_user(WslConf *conf, Boot *ret) {
        _cleanup_account_ Account *account = NULL;
        int r;

        if (!conf->user)
                return;
        r = account_lookup(conf->user, &account);
        if (r == 0)
                ret->user = steal_pointer(&conf->user);
        else if (r == -ENOENT)
                warn(WSL_CONF_PATH ":%u: There is no user \"%s\". Programs run as the usual default user.",
                     conf->user_line, conf->user);
        else
                warn(WSL_CONF_PATH ":%u: The users cannot be read: %s", conf->user_line, strerror(-r));
}

/* To where a program looks for it. */
static int move_home(const char *user) {
        _cleanup_account_ Account *account = NULL;
        int r;

        r = account_lookup(user, &account);
        if (r < 0)
                return r;
        if (mkdir(account->home, 0755) < 0 && errno != EEXIST)
                return -errno;
        return mount(BOOT_HOME, account->home, NULL, MS_MOVE, NULL) < 0 ? -errno : 0;
}

static void share_home(const char *user) {
        int r = move_home(user);

        if (r < 0) {
                warn("The host's home directory cannot be that of %s: %s", user, strerror(-r));
                (void)umount2(BOOT_HOME, MNT_DETACH);
        }
        (void)rmdir(BOOT_HOME);
}

static void run_command(const char *command) {
        static const char *const shells[] = { "/bin/sh", NULL };
        const char *const argv[] = { "sh", "-c", command, NULL };
        _cleanup_child_ Child child = CHILD_NONE;
        int r;

        r = start(shells, argv, false, &child);
        if (r < 0)
                warn(WSL_CONF_PATH ": the command of [boot] cannot be started by /bin/sh: %s", strerror(-r));
}

void boot(void (*on_warning)(const char *sentence), const char *home_of, Boot *ret) {
        _cleanup_wsl_conf_ WslConf conf = WSL_CONF_DEFAULT;

        *ret = (Boot){ 0 };
        tell = on_warning;
        load(&conf);
        set_up_network(&conf);
        if (!conf.mount_host) {
                take_host_away();
                ret->without_host = true;
        }
        if (conf.mount_fstab)
                mount_fstab();
        choose_user(&conf, ret);
        if (home_of)
                share_home(ret->user ?: home_of);
        umask(conf.umask); /* for programs, and not for what we make ourselves */
        if (conf.command)
                run_command(conf.command);
}
