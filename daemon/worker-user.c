/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the default user: who it is, and what the user database and sudo say
 * about it. It must not use NSS nor the distribution's own useradd: the first
 * would load a foreign library into a privileged process, the second is a
 * foreign program. The files are edited as text, line by line, and lines that
 * it does not understand stay as they are. */

#include "daemon/worker-user.h"

#include <stdio.h>
#include <time.h>

#include "daemon/user-table.h"
#include "daemon/worker-etc.h"
#include "daemon/worker-home.h"

/* sudo's group is called "wheel" where it is not called "sudo"; the others give
 * access to devices of the desk in front of the user, as the first user of a
 * Debian has it. */
static const char *const supplementary_groups[] = { "sudo", "wheel", "audio", "video", "plugdev", NULL };

/* The user database, as far as it is there. */
typedef struct Database {
        int etc;
        EtcFile passwd, group, shadow, gshadow;
        WorkerReport *reterr;
} Database;

static void database_done(Database *database) {
        etc_file_done(&database->passwd);
        etc_file_done(&database->group);
        etc_file_done(&database->shadow);
        etc_file_done(&database->gshadow);
        closep(&database->etc);
}

void worker_user_sanitize(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        size_t used = 0;
        bool any = false;

        for (const char *p = wanted; *p && used < WORKER_USER_NAME_MAX; p++) {
                char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
                bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

                /* The rest of a UTF-8 character whose start has given a "_". */
                if (((unsigned char)*p & 0xc0) == 0x80)
                        continue;
                if (!letter && !digit && c != '-')
                        c = '_';
                if (used == 0 && !letter)
                        c = '_';
                any |= letter || digit;
                ret_name[used++] = c;
        }
        ret_name[used] = '\0';
        if (!any)
                strcpy(ret_name, "user");
}

static int database_load(Database *database) {
        WorkerReport *reterr = database->reterr;
        int r;

        database->etc = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (database->etc < 0)
                return worker_report_fail(reterr, LXSS_ERROR_NOT_A_DISTRIBUTION, "/etc cannot be opened: %s.",
                                          strerror(errno));
        r = etc_file_load(database->etc, "passwd", &database->passwd, reterr);
        if (r == 0)
                r = etc_file_load(database->etc, "group", &database->group, reterr);
        if (r == 0)
                r = etc_file_load(database->etc, "shadow", &database->shadow, reterr);
        if (r == 0)
                r = etc_file_load(database->etc, "gshadow", &database->gshadow, reterr);
        return r;
}

static bool name_is_taken(const Database *database, const char *name) {
        return user_table_has_name(database->passwd.text, name) ||
               (database->group.text && user_table_has_name(database->group.text, name));
}

/* A group of that name counts too: the new user gets one of its own. */
static void choose_name(const Database *database, const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        worker_user_sanitize(wanted, ret_name);
        if (!name_is_taken(database, ret_name))
                return;
        strcpy(ret_name, "user");
        for (unsigned i = 1; name_is_taken(database, ret_name); i++)
                (void)snprintf(ret_name, WORKER_USER_NAME_MAX + 1, "user%u", i);
}

static int append_line(Database *database, EtcFile *file, const char *line) {
        if (!file->text)
                return 0;
        return etc_file_store(database->etc, file, user_table_append(file->text, line), database->reterr);
}

static int join_groups(Database *database, EtcFile *file, const char *name) {
        if (!file->text)
                return 0;
        return etc_file_store(database->etc, file, user_table_join_groups(file->text, supplementary_groups, name),
                              database->reterr);
}

static int add_group(Database *database, const char *name, gid_t gid) {
        char line[128];
        int r;

        if (!database->group.text) {
                database->group.text = strdup("root:x:0:\n");
                if (!database->group.text)
                        return worker_report_fail(database->reterr, LXSS_ERROR_FAILED, "Out of memory.");
        }
        (void)snprintf(line, sizeof(line), "%s:x:%u:", name, gid);
        r = append_line(database, &database->group, line);
        if (r < 0)
                return r;
        (void)snprintf(line, sizeof(line), "%s:!::", name);
        r = append_line(database, &database->gshadow, line);
        if (r == 0)
                r = join_groups(database, &database->group, name);
        return r < 0 ? r : join_groups(database, &database->gshadow, name);
}

/* No password: "!" matches none. passwd comes last, so that an entry there means all is there. */
static int add_user(Database *database, const char *name, gid_t gid) {
        const char *shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
        char line[256];
        int r;

        r = add_group(database, name, gid);
        if (r < 0)
                return r;
        (void)snprintf(line, sizeof(line), "%s:!:%lld:0:99999:7:::", name, (long long)time(NULL) / 86400);
        r = append_line(database, &database->shadow, line);
        if (r < 0)
                return r;
        r = worker_home_make(name, USER_DEFAULT_UID, gid, database->reterr);
        if (r < 0)
                return r;
        (void)snprintf(line, sizeof(line), "%s:%s:%d:%u::/home/%s:%s", name, database->shadow.text ? "x" : "!",
                       USER_DEFAULT_UID, gid, name, shell);
        return append_line(database, &database->passwd, line);
}

static int permit_sudo(Database *database, const char *name) {
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *text = NULL;

        if (access("/usr/bin/sudo", X_OK) < 0)
                return 0;
        directory = openat(database->etc, "sudoers.d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (directory < 0)
                return 0;
        if (asprintf(&text,
                     "# Written by lxss when this distribution was installed. Nobody has a password here,\n"
                     "# and %s is the user whose distribution it is, who may launch programs as root anyway.\n"
                     "%s ALL=(ALL:ALL) NOPASSWD: ALL\n",
                     name, name) < 0)
                return worker_report_fail(database->reterr, LXSS_ERROR_FAILED, "Out of memory.");
        return etc_file_write(directory, "lxss", 0440, text, database->reterr);
}

int worker_user_configure(const char *wanted, char ret_name[WORKER_USER_NAME_MAX + 1], WorkerReport *reterr) {
        _cleanup_(database_done) Database database = { .etc = -EBADF, .reterr = reterr };
        char name[WORKER_USER_NAME_MAX + 1] = "root";
        int r;

        r = database_load(&database);
        if (r < 0)
                return r;
        if (database.passwd.text) {
                if (user_table_find_id(database.passwd.text, USER_DEFAULT_UID, name) < 0) {
                        choose_name(&database, wanted, name);
                        r = add_user(&database, name,
                                     user_table_free_id(database.group.text ?: "", USER_DEFAULT_UID));
                }
                if (r == 0)
                        r = permit_sudo(&database, name);
                if (r < 0)
                        return r;
        }
        strcpy(ret_name, name);
        return 0;
}

int worker_user_find(unsigned uid, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        _cleanup_(database_done) Database database = { .etc = -EBADF, .reterr = &(WorkerReport){ 0 } };

        if (uid == 0) {
                strcpy(ret_name, "root");
                return 0;
        }
        if (database_load(&database) < 0 || !database.passwd.text)
                return -ENOENT;
        return user_table_find_id(database.passwd.text, uid, ret_name);
}
