/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the default user: who it is, and what the user database and sudo say
 * about it. It must not use NSS nor the distribution's own useradd: the first
 * would load a foreign library into a privileged process, the second is a
 * foreign program. The files are edited as text, line by line, and lines that
 * it does not understand stay as they are. */

#include "daemon/worker-user.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

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

/* The text of field `number` (from 0) of the line at `line`. */
static const char *line_field(const char *line, unsigned number, size_t *ret_size) {
        while (number > 0) {
                line += strcspn(line, ":\n");
                if (*line != ':')
                        return NULL;
                line++;
                number--;
        }
        *ret_size = strcspn(line, ":\n");
        return line;
}

static const char *next_line(const char *line) {
        line += strcspn(line, "\n");
        return *line ? line + 1 : line;
}

static bool field_equals(const char *line, unsigned number, const char *value) {
        size_t size;
        const char *field = line_field(line, number, &size);

        return field && size == strlen(value) && memcmp(field, value, size) == 0;
}

bool worker_table_has_name(const char *table, const char *name) {
        for (const char *line = table; *line; line = next_line(line))
                if (field_equals(line, 0, name))
                        return true;
        return false;
}

int worker_table_find_id(const char *table, unsigned id, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        char number[16];

        (void)snprintf(number, sizeof(number), "%u", id);
        for (const char *line = table; *line; line = next_line(line)) {
                char name[WORKER_USER_NAME_MAX + 1];
                size_t size;

                if (!field_equals(line, 2, number))
                        continue;
                (void)line_field(line, 0, &size);
                if (size >= sizeof(name))
                        continue;
                (void)snprintf(name, sizeof(name), "%.*s", (int)size, line);
                if (!worker_user_name_is_valid(name) || streq(name, "root"))
                        continue;
                strcpy(ret_name, name);
                return 0;
        }
        return -ENOENT;
}

static bool id_is_used(const char *table, unsigned id) {
        char number[16];

        (void)snprintf(number, sizeof(number), "%u", id);
        for (const char *line = table; *line; line = next_line(line))
                if (field_equals(line, 2, number))
                        return true;
        return false;
}

/* A table of 1 MiB cannot hold all 64,000 ids with names, so this ends. */
unsigned worker_table_free_id(const char *table, unsigned first) {
        while (id_is_used(table, first))
                first++;
        return first;
}

char *worker_table_append(const char *table, const char *line) {
        size_t size = strlen(table);
        char *text;

        return asprintf(&text, "%s%s%s\n", table, size > 0 && table[size - 1] != '\n' ? "\n" : "", line) < 0 ? NULL
                                                                                                         : text;
}

static bool has_member(const char *members, size_t size, const char *user) {
        size_t n = strlen(user);

        while (size > 0) {
                const char *comma = memchr(members, ',', size);
                size_t length = comma ? (size_t)(comma - members) : size;

                if (length == n && memcmp(members, user, n) == 0)
                        return true;
                if (!comma)
                        break;
                size -= length + 1;
                members = comma + 1;
        }
        return false;
}

static bool line_gains_member(const char *line, const char *const *groups, const char *user) {
        size_t size;
        const char *members = line_field(line, 3, &size);

        if (!members || members[size] == ':' || has_member(members, size, user))
                return false;
        for (; *groups; groups++)
                if (field_equals(line, 0, *groups))
                        return true;
        return false;
}

char *worker_table_join_groups(const char *table, const char *const *groups, const char *user) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        if (!stream)
                return NULL;
        for (const char *line = table; *line; line = next_line(line)) {
                size_t length = strcspn(line, "\n");

                (void)fwrite(line, 1, length, stream);
                if (line_gains_member(line, groups, user))
                        (void)fprintf(stream, "%s%s", line[length - 1] == ':' ? "" : ",", user);
                if (line[length] == '\n')
                        (void)fputc('\n', stream);
        }
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
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
        return worker_table_has_name(database->passwd.text, name) ||
               (database->group.text && worker_table_has_name(database->group.text, name));
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
        return etc_file_store(database->etc, file, worker_table_append(file->text, line), database->reterr);
}

static int join_groups(Database *database, EtcFile *file, const char *name) {
        if (!file->text)
                return 0;
        return etc_file_store(database->etc, file, worker_table_join_groups(file->text, supplementary_groups, name),
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
        r = worker_home_make(name, WORKER_DEFAULT_UID, gid, database->reterr);
        if (r < 0)
                return r;
        (void)snprintf(line, sizeof(line), "%s:%s:%d:%u::/home/%s:%s", name, database->shadow.text ? "x" : "!",
                       WORKER_DEFAULT_UID, gid, name, shell);
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
                if (worker_table_find_id(database.passwd.text, WORKER_DEFAULT_UID, name) < 0) {
                        choose_name(&database, wanted, name);
                        r = add_user(&database, name,
                                     worker_table_free_id(database.group.text ?: "", WORKER_DEFAULT_UID));
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
        return worker_table_find_id(database.passwd.text, uid, ret_name);
}
