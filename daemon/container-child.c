/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything between fork and the execution of a container's PID 1, and nothing
 * else. Two processes run here.
 *
 * The helper stands where lxssd stands. It enters the base namespaces, makes
 * the container's first process as a sibling of itself (CLONE_PARENT, so that
 * lxssd is its parent and PR_SET_PDEATHSIG means lxssd), writes its id maps,
 * says who it is, and exits. Nothing of the container can see it: the helper
 * never enters the container's process or mount namespace.
 *
 * The first process waits for its maps, mounts its file systems with the
 * rights that it has over its own mount namespace alone, out of what stands on
 * the stage (daemon/base-stage.h), and executes the program from a descriptor.
 * No foreign program runs before that, so nobody can race the set-up; the root
 * file system is foreign all the same, and only touched through daemon/mount.h. */

#include "daemon/container-child.h"

#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/base-stage.h"
#include "daemon/container-network.h"
#include "daemon/container-stack.h"
#include "daemon/loopback.h"
#include "daemon/mount.h"
#include "daemon/parent-death.h"
#include "daemon/rlimit.h"
#include "shared/boot-options.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

/* Descriptors that are still needed stand from here on. */
#define FD_FLOOR 16

const char *container_step_to_string(int step) {
        static const char *const texts[CONTAINER_STEP_MAX] = {
#define X(id, text) [CONTAINER_STEP_##id] = text,
                CONTAINER_STEPS(X)
#undef X
        };

        return step >= 0 && step < CONTAINER_STEP_MAX ? texts[step] : "starting it";
}

/* What both processes work with. */
typedef struct Child {
        const ContainerSpec *spec;
        IdMap uids, gids;
        int lxssd;   /* for parent_death_arm() */
        int report;
        int proc;    /* the /proc of lxssd's own processes */
        int shifted; /* ID_MODE_ROOT, instances: the root file system with its owners shifted; -EBADF: not possible */
        Stack stack; /* the same of what the spec has in its stack; once it is open */
        int source;  /* workers: what becomes descriptor 4 instead; or -EBADF */
        int program; /* what is executed */
        int home;    /* a copy of the mount with the user's home directory; -EBADF: none */
        int sys;     /* a sysfs that shows the network that it enters; -EBADF: none */
} Child;

static void send_report(const Child *child, ContainerReport r) {
        struct iovec part = { .iov_base = &r, .iov_len = sizeof(r) };

        (void)fd_socket_send(child->report, &part, 1, NULL, 0);
}

/* error is negative errno. */
_Noreturn static void fail(const Child *child, ContainerStep step, int error) {
        send_report(child, (ContainerReport){ .step = step, .error = -error });
        _exit(EXIT_FAILURE);
}

