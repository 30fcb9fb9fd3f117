/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the start of lxssd by its first client. Whoever holds the lock in the
 * runtime directory binds the socket itself, so that clients queue in its backlog
 * while lxssd still starts and nobody needs to poll; lxssd takes the same lock
 * when it exits. Knows nothing of D-Bus but how to describe a failure. */

#include "client/lxss/activate.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "client/lxss/service-child.h"
#include "shared/paths.h"
#include "shared/syscalls.h"
#include "shared/util.h"

#define BACKLOG 4096
/* Above every number that lxssd finds something at. */
#define FD_FLOOR 10

static int unavailable(LxssFailure *reterr, int r, const char *what, const char *path) {
        return failure_set(reterr, LXSS_ERROR_SERVICE_UNAVAILABLE, r, "%s %s: %s", what, path, strerror(-r));
}

static int make_socket(const char *path, struct sockaddr_un *ret_address) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        strncpy(ret_address->sun_path, path, sizeof(ret_address->sun_path) - 1);
        return fd;
}

/* Somebody else's server at our path would get our descriptors: refused. */
static int verify_peer(int fd, const char *path, LxssFailure *reterr) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return unavailable(reterr, -errno, "Cannot tell who listens on", path);
        if (peer.uid != 0 && peer.uid != geteuid())
                return failure_set(reterr, LXSS_ERROR_ACCESS_DENIED, -EACCES,
                                   "The socket %s is served by another user. Nothing was sent to it.", path);
        return 0;
}

/* 1: connected. 0: nobody listens there. */
static int try_connect(const char *path, int *ret, LxssFailure *reterr) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        fd = make_socket(path, &address);
        if (fd < 0)
                return unavailable(reterr, fd, "Cannot connect to", path);
        do
                r = connect(fd, (struct sockaddr *)&address, sizeof(address));
        while (r < 0 && errno == EINTR);
        if (r < 0 && (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR))
                return 0;
        if (r < 0)
                return unavailable(reterr, -errno, "Cannot connect to", path);
        r = verify_peer(fd, path, reterr);
        if (r < 0)
                return r;
        *ret = steal_fd(&fd);
        return 1;
}

static int make_directories(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST && access(copy, F_OK) < 0)
                        return -errno;
                *slash = '/';
        }
        return mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_runtime_directory(const char *path, int *ret, LxssFailure *reterr) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = make_directories(path);
        if (r < 0)
                return unavailable(reterr, r, "Cannot create the directory", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return unavailable(reterr, -errno, "Cannot open the directory", path);
        if (st.st_uid != geteuid())
                return failure_set(reterr, LXSS_ERROR_ACCESS_DENIED, -EACCES,
                                   "The directory %s belongs to another user. lxssd is not started in it.", path);
        if (st.st_mode & 022)
                return failure_set(reterr, LXSS_ERROR_ACCESS_DENIED, -EACCES,
                                   "Others may write to %s. Remove that with chmod 0700, then try again.", path);
        *ret = steal_fd(&fd);
        return 0;
}

static int take_lock(int directory) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return steal_fd(&fd);
}

static int bind_and_listen(const char *path, int *ret) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        mode_t mask;
        int r;

        fd = make_socket(path, &address);
        if (fd < 0)
                return fd;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        mask = umask(0177);
        r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(mask);
        if (r < 0)
                return r;
        if (listen(fd, BACKLOG) < 0)
                return -errno;
        *ret = steal_fd(&fd);
        return 0;
}

static int move_up(int *fd) {
        int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FD_FLOOR);

        if (moved < 0)
                return -errno;
        closep(fd);
        *fd = moved;
        return 0;
}

/* /dev/null as 0 to 2, these from 3 on, and nothing else. The last one closes on exec. */
static int arrange_descriptors(const int *fds, size_t n) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return -errno;
        for (int fd = 0; fd < 3; fd++)
                if (dup2(null, fd) < 0)
                        return -errno;
        for (size_t i = 0; i < n; i++)
                if (dup3(fds[i], 3 + i, i + 1 == n ? O_CLOEXEC : 0) < 0)
                        return -errno;
        return sys_close_range(3 + n, ~0u, 0) < 0 ? -errno : 0;
}

/* What lxssd is to have. */
typedef struct Start {
        const char *program;
        int listener;
        int base; /* lxss-base's socket; negative: none */
        int news; /* the pipe for bad news */
} Start;

/* Becomes lxssd, or returns why not; start->news is valid then, too. */
static int become_manager(Start *start) {
        bool based = start->base >= 0;
        const int all[] = { start->listener, based ? start->base : start->news, start->news };
        char pid[16];
        int r = arrange_descriptors(all, based ? 3 : 2);

        if (r < 0)
                return r;
        start->news = based ? 5 : 4;
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", based ? "2" : "1", 1) < 0 ||
            setenv("LISTEN_FDNAMES", based ? "manager:base" : "manager", 1) < 0)
                return -errno;
        execl(start->program, "lxssd", NULL);
        return -errno;
}

