/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The distribution's user database, read as files: /init is static and must
 * neither load the distribution's NSS modules nor trust what its root wrote.
 * Odd lines are skipped, sizes are bounded, nothing but regular files is read. */

#include "init/account.h"

#include <stdio.h>

/* A passwd of 65,536 users with long names fits several times. */
#define DATABASE_MAX (32u << 20)

Account *account_free(Account *account) {
        if (!account)
                return NULL;
        free(account->name);
        free(account->home);
        free(account->shell);
        free(account->groups);
        free(account);
        return NULL;
}

/* Ids are strict decimal below the "no id" of chown(2): "1" is not "01", and "-1" is no number. */
static int parse_id(const char *s, uid_t *ret) {
        uint64_t id = 0;

        if (!*s || (s[0] == '0' && s[1]))
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                id = id * 10 + (*s - '0');
                if (id >= UINT32_MAX)
                        return -ERANGE;
        }
        *ret = id;
        return 0;
}

/* Cuts a line into exactly n fields at its colons. */
static bool split_fields(char *line, char **fields, size_t n) {
        for (size_t i = 0; i < n; i++) {
                fields[i] = strsep(&line, ":");
                if (!fields[i])
                        return false;
        }
        return line == NULL;
}

static int account_from_fields(const char *const *fields, uid_t uid, gid_t gid, Account **ret) {
        _cleanup_account_ Account *account = calloc(1, sizeof(*account));

        if (!account)
                return -ENOMEM;
        account->uid = uid;
        account->gid = gid;
        account->name = strdup(fields[0]);
        account->home = strdup(fields[5][0] == '/' ? fields[5] : "/");
        account->shell = strdup(fields[6][0] == '/' ? fields[6] : "/bin/sh");
        if (!account->name || !account->home || !account->shell)
                return -ENOMEM;
        *ret = steal_pointer(&account);
        return 0;
}

static int find_in_passwd(char *passwd, const char *user, Account **ret) {
        bool numeric;
        uid_t wanted = 0;

        numeric = parse_id(user, &wanted) == 0;
        for (char *line; (line = strsep(&passwd, "\n"));) {
                char *fields[7];
                uid_t uid;
                gid_t gid;

                if (!split_fields(line, fields, 7) || !*fields[0])
                        continue;
                if (parse_id(fields[2], &uid) < 0 || parse_id(fields[3], &gid) < 0)
                        continue;
                if (streq(fields[0], user) || (numeric && uid == wanted))
                        return account_from_fields((const char *const *)fields, uid, gid, ret);
        }
        return -ENOENT;
}

static int add_group(Account *account, gid_t gid) {
        gid_t *grown;

        for (size_t i = 0; i < account->n_groups; i++)
                if (account->groups[i] == gid)
                        return 0;
        grown = reallocarray(account->groups, account->n_groups + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        grown[account->n_groups++] = gid;
        account->groups = grown;
        return 0;
}

static bool is_member(char *members, const char *user) {
        for (char *member; (member = strsep(&members, ","));)
                if (streq(member, user))
                        return true;
        return false;
}

static int add_groups_of_user(Account *account, char *groups) {
        int r;

        r = add_group(account, account->gid);
        for (char *line; r == 0 && (line = strsep(&groups, "\n"));) {
                char *fields[4];
                gid_t gid;

                if (!split_fields(line, fields, 4) || parse_id(fields[2], &gid) < 0)
                        continue;
                if (is_member(fields[3], account->name))
                        r = add_group(account, gid);
        }
        return r;
}

int account_lookup(const char *user, Account **ret) {
        _cleanup_account_ Account *account = NULL;
        _cleanup_free_ char *passwd = NULL, *group = NULL;
        int r;

        r = read_regular_file(AT_FDCWD, "/etc/passwd", DATABASE_MAX, &passwd, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        r = passwd ? find_in_passwd(passwd, user, &account) : -ENOENT;
        if (r == -ENOENT && (streq(user, "root") || streq(user, "0"))) {
                static const char *const root[] = { "root", "", "", "", "", "/root", "/bin/sh" };

                r = account_from_fields(root, 0, 0, &account);
        }
        if (r < 0)
                return r;

        r = read_regular_file(AT_FDCWD, "/etc/group", DATABASE_MAX, &group, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        r = add_groups_of_user(account, group);
        if (r < 0)
                return r;
        *ret = steal_pointer(&account);
        return 0;
}