static int write_map(const Child *child, pid_t pid, const char *name, const IdMap *map) {
        _cleanup_free_ char *text = id_map_to_text(map);
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        if (!text)
                return -ENOMEM;
        snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
        fd = openat(child->proc, path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

static int write_maps(const Child *child, pid_t pid, const IdMap *uids, const IdMap *gids) {
        int r = write_map(child, pid, "uid_map", uids);

        return r < 0 ? r : write_map(child, pid, "gid_map", gids);
}

/* fork(2) with flags. */
static pid_t clone_process(uint64_t flags, int cgroup_fd) {
        struct clone_args args = {
                .flags = flags | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
                .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
                .cgroup = cgroup_fd >= 0 ? cgroup_fd : 0,
        };

        return syscall(SYS_clone3, &args, sizeof(args));
}

/* A user namespace that maps the ids that files have on disk to those of the
 * container: what an idmapped mount wants (mount_setattr(2)). Its carrier dies at once. */
static int open_idmap(const Child *child) {
        const IdMap map = id_map_single(ID_STORE_BASE, child->spec->slot_base, ID_COUNT);
        _cleanup_close_ int self = parent_death_open();
        char path[64];
        pid_t carrier;
        int fd, r;

        if (self < 0)
                return self;
        carrier = clone_process(CLONE_NEWUSER, -EBADF);
        if (carrier < 0)
                return -errno;
        if (carrier == 0) {
                parent_death_arm(self);
                for (;;)
                        pause();
        }
        snprintf(path, sizeof(path), "%d/ns/user", (int)carrier);
        r = write_maps(child, carrier, &map, &map);
        fd = openat(child->proc, path, O_RDONLY | O_CLOEXEC);
        if (r == 0 && fd < 0)
                r = -errno;
        (void)kill(carrier, SIGKILL);
        if (r < 0)
                closep(&fd);
        return r < 0 ? r : fd;
}

/* Root's instances: the root file system with its owners shifted from where
 * they are stored to the distribution's own ids. Safe with root's rights: it
 * clones a mount of root's own directory, detached, and resolves nothing in it. */
static int open_shifted_root(Child *child) {
        _cleanup_close_ int tree = mount_clone_of_host(child->spec->root), idmap = -EBADF;
        int r;

        if (tree < 0)
                return tree;
        idmap = open_idmap(child);
        if (idmap < 0)
                return idmap;
        r = mount_shift(tree, idmap);
        if (r < 0)
                return r;
        child->shifted = steal_fd(&tree);
        return 0;
}

/* The same of each directory of the stack: all of them, or the stack stays closed. */
static int open_shifted_stack(Child *child) {
        _cleanup_close_ int idmap = open_idmap(child);

        return idmap < 0 ? idmap : stack_open(child->spec->stack, idmap, &child->stack);
}

/* The copy must be of this mount namespace, so it is made in here; for root it comes ready. */
static int attach_root(Child *child, int *ret_root) {
        _cleanup_close_ int target = -EBADF, tree = steal_fd(&child->shifted);
        int r;

        if (tree < 0)
                tree = mount_clone_of_host(child->spec->root);
        if (tree < 0)
                return tree;
        /* What the host mounts in there later is not for the instance; and pivot_root(2) wants no shared mount. */
        r = mount_restrict(tree, 0, MS_PRIVATE, false);
        if (r < 0)
                return r;
        target = open("/" STAGE_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (target < 0)
                return -errno;
        r = mount_attach(tree, target);
        if (r < 0)
                return r;
        *ret_root = steal_fd(&tree);
        return 0;
}

/* Safe: ids of its own namespace only. */
static int become_root(const Child *child) {
        if (child->spec->mode != ID_MODE_SINGLE && setgroups(0, NULL) < 0)
                return -errno;
        if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                return -errno;
        umask(022);
        parent_death_arm(child->lxssd);
        /* The host session's keys stay outside (keyrings(7)); a kernel without keyrings has none to hide. */
        (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
        return 0;
}

static int mount_proc(int root) {
        _cleanup_close_ int tree = mount_new("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

        return tree < 0 ? tree : mount_attach_at(tree, root, "proc", true);
}

/* A copy of a mount on the stage. */
static int attach_copy(const char *stage, bool recursive, int root, const char *path, bool directory) {
        _cleanup_close_ int tree = mount_clone(AT_FDCWD, stage, recursive);

        return tree < 0 ? tree : mount_attach_at(tree, root, path, directory);
}

/* The host's, with the container's own cgroups over it where the kernel has cgroup2. */
static int mount_sys(Child *child, int root) {
        _cleanup_close_ int cgroup = -EBADF, sys = steal_fd(&child->sys);
        int r = -EOPNOTSUPP;

        if (child->spec->own_network)
                sys = container_network_new_sys();
        if (sys >= 0)
                r = mount_attach_at(sys, root, "sys", true);
        if (r < 0)
                r = attach_copy("/" STAGE_SYS, true, root, "sys", true);
        if (r < 0)
                return r;
        cgroup = mount_new("cgroup2", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (cgroup >= 0)
                (void)mount_attach_at(cgroup, root, "sys/fs/cgroup", true);
        return 0;
}

static int attach_node(int dev, const char *name) {
        char path[32];

        snprintf(path, sizeof(path), "/" STAGE_DEV "/%s", name);
        return attach_copy(path, false, dev, name, false);
}

static int make_dev_links(int dev) {
        static const char *const links[][2] = {
                { "/proc/self/fd", "fd" },
                { "/proc/self/fd/0", "stdin" },
                { "/proc/self/fd/1", "stdout" },
                { "/proc/self/fd/2", "stderr" },
                { "/proc/kcore", "core" },
        };

        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(links[i][0], dev, links[i][1]) < 0)
                        return -errno;
        return 0;
}

/* Its own terminals: TIOCSTI and the like reach nobody outside. ptmx is a node, since some programs refuse a link. */
static int mount_terminals(int dev, IdMode mode) {
        static const char *const with_group[] = {
                "newinstance", "", "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL,
        };
        static const char *const single[] = { "newinstance", "", "ptmxmode", "0666", "mode", "0620", NULL };
        _cleanup_close_ int pts = -EBADF, ptmx = -EBADF;
        int r;

        pts = mount_new("devpts", mode == ID_MODE_SINGLE ? single : with_group, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        if (pts < 0)
                return pts;
        r = mount_attach_at(pts, dev, "pts", true);
        if (r < 0)
                return r;
        ptmx = mount_clone(dev, "pts/ptmx", false);
        return ptmx < 0 ? ptmx : mount_attach_at(ptmx, dev, "ptmx", false);
}

static int mount_dev(int root, IdMode mode) {
        static const char *const options[] = { "mode", "755", NULL }, *const shm_options[] = { "mode", "1777", NULL };
        _cleanup_close_ int dev = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID), shm = -EBADF, mqueue = -EBADF;
        int r;

        if (dev < 0)
                return dev;
        if ((r = mount_attach_at(dev, root, "dev", true)) < 0 || (r = make_dev_links(dev)) < 0 ||
            (r = mount_terminals(dev, mode)) < 0)
                return r;
        for (size_t i = 0; base_stage_nodes[i]; i++)
                if ((r = attach_node(dev, base_stage_nodes[i])) < 0)
                        return r;
        shm = mount_new("tmpfs", shm_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (shm < 0)
                return shm;
        mqueue = mount_new("mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (mqueue >= 0)
                (void)mount_attach_at(mqueue, dev, "mqueue", true);
        return mount_attach_at(shm, dev, "shm", true);
}

static int mount_run(int root) {
        static const char *const run_options[] = { "mode", "755", NULL };
        static const char *const tmp_options[] = { "mode", "1777", NULL };
        _cleanup_close_ int run = -EBADF, tmp = -EBADF;
        int r;

        run = mount_new("tmpfs", run_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (run < 0)
                return run;
        r = mount_attach_at(run, root, "run", true);
        if (r < 0)
                return r;
        tmp = mount_new("tmpfs", tmp_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (tmp < 0)
                return tmp;
        return mount_attach_at(tmp, root, "tmp", true);
}

static int mount_tools(int root) {
        int r = 0;

        for (size_t i = 0; r == 0 && base_stage_tools[i]; i++) {
                char stage[64], path[64];

                snprintf(stage, sizeof(stage), "/" STAGE_TOOLS "/%s", base_stage_tools[i]);
                snprintf(path, sizeof(path), TOOLS_DIRECTORY "/%s", base_stage_tools[i]);
                r = attach_copy(stage, false, root, path, false);
        }
        return r;
}

static int pivot(int root) {
        int r = mount_pivot(root, ".");

        if (r < 0)
                return r;
        return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}

/* Shown as /init where the distribution has no file of its own making there that
 * this would hide from it. What is executed is the read-only mount in any case. */
static int mount_init(Child *child, int root) {
        _cleanup_close_ int target = -EBADF;
        struct stat st;

        child->program = mount_clone(AT_FDCWD, "/" STAGE_INIT, false);
        if (child->program < 0)
                return child->program;
        target = mount_open_in_root(root, "init", O_PATH | O_NOFOLLOW);
        if (target == -ENOENT)
                target = mount_open_target(root, "init", false);
        if (target >= 0 && fstat(target, &st) == 0 && S_ISREG(st.st_mode))
                (void)mount_attach(child->program, target);
        return 0;
}

/* As harmless as all of the host's tree that instances see. As the user, who may walk there. */
static int clone_home(Child *child) {
        _cleanup_close_ int host = open("/" STAGE_HOST, O_PATH | O_DIRECTORY | O_CLOEXEC), home = -EBADF;

        if (host < 0)
                return -errno;
        home = mount_open_in_root(host, child->spec->home, O_PATH | O_DIRECTORY);
        if (home < 0)
                return home;
        child->home = mount_clone(home, "", true);
        return child->home < 0 ? child->home : 0;
}

/* What is not there for every instance. */
static void set_up_extras(Child *child, int root) {
        int r;

        if (child->home >= 0 && (r = mount_attach_at(child->home, root, &BOOT_HOME[1], true)) < 0)
                fail(child, CONTAINER_STEP_HOME, r);
        /* Safe: the network is the container's own, and so is the right to change it. */
        if (child->spec->own_network && (r = loopback_raise()) < 0)
                fail(child, CONTAINER_STEP_NETWORK, r);
}

static void enter_root_file_system(Child *child, int *ret_root) {
        const ContainerSpec *spec = child->spec;
        int r = 0;

        /* As the user, who may walk where root of the instance may not. */
        if (!spec->stack)
                r = attach_root(child, ret_root);
        else if (child->stack.n == 0)
                r = stack_open(spec->stack, -EBADF, &child->stack);
        if (r < 0)
                fail(child, CONTAINER_STEP_ROOT, r);
        if (spec->home && (r = clone_home(child)) < 0)
                fail(child, CONTAINER_STEP_HOME, r);
        if ((r = become_root(child)) < 0)
                fail(child, CONTAINER_STEP_IDENTITY, r);
        if (spec->stack && (r = stack_attach(&child->stack, "/" STAGE_ROOT, ret_root)) < 0)
                fail(child, CONTAINER_STEP_STACK, r);
}

static void set_up_instance(Child *child) {
        _cleanup_close_ int root = -EBADF;
        int r;

        enter_root_file_system(child, &root);
        if ((r = mount_proc(root)) < 0)
                fail(child, CONTAINER_STEP_PROC, r);
        if ((r = mount_sys(child, root)) < 0)
                fail(child, CONTAINER_STEP_SYS, r);
        if ((r = mount_dev(root, child->spec->mode)) < 0)
                fail(child, CONTAINER_STEP_DEV, r);
        if ((r = mount_run(root)) < 0)
                fail(child, CONTAINER_STEP_RUN, r);
        if ((r = container_network_mount_files(child->spec, root)) < 0)
                fail(child, CONTAINER_STEP_NETWORK, r);
        if (child->spec->host && (r = attach_copy("/" STAGE_HOST, true, root, "mnt/host", true)) < 0)
                fail(child, CONTAINER_STEP_HOST, r);
        if ((r = mount_tools(root)) < 0)
                fail(child, CONTAINER_STEP_TOOLS, r);
        set_up_extras(child, root);
        if ((r = mount_init(child, root)) < 0)
                fail(child, CONTAINER_STEP_INIT, r);
        if ((r = pivot(root)) < 0)
                fail(child, CONTAINER_STEP_PIVOT, r);
}

/* From the stage to the host's own tree. */
static int enter_host(void) {
        _cleanup_close_ int target = open("/" STAGE_RAW, O_PATH | O_DIRECTORY | O_CLOEXEC), tree = -EBADF;
        int r;

        if (target < 0)
                return -errno;
        tree = mount_clone(target, "", true);
        if (tree < 0)
                return tree;
        r = mount_attach(tree, target);
        return r < 0 ? r : pivot(tree);
}

static int attach_to_worker(int tree) {
        _cleanup_close_ int target = open(WORKER_MOUNT, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return target < 0 ? -errno : mount_attach(tree, target);
}

/* What the stack makes is where the program looks for its root, or what it has for a source. */
static int mount_worker_stack(Child *child) {
        _cleanup_close_ int tree = stack_mount(&child->stack, WORKER_MOUNT, false);

        stack_close(&child->stack);
        if (tree < 0)
                return tree;
        if (chdir("/") < 0)
                return -errno;
        if (!child->spec->root)
                return attach_to_worker(tree);
        child->source = steal_fd(&tree);
        return 0;
}

static void set_up_worker(Child *child) {
        _cleanup_close_ int root = -EBADF, staging = steal_fd(&child->shifted);
        const ContainerSpec *spec = child->spec;
        int r;

        if (spec->stack && (r = stack_open(spec->stack, -EBADF, &child->stack)) < 0)
                fail(child, CONTAINER_STEP_STACK, r);
        if ((r = enter_host()) < 0)
                fail(child, CONTAINER_STEP_ROOT, r);
        if (spec->root && staging < 0 && (staging = mount_clone(AT_FDCWD, spec->root, false)) < 0)
                fail(child, CONTAINER_STEP_STAGING, staging);
        if ((r = become_root(child)) < 0)
                fail(child, CONTAINER_STEP_IDENTITY, r);
        if (spec->stack && (r = mount_worker_stack(child)) < 0)
                fail(child, CONTAINER_STEP_STACK, r);
        if (staging >= 0 && (r = attach_to_worker(staging)) < 0)
                fail(child, CONTAINER_STEP_STAGING, r);
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                fail(child, CONTAINER_STEP_PROC, -errno);
        if ((r = mount_proc(root)) < 0)
                fail(child, CONTAINER_STEP_PROC, r);
        child->program = spec->program_fd;
}

/* 0 to 2 are /dev/null, 3 and 4 what the program was promised, all else closes on exec. */
static int place_descriptors(Child *child) {
        const int fds[] = { child->spec->fds[0], child->source >= 0 ? child->source : child->spec->fds[1] };
        int sources[ELEMENTSOF(child->spec->fds)], null;

        for (size_t i = 0; i < ELEMENTSOF(sources); i++) {
                sources[i] = fds[i] < 0 ? -EBADF : fcntl(fds[i], F_DUPFD_CLOEXEC, FD_FLOOR);
                if (fds[i] >= 0 && sources[i] < 0)
                        return -errno;
        }
        child->report = fcntl(child->report, F_DUPFD_CLOEXEC, FD_FLOOR);
        child->program = fcntl(child->program, F_DUPFD_CLOEXEC, FD_FLOOR);
        if (child->report < 0 || child->program < 0)
                return -errno;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
                return -errno;
        for (int i = 0; i < 3; i++)
                if (null == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(null, i) < 0)
                        return -errno;
        if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                if (sources[i] >= 0 && dup2(sources[i], 3 + i) < 0)
                        return -errno;
        return 0;
}

/* lxssd blocks SIGCHLD and ignores SIGPIPE; its children start as from a login. */
static void reset_signals(void) {
        sigset_t none;

        (void)signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        rlimit_restore_nofile();
}

static char *const *worker_environment(void) {
        static char *none[] = { NULL };

        return environ ?: none;
}

_Noreturn static void run_first_process(Child *child, int maps_written) {
        static char *const no_environment[] = { NULL };
        bool instance = child->spec->kind == CONTAINER_INSTANCE;
        char byte;
        int r;

        /* Nothing to read: the helper is gone, and so is everything that this was for. */
        if (read_up_to(maps_written, &byte, 1) != 1)
                _exit(EXIT_FAILURE);
        if (instance)
                set_up_instance(child);
        else
                set_up_worker(child);
        r = place_descriptors(child);
        if (r < 0)
                fail(child, CONTAINER_STEP_DESCRIPTORS, r);
        reset_signals();
        (void)syscall(SYS_execveat, child->program, "", child->spec->argv,
                      instance ? no_environment : worker_environment(), AT_EMPTY_PATH);
        fail(child, CONTAINER_STEP_EXEC, -errno);
}

static uint64_t namespaces(const ContainerSpec *spec) {
        uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;

        if (spec->own_network)
                flags |= CLONE_NEWNET;
        return spec->kind == CONTAINER_INSTANCE ? flags | CLONE_NEWUTS | CLONE_NEWCGROUP : flags;
}

static void make_first_process(Child *child) {
        int maps_written[2], r;
        pid_t pid;

        if (pipe2(maps_written, O_CLOEXEC) < 0)
                fail(child, CONTAINER_STEP_CLONE, -errno);
        pid = clone_process(namespaces(child->spec) | CLONE_PARENT, child->spec->cgroup_fd);
        if (pid < 0)
                fail(child, CONTAINER_STEP_CLONE, -errno);
        if (pid == 0) {
                (void)close(maps_written[1]);
                run_first_process(child, maps_written[0]);
        }
        send_report(child, (ContainerReport){ .step = -1, .pid = pid });
        r = write_maps(child, pid, &child->uids, &child->gids);
        if (r < 0)
                fail(child, CONTAINER_STEP_MAP_IDS, r);
        (void)write_all(maps_written[1], "", 1);
}

/* The map files of the next process belong to us only if it counts as dumpable, which setns() takes away. */
static int enter_base(Child *child) {
        child->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (child->proc < 0)
                return -errno;
        if (child->spec->user_fd >= 0 && setns(child->spec->user_fd, CLONE_NEWUSER) < 0)
                return -errno;
        if (setns(child->spec->mount_fd, CLONE_NEWNS) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
                return -errno;
        /* Here, where there are the rights over it that the container has not. */
        return child->spec->network_fd < 0 ? 0 : container_network_enter(child->spec->network_fd, &child->sys);
}

/* Not every file system can shift owners. Then the instance gets the ids of the store itself. */
static void shift_owners(Child *child) {
        const ContainerSpec *spec = child->spec;
        int r;

        if (spec->kind != CONTAINER_INSTANCE && !spec->shift_root)
                return;
        r = spec->kind == CONTAINER_INSTANCE && spec->stack ? open_shifted_stack(child) : open_shifted_root(child);
        if (spec->kind == CONTAINER_INSTANCE)
                child->uids = child->gids = id_map_single(0, r < 0 ? ID_STORE_BASE : spec->slot_base, ID_COUNT);
}

_Noreturn void container_child_run(const ContainerSpec *spec, int lxssd, int report) {
        Child child = {
                .spec = spec,
                .uids = spec->uids,
                .gids = spec->gids,
                .lxssd = lxssd,
                .report = report,
                .shifted = -EBADF,
                .source = -EBADF,
                .program = -EBADF,
                .home = -EBADF,
                .sys = -EBADF,
        };
        int r;

        parent_death_arm(lxssd); /* until setns(); from there on nothing makes it wait */
        r = enter_base(&child);
        if (r < 0)
                fail(&child, CONTAINER_STEP_ENTER, r);
        if (spec->mode == ID_MODE_ROOT)
                shift_owners(&child);
        make_first_process(&child);
        _exit(EXIT_SUCCESS);
}
