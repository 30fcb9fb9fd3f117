/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The texts of passwd(5) and its relatives, line by line. They are foreign: what
 * makes no sense is passed over. No I/O, so that lxssd, too, may look into one. */

#include "daemon/user-table.h"

#include <stdio.h>

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

bool user_table_has_name(const char *table, const char *name) {
        for (const char *line = table; *line; line = next_line(line))
                if (field_equals(line, 0, name))
                        return true;
        return false;
}

int user_table_find_id(const char *table, unsigned id, char ret_name[WORKER_USER_NAME_MAX + 1]) {
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
unsigned user_table_free_id(const char *table, unsigned first) {
        while (id_is_used(table, first))
                first++;
        return first;
}

char *user_table_append(const char *table, const char *line) {
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

char *user_table_join_groups(const char *table, const char *const *groups, const char *user) {
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
