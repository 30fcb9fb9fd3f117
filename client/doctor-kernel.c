/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kernel lets us do: versions, namespaces, mounts, control groups. Each
 * right is found out by trying it in a child process, since settings that can
 * take it away keep being invented. */

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "client/doctor.h"
#include "shared/paths.h"
#include "shared/util.h"

#define CGROUP2_MAGIC 0x63677270

static Finding check_kernel(Report *report) {
        struct utsname name;
        unsigned major = 0, minor = 0;

        if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
                return report_bad(report, FINDING_WARN, "The kernel's version cannot be read.", "");
        if (major > 6 || (major == 6 && minor >= 1))
                return report_good(report, "Linux %u.%u", major, minor);
        if (major < 5 || (major == 5 && minor < 14))
                return report_bad(report, FINDING_FAIL, "This kernel is older than 5.14.",
                                  "Install a newer kernel: pidfds and cgroup.kill are needed.");
        return report_bad(report, FINDING_WARN, "This kernel is older than 6.1.",
                          "It may work; it is not what LXSS is tested with.");
}

static int write_setting(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 ? -errno : write_all(fd, value, strlen(value));
}

/* In the new namespace: its root is who we were outside. Files can be made only by mapped ids. */
static int map_to_root(uid_t uid, gid_t gid) {
        char map[32];
        int r;

        snprintf(map, sizeof(map), "0 %u 1", uid);
        r = write_setting("/proc/self/uid_map", map);
        if (r == 0)
                r = write_setting("/proc/self/setgroups", "deny");
        if (r < 0)
                return r;
        snprintf(map, sizeof(map), "0 %u 1", gid);
        return write_setting("/proc/self/gid_map", map);
}

/* Runs f in a child with new namespaces, in the directory. Returns 0 or what failed as negative errno. */
static int try_in_child(int flags, const char *directory, int (*f)(void)) {
        uid_t uid = geteuid();
        gid_t gid = getegid();
        int status;
        pid_t pid;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                int r = chdir(directory) < 0 || unshare(flags) < 0 ? -errno : map_to_root(uid, gid);

                _exit(-(r < 0 ? r : f()) & 0xff);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* -1: there is no such setting. */
static long read_setting(const char *path) {
        char buffer[32] = "";
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read_up_to(fd, buffer, sizeof(buffer) - 1) <= 0)
                return -1;
        return strtol(buffer, NULL, 10);
}

/* AppArmor's restriction lets unshare(2) succeed and takes the capabilities away: one must be used. */
static int use_capability(void) {
        return sethostname("doctor", 6) < 0 ? -errno : 0;
}

static Finding explain_user_namespaces(Report *report, int r) {
        if (read_setting("/proc/sys/kernel/unprivileged_userns_clone") == 0)
                return report_bad(report, FINDING_FAIL, "User namespaces are switched off for ordinary users.",
                                  "Switch them on: sudo sysctl kernel.unprivileged_userns_clone=1 (and in /etc/sysctl.d).");
        if (r == -ENOSPC || read_setting("/proc/sys/user/max_user_namespaces") == 0)
                return report_bad(report, FINDING_FAIL, "The limit on user namespaces is reached, or is 0.",
                                  "Raise it: sudo sysctl user.max_user_namespaces=15000 (and in /etc/sysctl.d).");
        if (read_setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
                return report_bad(report, FINDING_FAIL, "AppArmor restricts user namespaces to the programs that it knows.",
                                  "Allow them: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
                                  "or load an AppArmor profile with \"userns,\" for lxssd.");
        if (r == -EPERM)
                return report_bad(report, FINDING_FAIL, "Making a user namespace is not permitted.",
                                  "In a container: start it with the right to make them, for instance with "
                                  "--security-opt seccomp=unconfined; otherwise see the kernel's log.");
        snprintf(report->text, sizeof(report->text), "User namespaces do not work: %s", strerror(-r));
        return FINDING_FAIL;
}

static Finding check_user_namespaces(Report *report) {
        int r = try_in_child(CLONE_NEWUSER | CLONE_NEWUTS, "/", use_capability);

        return r < 0 ? explain_user_namespaces(report, r) : report_good(report, "User namespaces work");
}

static int mount_proc(void) {
        int status;
        pid_t pid;

        /* /proc shows the pid namespace of who mounts it: a first process is needed in the new one. */
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(errno);
                _exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno : 0);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static Finding check_proc(Report *report) {
        int r = try_in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, "/", mount_proc);

        if (r == 0)
                return report_good(report, "A /proc of its own can be mounted in an instance");
        if (r == -EPERM)
                return report_bad(report, FINDING_FAIL, "A new /proc cannot be mounted: parts of this one are masked, "
                                  "as in many containers.",
                                  "Start the container with an unmasked /proc: --security-opt systempaths=unconfined "
                                  "(docker) or --security-opt unmask=ALL (podman).");
        snprintf(report->text, sizeof(report->text), "A new /proc cannot be mounted: %s", strerror(-r));
        return FINDING_FAIL;
}

