/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/base-ids.h. Name services and setuid tools may take their time; this
 * runs in a program of its own, so that lxssd does not wait. */

#include "daemon/base-ids.h"

#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "shared/syscalls.h"
#include "shared/util.h"

#define SUBIDS_MAX (4u << 20)
#define OUTPUT_MAX (64u << 10)
/* newuidmap, a pid, three words for each range, NULL. */
#define MAPPER_WORDS (2 + 3 * ID_MAP_MAX + 1)

/* Runs a program to its end. Returns what it wrote, malloc'ed, or NULL. */
static char *run_for_output(const char *const *argv) {
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        posix_spawn_file_actions_t actions;
        char *output = NULL;
        int pair[2], r;
        ssize_t n;
        pid_t pid;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return NULL;
        read_end = pair[0];
        write_end = pair[1];
        if (posix_spawn_file_actions_init(&actions) != 0)
                return NULL;
        (void)posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        closep(&write_end);
        if (r != 0)
                return NULL;
        output = malloc(OUTPUT_MAX);
        n = output ? read_up_to(read_end, output, OUTPUT_MAX - 1) : -ENOMEM;
        closep(&read_end);
        (void)waitpid(pid, NULL, 0);
        if (n < 0) {
                free(output);
                return NULL;
        }
        output[n] = '\0';
        return output;
}

/* getsubids(1) knows ranges that come from NSS (LDAP, sssd). Its lines, "0: alice
 * 100000 65536", become such as are in the files. */
static size_t ranges_from_nss(const char *option, const char *user, uint32_t own_id, IdRange *ret) {
        const char *argv[] = { "getsubids", user, option, NULL };
        _cleanup_free_ char *output = run_for_output(argv);
        IdRange *next = ret;
        char *rest = output;

        for (char *line; (line = strsep(&rest, "\n")) && next < ret + ID_MAP_MAX - 2;) {
                char text[256 + 32];
                unsigned start, count;

                if (sscanf(line, "%*u: %*s %u %u", &start, &count) != 2)
                        continue;
                snprintf(text, sizeof(text), "%s:%u:%u", user, start, count);
                next += id_map_parse_subids(text, user, getuid(), own_id, next, 1);
        }
        return next - ret;
}

static size_t find_ranges(const char *path, const char *nss_option, const char *user, uint32_t own_id, IdRange *ret) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        if (read_regular_file(AT_FDCWD, path, SUBIDS_MAX, &text, NULL) >= 0)
                n = id_map_parse_subids(text, user, getuid(), own_id, ret, ID_MAP_MAX - 2);
        return n == 0 && *user ? ranges_from_nss(nss_option, user, own_id, ret) : n;
}

bool base_find_subids(IdMap *ret_uids, IdMap *ret_gids) {
        const struct passwd *pw = getpwuid(getuid());
        IdRange ranges[ID_MAP_MAX];
        char user[256];
        IdMap uids;
        size_t n;

        snprintf(user, sizeof(user), "%s", pw ? pw->pw_name : "");
        n = find_ranges("/etc/subuid", "-u", user, getuid(), ranges);
        if (id_map_compose(ranges, n, getuid(), &uids) < 0)
                return false;
        n = find_ranges("/etc/subgid", "-g", user, getgid(), ranges);
        if (id_map_compose(ranges, n, getgid(), ret_gids) < 0)
                return false;
        *ret_uids = uids;
        return true;
}

/* Starts newuidmap or newgidmap. Returns its pid, or negative errno. */
static pid_t spawn_mapper(const char *tool, pid_t target, const IdMap *map) {
        char numbers[MAPPER_WORDS][12], *argv[MAPPER_WORDS];
        size_t n = 0;
        pid_t pid;
        int r;

        argv[n++] = (char *)tool;
        snprintf(numbers[n], sizeof(numbers[n]), "%d", (int)target);
        argv[n] = numbers[n];
        n++;
        for (size_t i = 0; i < map->n_ranges; i++) {
                const uint32_t words[] = { map->ranges[i].inside, map->ranges[i].outside, map->ranges[i].count };

                for (size_t j = 0; j < ELEMENTSOF(words); j++, n++) {
                        snprintf(numbers[n], sizeof(numbers[n]), "%u", words[j]);
                        argv[n] = numbers[n];
                }
        }
        argv[n] = NULL;
        r = posix_spawnp(&pid, tool, NULL, NULL, argv, environ);
        return r == 0 ? pid : -r;
}

/* 0 where it ended well. */
static int wait_for_mapper(pid_t pid, int watched) {
        _cleanup_close_ int pidfd = pid > 0 ? sys_pidfd_open(pid, 0) : -EBADF;
        struct pollfd polls[] = { { .fd = pidfd, .events = POLLIN }, { .fd = watched, .events = POLLRDHUP } };
        siginfo_t info = { 0 };
        bool abandoned;

        if (pid < 0)
                return pid;
        if (pidfd < 0)
                return -errno;
        while (poll(polls, ELEMENTSOF(polls), -1) < 0 && errno == EINTR)
                ;
        abandoned = polls[0].revents == 0;
        if (abandoned)
                (void)kill(pid, SIGKILL);
        if (waitid(P_PID, pid, &info, WEXITED) < 0)
                return -errno;
        if (abandoned)
                return -ECANCELED;
        return info.si_code == CLD_EXITED && info.si_status == 0 ? 0 : -EPERM;
}

int base_map_subids(pid_t target, const IdMap *uids, const IdMap *gids, int watched) {
        pid_t uid_mapper = spawn_mapper("newuidmap", target, uids);
        pid_t gid_mapper = spawn_mapper("newgidmap", target, gids);
        int r = wait_for_mapper(uid_mapper, watched), s = wait_for_mapper(gid_mapper, watched);

        return r < 0 ? r : s;
}

static int write_proc(pid_t pid, const char *name, const char *text) {
        _cleanup_close_ int fd = -EBADF;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

int base_map_single(pid_t target, IdMap *ret_uids, IdMap *ret_gids) {
        const IdMap uids = id_map_single(0, getuid(), 1), gids = id_map_single(0, getgid(), 1);
        _cleanup_free_ char *uid_text = id_map_to_text(&uids), *gid_text = id_map_to_text(&gids);
        int r;

        if (!uid_text || !gid_text)
                return -ENOMEM;
        if ((r = write_proc(target, "setgroups", "deny")) < 0 || (r = write_proc(target, "uid_map", uid_text)) < 0 ||
            (r = write_proc(target, "gid_map", gid_text)) < 0)
                return r;
        *ret_uids = uids;
        *ret_gids = gids;
        return 0;
}
