/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host has in store: subordinate ids, the tools that map them, our own
 * programs and directories, buses. */

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "client/doctor.h"
#include "client/text.h"
#include "shared/paths.h"

#define SUBIDS_WANTED 65536

static const char *user_name(void) {
        const struct passwd *pw = getpwuid(geteuid());

        return pw ? pw->pw_name : NULL;
}

static void fclosep(FILE **f) {
        if (*f)
                (void)fclose(*f);
}

/* NAME-OR-UID:START:COUNT. Returns the count where the line is ours, 0 otherwise. */
static uint64_t subid_line_count(char *line) {
        const char *name = user_name();
        char *owner = strsep(&line, ":"), uid[16];
        uint64_t count = 0;

        snprintf(uid, sizeof(uid), "%u", geteuid());
        if (!line || !(streq(owner, uid) || (name && streq(owner, name))))
                return 0;
        (void)strsep(&line, ":");
        if (!line)
                return 0;
        line[strcspn(line, "\n")] = '\0';
        return text_parse_u64(line, &count) < 0 ? 0 : count;
}

static uint64_t largest_in_file(const char *path) {
        _cleanup_(fclosep) FILE *f = fopen(path, "re");
        uint64_t largest = 0;
        char line[256];

        while (f && fgets(line, sizeof(line), f)) {
                uint64_t count = subid_line_count(line);

                if (count > largest)
                        largest = count;
        }
        return largest;
}

static const char *find_program(const char *name) {
        static const char *const directories[] = { "/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin" };
        static char path[128];

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                snprintf(path, sizeof(path), "%s/%s", directories[i], name);
                if (access(path, X_OK) == 0)
                        return path;
        }
        return NULL;
}

/* getsubids(1) asks other sources than the files (nsswitch.conf): "0: NAME START COUNT" lines. */
static uint64_t largest_by_getsubids(bool groups) {
        const char *program = find_program("getsubids"), *name = user_name();
        char command[256], line[256];
        uint64_t largest = 0;
        FILE *f;

        /* The name goes through a shell: only where it can mean nothing there. */
        if (!program || !name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != strlen(name))
                return 0;
        snprintf(command, sizeof(command), "%s %s %s 2>/dev/null", program, groups ? "-g" : "", name);
        f = popen(command, "re");
        while (f && fgets(line, sizeof(line), f)) {
                const char *last = strrchr(line, ' ');
                unsigned long long count = last ? strtoull(last, NULL, 10) : 0;

                if (count > largest)
                        largest = count;
        }
        if (f)
                (void)pclose(f);
        return largest;
}

static Finding check_subids_of(Report *report, const char *file, const char *option, bool groups) {
        const char *name = user_name();
        uint64_t count;

        if (geteuid() == 0)
                return report_good(report, "root needs no entry in %s", file);
        count = largest_in_file(file);
        if (count < SUBIDS_WANTED)
                count = largest_by_getsubids(groups);
        if (count >= SUBIDS_WANTED)
                return report_good(report, "%s gives you %llu ids", file, (unsigned long long)count);
        snprintf(report->text, sizeof(report->text), "%s gives you no range of %d ids.", file, SUBIDS_WANTED);
        snprintf(report->remedy, sizeof(report->remedy),
                 "Add one: sudo usermod %s 100000-165535 %s (choose numbers that nobody else has). Without it "
                 "instances have one user only, and package managers may complain.", option, name ? name : "YOU");
        return FINDING_WARN;
}

static Finding check_subuid(Report *report) {
        return check_subids_of(report, "/etc/subuid", "--add-subuids", false);
}

static Finding check_subgid(Report *report) {
        return check_subids_of(report, "/etc/subgid", "--add-subgids", true);
}

static Finding check_map_tool(Report *report, const char *name) {
        const char *path = find_program(name);
        struct stat st;

        if (geteuid() == 0)
                return report_good(report, "root needs no %s", name);
        if (!path)
                return report_bad(report, FINDING_WARN, "It is not installed.",
                                  "Install it (Debian: apt install uidmap). Without it instances have one user only.");
        if (stat(path, &st) == 0 && (((st.st_mode & S_ISUID) && st.st_uid == 0) ||
                                     getxattr(path, "security.capability", NULL, 0) > 0))
                return report_good(report, "%s is there and has the privilege", path);
        return report_bad(report, FINDING_WARN, "It is neither setuid nor has it a file capability.",
                          "Reinstall it (Debian: apt install --reinstall uidmap).");
}

static Finding check_newuidmap(Report *report) {
        return check_map_tool(report, "newuidmap");
}

static Finding check_newgidmap(Report *report) {
        return check_map_tool(report, "newgidmap");
}

