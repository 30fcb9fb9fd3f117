/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small helpers that every program here needs and libc lacks. Header only,
 * libc only, since /init is static and lxctl's launch path links no GLib.
 * The daemon may use GLib's g_autofree beside _cleanup_free_; what it frees
 * is the same malloc heap. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_ __attribute__((unused))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

/* Closes *fd unless it is negative; keeps errno, so that it may run on the way
 * out of a failed call. */
static inline void closep(int *fd) {
        int saved = errno;

        if (*fd >= 0)
                (void)close(*fd);
        *fd = -EBADF;
        errno = saved;
}
#define _cleanup_close_ _cleanup_(closep)

static inline void freep(void *p) {
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

/* Hands a descriptor over: the variable forgets it, the caller owns it. */
static inline int steal_fd(int *fd) {
        int r = *fd;

        *fd = -EBADF;
        return r;
}

/* Hands a pointer over, as g_steal_pointer() does. */
#define steal_pointer(pp)                   \
        ({                                  \
                __typeof__(*(pp)) _p = *(pp); \
                *(pp) = NULL;               \
                _p;                         \
        })

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool str_empty(const char *s) {
        return !s || !*s;
}

/* A NULL-terminated array of strings, every string and the array malloc'ed. */
static inline char **strv_free(char **v) {
        if (v)
                for (char **s = v; *s; s++)
                        free(*s);
        free(v);
        return NULL;
}

static inline void strv_freep(char ***v) {
        *v = strv_free(*v);
}
#define _cleanup_strv_free_ _cleanup_(strv_freep)

static inline size_t strv_length(char *const *v) {
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

/* Appends a copy of s. Returns 0, or -ENOMEM with *v as it was. */
int strv_push_copy(char ***v, const char *s);

/* A copy of all of it; NULL is empty. In time that grows with the length, as many
 * pushes do not. Returns 0 or -ENOMEM; the caller frees *ret with strv_free(). */
int strv_copy(char *const *v, char ***ret);

/* Like strv_push_copy(), and takes s over, whether it succeeds or not. */
int strv_consume(char ***v, char *s);

/* Writes all of buffer, however often write(2) is interrupted or short.
 * Returns 0 or negative errno. */
int write_all(int fd, const void *buffer, size_t size);

/* Reads until size bytes or end of file. Returns the number read or negative errno. */
ssize_t read_up_to(int fd, void *buffer, size_t size);

/* Reads a whole regular file of at most `limit` bytes beneath dirfd, without
 * following a link in its last component, without blocking on a FIFO or
 * device. The contents get a terminating NUL that *ret_size does not count.
 * Returns 0; -EFBIG over the limit; -EINVAL where it is no regular file; or
 * another negative errno. The caller frees *ret. ret_size may be NULL. */
int read_regular_file(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_size);

/* The same with links followed. */
int read_linked_file(const char *path, size_t limit, char **ret, size_t *ret_size);
