/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* D-Bus values → C values, with ownership settled. */

#include "daemon/bus-options.h"

#include <glib.h>

#include "daemon/error.h"
#include "daemon/text.h"
#include "shared/transfer-variables.h"
#include "shared/util.h"

int read_bytes(sd_bus_message *m, char **ret) {
        const void *bytes;
        size_t n;
        char *copy;
        int r;

        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r < 0)
                return r;
        if (n > 0 && memchr(bytes, 0, n))
                return -EINVAL;
        copy = malloc(n + 1);
        if (!copy)
                return -ENOMEM;
        if (n > 0)
                memcpy(copy, bytes, n);
        copy[n] = '\0';
        *ret = copy;
        return 0;
}

int read_bytes_array(sd_bus_message *m, char ***ret) {
        g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(free);
        int r;

        r = sd_bus_message_enter_container(m, 'a', "ay");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                char *s;

                r = read_bytes(m, &s);
                if (r < 0)
                        return r;
                g_ptr_array_add(strings, s);
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        g_ptr_array_add(strings, NULL);
        *ret = (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
        return 0;
}

int option_string(sd_bus_message *m, void *ret) {
        const char *s;
        int r = sd_bus_message_read(m, "s", &s);

        if (r < 0)
                return r;
        free(*(char **)ret);
        *(char **)ret = strdup(s);
        return *(char **)ret ? 0 : -ENOMEM;
}

static int option_strings(sd_bus_message *m, void *ret) {
        char **strings;
        int r = sd_bus_message_read_strv(m, &strings);

        if (r < 0)
                return r;
        strv_free(*(char ***)ret);
        /* NULL says that the option was not there. */
        *(char ***)ret = strings ?: calloc(1, sizeof(*strings));
        return *(char ***)ret ? 0 : -ENOMEM;
}

int option_transfer_variables(sd_bus_message *m, void *ret) {
        int r = option_strings(m, ret);

        for (char **s = r < 0 ? NULL : *(char ***)ret; s && *s; s++)
                if (!transfer_variable_is_known(*s))
                        return -EINVAL;
        return r;
}

int option_bytes(sd_bus_message *m, void *ret) {
        char *s;
        int r = read_bytes(m, &s);

        if (r < 0)
                return r;
        free(*(char **)ret);
        *(char **)ret = s;
        return 0;
}

int option_bool(sd_bus_message *m, void *ret) {
        int value, r = sd_bus_message_read(m, "b", &value);

        if (r >= 0)
                *(bool *)ret = value;
        return r;
}

int option_not_bool(sd_bus_message *m, void *ret) {
        int r = option_bool(m, ret);

        if (r >= 0)
                *(bool *)ret = !*(bool *)ret;
        return r;
}

int option_u64(sd_bus_message *m, void *ret) {
        return sd_bus_message_read(m, "t", ret);
}

int option_fd(sd_bus_message *m, void *ret) {
        int fd, r = sd_bus_message_read(m, "h", &fd);

        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        closep(ret);
        *(int *)ret = fd;
        return 0;
}

int option_fd_mask(sd_bus_message *m, void *ret) {
        const uint32_t *numbers;
        uint32_t mask = 0;
        size_t size;
        int r = sd_bus_message_read_array(m, 'u', (const void **)&numbers, &size);

        if (r < 0)
                return r;
        for (size_t i = 0; i < size / sizeof(*numbers); i++) {
                if (numbers[i] >= 32)
                        return -ERANGE;
                mask |= 1u << numbers[i];
        }
        *(uint32_t *)ret = mask;
        return 0;
}

int option_size(sd_bus_message *m, void *ret) {
        uint32_t rows, columns;
        int r = sd_bus_message_read(m, "(uu)", &rows, &columns);

        if (r < 0)
                return r;
        if (rows > UINT16_MAX || columns > UINT16_MAX)
                return -ERANGE;
        ((uint16_t *)ret)[0] = rows;
        ((uint16_t *)ret)[1] = columns;
        return 0;
}

static int read_value(sd_bus_message *m, const Option *option, void *target, sd_bus_error *reterr) {
        const char *signature;
        int r;

        r = sd_bus_message_peek_type(m, NULL, &signature);
        if (r < 0)
                return r;
        if (!streq(signature, option->signature))
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "Option \"%s\" is of type %s, not %s.",
                                 option->name, option->signature, signature);
        if ((r = sd_bus_message_enter_container(m, 'v', signature)) < 0)
                return r;
        r = option->read(m, (char *)target + option->offset);
        if (r < 0)
                return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "Option \"%s\" has a value that cannot be.",
                                 option->name);
        return sd_bus_message_exit_container(m);
}

static int read_option(sd_bus_message *m, const Option *options, size_t n, void *target, sd_bus_error *reterr) {
        g_autofree char *safe = NULL;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (streq(options[i].name, name))
                        return read_value(m, &options[i], target, reterr);
        safe = text_printable(name, 80);
        return error_set(reterr, LXSS_ERROR_INVALID_ARGUMENT, "There is no option \"%s\".", safe);
}

int options_read(sd_bus_message *m, const Option *options, size_t n, void *target, sd_bus_error *reterr) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_option(m, options, n, target, reterr);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}