/* As daemon/worker-upper.c does it: a directory that a layer has is removed and made again, which needs all of it. */
static int use_layers(void) {
        static const char *const directories[] = { "lower", "lower/d", "upper", "work", "all" };

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdir(directories[i], 0700) < 0)
                        return -errno;
        if (mknod("lower/d/file", S_IFREG | 0600, 0) < 0 ||
            mount("overlay", "all", "overlay", 0, "userxattr,index=off,lowerdir=lower,upperdir=upper,workdir=work") < 0)
                return -errno;
        if (unlink("all/d/file") < 0 || rmdir("all/d") < 0 || mkdir("all/d", 0700) < 0)
                return -errno;
        if (access("all/d/file", F_OK) == 0)
                return -EOPNOTSUPP;
        /* What it leaves there for the next mount is to be removed. */
        return umount2("all", 0) < 0 || chmod("work/work", 0700) < 0 ? -errno : 0;
}

/* The data directory, or where it will be made. */
static char *data_directory(void) {
        _cleanup_free_ char *path = NULL;

        if (path_data_directory(&path) < 0)
                return NULL;
        while (access(path, F_OK) < 0 && strrchr(path, '/') > path)
                *strrchr(path, '/') = '\0';
        return steal_pointer(&path);
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *walk _unused_) {
        (void)remove(path);
        return 0;
}

/* Returns 0 or negative errno. Leaves nothing. */
static int try_layers(const char *data) {
        _cleanup_free_ char *probe = NULL;
        int r;

        if (asprintf(&probe, "%s/.doctor-XXXXXX", data) < 0)
                return -ENOMEM;
        if (!mkdtemp(probe))
                return -errno;
        r = try_in_child(CLONE_NEWUSER | CLONE_NEWNS, probe, use_layers);
        (void)nftw(probe, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return r;
}

#define WITHOUT_LAYERS "Without it there are no snapshots, and clones copy all files."

static Finding explain_layers(Report *report, const char *data, int r) {
        snprintf(report->text, sizeof(report->text), "Layers do not work in %s: %s", data, strerror(-r));
        if (r == -ENODEV)
                snprintf(report->remedy, sizeof(report->remedy),
                         "The kernel has no overlayfs; load it: sudo modprobe overlay (and in /etc/modules-load.d). %s",
                         WITHOUT_LAYERS);
        else if (r == -EPERM || r == -ENOSPC)
                snprintf(report->remedy, sizeof(report->remedy),
                         "overlayfs in user namespaces needs them (see user-namespaces) and Linux 5.11 or newer. %s",
                         WITHOUT_LAYERS);
        else
                snprintf(report->remedy, sizeof(report->remedy),
                         "Keep distributions on a file system that can carry them, such as ext4, xfs or btrfs "
                         "(LXSS_DATA_DIR, or a mount there). %s",
                         WITHOUT_LAYERS);
        return FINDING_WARN;
}

/* Root's layers are mounts with ids of their own, which overlayfs takes later than layers as such. */
static bool kernel_is_too_old_for_root(void) {
        unsigned major, minor;
        struct utsname name;

        return geteuid() == 0 && uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
               (major < 5 || (major == 5 && minor < 19));
}

static Finding check_layers(Report *report) {
        _cleanup_free_ char *data = data_directory();
        int r = data ? try_layers(data) : -ENOENT;

        if (r == 0 && kernel_is_too_old_for_root())
                return report_bad(report, FINDING_WARN, "Root's layers need Linux 5.19 or newer.",
                                  "Install a newer kernel. " WITHOUT_LAYERS);
        if (r == 0)
                return report_good(report, "Layers work (overlayfs in a user namespace): snapshots, and clones at once");
        return explain_layers(report, data ? data : "the data directory", r);
}

static void fclosep(FILE **f) {
        if (*f)
                (void)fclose(*f);
}

/* The caller's own group, as in "0::/user.slice/…". */
static int own_cgroup(char *buffer, size_t size) {
        char line[4096];
        _cleanup_(fclosep) FILE *f = fopen("/proc/self/cgroup", "re");

        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        return snprintf(buffer, size, "/sys/fs/cgroup%s", line + 3) < (int)size ? 0 : -ENAMETOOLONG;
                }
        return -ENOENT;
}

static Finding check_cgroup(Report *report) {
        char path[4096 + 32];
        struct statfs fs;

        if (statfs("/sys/fs/cgroup", &fs) < 0 || fs.f_type != CGROUP2_MAGIC)
                return report_bad(report, FINDING_INFO, "Control groups version 2 are not mounted at /sys/fs/cgroup.",
                                  "Limits such as memory= cannot be set for instances.");
        if (own_cgroup(path, sizeof(path)) < 0 || access(path, W_OK) < 0)
                return report_bad(report, FINDING_INFO, "Control groups are not delegated to you.",
                                  "Limits such as memory= work where lxssd runs under your systemd user manager.");
        return report_good(report, "Control groups are delegated");
}

const Check kernel_checks[] = {
        { "kernel",          check_kernel },
        { "user-namespaces", check_user_namespaces },
        { "proc",            check_proc },
        { "cgroup",          check_cgroup },
        { "layers",          check_layers },
        { 0 },
};