static Finding check_mmdebstrap(Report *report) {
        if (find_program("mmdebstrap"))
                return report_good(report, "mmdebstrap is there");
        return report_bad(report, FINDING_INFO, "mmdebstrap is not installed.",
                          "Needed for lxctl install bootstrap:SUITE only (Debian: apt install mmdebstrap).");
}

static Finding check_pasta(Report *report) {
        if (!find_program("pasta"))
                return report_bad(report, FINDING_INFO, "pasta is not installed.",
                                  "Needed for network=private only (Debian: apt install passt).");
        if (access("/dev/net/tun", R_OK | W_OK) < 0)
                return report_bad(report, FINDING_INFO, "pasta is there, and /dev/net/tun cannot be opened.",
                                  "Needed for network=private only. As root: modprobe tun; chmod 0666 /dev/net/tun.");
        return report_good(report, "pasta is there, and /dev/net/tun is open to it");
}

static Finding check_manager(Report *report) {
        _cleanup_free_ char *path = NULL;

        if (path_libexec("lxssd", &path) < 0)
                return report_bad(report, FINDING_FAIL, "Out of memory.", "");
        if (access(path, X_OK) == 0)
                return report_good(report, "%s is there", path);
        snprintf(report->text, sizeof(report->text), "%s cannot be executed: %s", path, strerror(errno));
        snprintf(report->remedy, sizeof(report->remedy), "Install LXSS again (make install).");
        return FINDING_FAIL;
}

static Finding check_runtime_directory(Report *report) {
        _cleanup_free_ char *path = NULL, *socket = NULL;
        struct stat st;

        if (path_runtime_directory(&path) < 0)
                return report_bad(report, FINDING_FAIL, "There is no place for the runtime directory.",
                                  "Set HOME, or XDG_RUNTIME_DIR.");
        if (path_manager_socket(&socket) < 0)
                return report_bad(report, FINDING_FAIL, "The runtime directory's path is too long for a socket.",
                                  "Set LXSS_RUNTIME_DIR to a shorter one.");
        if (lstat(path, &st) < 0)
                return errno == ENOENT ? report_good(report, "%s will be made when it is needed", path) :
                                         report_bad(report, FINDING_FAIL, "The runtime directory cannot be looked at.",
                                                    "Check the rights of the directories above it.");
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022)) {
                snprintf(report->text, sizeof(report->text), "%s is not a directory that only you can write to.", path);
                snprintf(report->remedy, sizeof(report->remedy), "Remove it: lxctl makes a new one.");
                return FINDING_FAIL;
        }
        return report_good(report, "%s is yours", path);
}

static Finding check_xdg_runtime_dir(Report *report) {
        const char *path = getenv("XDG_RUNTIME_DIR");

        if (geteuid() == 0)
                return report_good(report, "root uses /run");
        if (!str_empty(path))
                return report_good(report, "XDG_RUNTIME_DIR is %s", path);
        return report_bad(report, FINDING_INFO, "XDG_RUNTIME_DIR is not set; the data directory is used instead.",
                          "A login through systemd or PAM sets it.");
}

/* Where the bus' socket is, by the rules of sd_bus_default(3). NULL where its address is no path. */
static char *bus_socket(bool system) {
        const char *address = getenv(system ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS");
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char *path = NULL;

        if (!str_empty(address))
                return strncmp(address, "unix:path=", 10) == 0 ? strndup(address + 10, strcspn(address + 10, ",;")) :
                                                                 NULL;
        if (system)
                return strdup("/run/dbus/system_bus_socket");
        if (str_empty(runtime) || asprintf(&path, "%s/bus", runtime) < 0)
                return strdup("");
        return path;
}

static bool somebody_listens(const char *path) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
                return false;
        strcpy(address.sun_path, path);
        return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static Finding check_bus(Report *report) {
        bool system = geteuid() == 0;
        _cleanup_free_ char *path = bus_socket(system);

        if (!path || somebody_listens(path))
                return report_good(report, "The %s bus is there", system ? "system" : "session");
        return report_bad(report, FINDING_INFO, "There is no D-Bus bus; lxctl does not need one.",
                          "Other programs, such as busctl, cannot reach lxssd.");
}

const Check host_checks[] = {
        { "subuid",            check_subuid },
        { "subgid",            check_subgid },
        { "newuidmap",         check_newuidmap },
        { "newgidmap",         check_newgidmap },
        { "lxssd",             check_manager },
        { "xdg-runtime-dir",   check_xdg_runtime_dir },
        { "runtime-directory", check_runtime_directory },
        { "bus",               check_bus },
        { "mmdebstrap",        check_mmdebstrap },
        { "pasta",             check_pasta },
        { 0 },
};