_Noreturn static void become_base(int socket) {
        _cleanup_free_ char *program = NULL, *init = NULL;
        const int all[] = { socket, socket }; /* the second one closes on exec */

        if (path_libexec("lxss-base", &program) >= 0 && path_libexec("lxinit", &init) >= 0 &&
            arrange_descriptors(all, ELEMENTSOF(all)) >= 0)
                execl(program, "lxss-base", init, NULL);
        _exit(EXIT_FAILURE);
}

/* lxss-base at work, whose answer is for lxssd. Where that fails lxssd starts one, and says why that fails. */
static void start_base(Start *start) {
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return;
        pid = fork();
        if (pid == 0)
                become_base(move_up(&pair[1]) < 0 ? -EBADF : pair[1]);
        closep(&pair[1]);
        if (pid < 0 || move_up(&pair[0]) < 0)
                closep(&pair[0]);
        start->base = pair[0];
}

_Noreturn static void run_child(Start *start, bool with_base) {
        pid_t pid;
        int r = service_child_prepare();

        if (r == 0) {
                if (with_base)
                        start_base(start);
                /* Twice, so that lxssd is nobody's child and leaves no zombie to lxctl's parent. */
                pid = fork();
                if (pid > 0)
                        _exit(EXIT_SUCCESS);
                r = pid < 0 ? -errno : become_manager(start);
        }
        (void)write_all(start->news, &r, sizeof(r));
        _exit(EXIT_FAILURE);
}

/* Returns when lxssd has been executed, or why it could not be. */
static int spawn(int *listener, const char *program, bool with_base) {
        _cleanup_close_ int news = -EBADF, write_end = -EBADF;
        int ends[2], error = 0, r;
        ssize_t n;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        news = ends[0];
        write_end = ends[1];
        r = move_up(&write_end);
        if (r == 0)
                r = move_up(listener);
        if (r < 0)
                return r;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_child(&(Start){ program, *listener, -EBADF, write_end }, with_base);
        closep(&write_end);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        n = read_up_to(news, &error, sizeof(error));
        if (n == 0)
                return 0;
        return n == sizeof(error) && error < 0 ? error : -EIO;
}

/* With the lock held, and after nobody answered on the socket. */
static int start_manager(Activation activation, const char *socket_path, LxssFailure *reterr) {
        _cleanup_close_ int listener = -EBADF;
        _cleanup_free_ char *program = NULL;
        int r;

        r = path_libexec("lxssd", &program);
        if (r < 0)
                return unavailable(reterr, r, "Cannot start", "lxssd");
        r = bind_and_listen(socket_path, &listener);
        if (r < 0)
                return unavailable(reterr, r, "Cannot listen on", socket_path);
        r = spawn(&listener, program, activation == ACTIVATE_FOR_INSTANCE);
        if (r < 0) {
                (void)unlink(socket_path); /* else others would queue there for nobody */
                return unavailable(reterr, r, "Cannot start lxssd at", program);
        }
        return 0;
}

static int start_and_connect(Activation activation, const char *socket_path, int *ret, LxssFailure *reterr) {
        _cleanup_close_ int directory = -EBADF, lock = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        r = path_runtime_directory(&path);
        if (r < 0)
                return unavailable(reterr, r, "Cannot find", "the runtime directory");
        r = open_runtime_directory(path, &directory, reterr);
        if (r < 0)
                return r;
        lock = take_lock(directory);
        if (lock < 0)
                return unavailable(reterr, lock, "Cannot lock", path);
        r = try_connect(socket_path, ret, reterr);
        if (r != 0)
                return r; /* another client was faster */
        r = start_manager(activation, socket_path, reterr);
        if (r < 0)
                return r;
        r = try_connect(socket_path, ret, reterr);
        return r == 0 ? unavailable(reterr, -ECONNREFUSED, "Cannot connect to", socket_path) : r;
}

int activate_connect(Activation activation, int *ret, LxssFailure *reterr) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = path_manager_socket(&path);
        if (r == -ENAMETOOLONG)
                return unavailable(reterr, r, "Cannot make lxssd's socket in", "the runtime directory");
        if (r < 0)
                return unavailable(reterr, r, "Cannot find", "the runtime directory (HOME is not set)");
        r = try_connect(path, ret, reterr);
        if (r != 0 || activation == ACTIVATE_NEVER)
                return r;
        return start_and_connect(activation, path, ret, reterr);
}
