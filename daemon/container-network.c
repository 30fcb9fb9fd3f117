/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/container-network.h. The root file system is foreign, and only touched through daemon/mount.h. */

#include "daemon/container-network.h"

#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>

#include "daemon/container-stack.h"
#include "daemon/mount.h"
#include "shared/util.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* In /run, where /init has its own /etc/hosts, too. */
#define OWN_DIRECTORY "lxss"
#define OWN_RESOLV_CONF OWN_DIRECTORY "/resolv.conf"

/* The kernel grants it where nothing covers a part of the host's. */
int container_network_new_sys(void) {
        return mount_new("sysfs", NULL, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int container_network_enter(int network_fd, int *ret_sys) {
        if (setns(network_fd, CLONE_NEWNET) < 0)
                return -errno;
        *ret_sys = container_network_new_sys();
        return 0;
}

/* Read-only. A distribution may ship something that nothing can be mounted on; then its own counts. */
static void mount_file(int file, int root, const char *path) {
        _cleanup_close_ int tree = -EBADF;
        struct stat st;

        if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        tree = mount_clone(file, "", false);
        if (tree < 0 || mount_restrict(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, false) < 0)
                return;
        (void)mount_attach_at(tree, root, path + 1, false);
}

static void mount_host_file(int root, const char *path) {
        _cleanup_close_ int file = mount_open_on_host(path, O_PATH);

        mount_file(file, root, path);
}

static int mount_resolver(const char *text, int root) {
        _cleanup_close_ int run = mount_open_in_root(root, "run", O_PATH | O_DIRECTORY), file = -EBADF;
        int r;

        if (run < 0)
                return run;
        if (mkdirat(run, OWN_DIRECTORY, 0755) < 0)
                return -errno;
        file = openat(run, OWN_RESOLV_CONF, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (file < 0)
                return -errno;
        r = write_all(file, text, strlen(text));
        if (r < 0)
                return r;
        mount_file(file, root, RESOLV_CONF);
        return 0;
}

int container_network_mount_files(const ContainerSpec *spec, int root) {
        int r = 0;

        if (spec->resolver)
                r = mount_resolver(spec->resolver, root);
        else if (!spec->own_network)
                mount_host_file(root, RESOLV_CONF);
        mount_host_file(root, "/etc/hosts");
        return r;
}
