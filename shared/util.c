/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What shared/util.h declares and does not inline. Never logs; knows nothing of
 * this project. */

#include "shared/util.h"

#include <sys/stat.h>

int strv_consume(char ***v, char *s) {
        size_t n = strv_length(*v);
        char **grown;

        if (!s)
                return -ENOMEM;
        grown = reallocarray(*v, n + 2, sizeof(char *));
        if (!grown) {
                free(s);
                return -ENOMEM;
        }
        grown[n] = s;
        grown[n + 1] = NULL;
        *v = grown;
        return 0;
}

int strv_push_copy(char ***v, const char *s) {
        return strv_consume(v, strdup(s));
}

int strv_copy(char *const *v, char ***ret) {
        _cleanup_strv_free_ char **copy = calloc(strv_length(v) + 1, sizeof(char *));

        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; v && v[i]; i++) {
                copy[i] = strdup(v[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        *ret = steal_pointer(&copy);
        return 0;
}

int write_all(int fd, const void *buffer, size_t size) {
        const char *p = buffer;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                size -= n;
        }
        return 0;
}

ssize_t read_up_to(int fd, void *buffer, size_t size) {
        char *p = buffer;
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(fd, p + done, size - done);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                done += n;
        }
        return done;
}

static int read_open_file(int fd, size_t limit, char **ret, size_t *ret_size) {
        _cleanup_free_ char *buffer = NULL;
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if ((uint64_t)st.st_size > limit)
                return -EFBIG;

        buffer = malloc(limit < (size_t)st.st_size + 1 ? limit + 1 : (size_t)st.st_size + 1);
        if (!buffer)
                return -ENOMEM;
        n = read_up_to(fd, buffer, st.st_size);
        if (n < 0)
                return n;
        buffer[n] = '\0';
        if (ret_size)
                *ret_size = n;
        *ret = steal_pointer(&buffer);
        return 0;
}

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int read_regular_file(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dirfd, path, READ_FLAGS | O_NOFOLLOW);

        return fd < 0 ? -errno : read_open_file(fd, limit, ret, ret_size);
}

int read_linked_file(const char *path, size_t limit, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = open(path, READ_FLAGS);

        return fd < 0 ? -errno : read_open_file(fd, limit, ret, ret_size);
}
