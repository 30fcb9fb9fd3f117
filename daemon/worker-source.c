/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what an archive comes from, and nothing else: the bytes that are hashed are
 * those that are handed out. May be read in a thread; then another one can stop it,
 * even where a pipe says nothing for ever. */

#include "daemon/worker-source.h"

#include <glib.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "shared/util.h"

/* A page: what follows stays aligned, which the kernel copies faster. */
#define BEGINNING_SIZE 4096

struct WorkerSource {
        int fd, stop;
        bool may_wait;   /* no regular file */
        GChecksum *sum;  /* NULL: not wanted */
        atomic_uint_fast64_t consumed;
        uint8_t beginning[BEGINNING_SIZE];
        size_t n_beginning, n_given; /* of it */
};

static void note_consumed(WorkerSource *source, const void *bytes, size_t n) {
        atomic_fetch_add_explicit(&source->consumed, n, memory_order_relaxed);
        if (source->sum)
                g_checksum_update(source->sum, bytes, (gssize)n);
}

/* Whole even where a pipe brings it in pieces. */
static int read_beginning(WorkerSource *source) {
        ssize_t n = read_up_to(source->fd, source->beginning, sizeof(source->beginning));

        if (n < 0)
                return (int)n;
        source->n_beginning = (size_t)n;
        note_consumed(source, source->beginning, source->n_beginning);
        return 0;
}

int worker_source_open(int fd, bool hashed, WorkerSource **ret) {
        WorkerSource *source = calloc(1, sizeof(*source));
        struct stat st;
        int r;

        if (!source)
                return -ENOMEM;
        source->fd = fd;
        source->may_wait = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
        source->sum = hashed ? g_checksum_new(G_CHECKSUM_SHA256) : NULL;
        source->stop = eventfd(0, EFD_CLOEXEC);
        r = source->stop < 0 ? -errno : read_beginning(source);
        if (r < 0) {
                worker_source_free(source);
                return r;
        }
        *ret = source;
        return 0;
}

const uint8_t *worker_source_beginning(const WorkerSource *source, size_t *ret_size) {
        *ret_size = source->n_beginning;
        return source->beginning;
}

static int wait_for_data(WorkerSource *source) {
        struct pollfd fds[] = { { .fd = source->stop, .events = POLLIN }, { .fd = source->fd, .events = POLLIN } };

        /* A regular file is always ready; whether it is to stop is what its reader asks, block by block. */
        if (!source->may_wait)
                return 0;
        while (poll(fds, ELEMENTSOF(fds), -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return fds[0].revents ? -ECANCELED : 0;
}

ssize_t worker_source_read(WorkerSource *source, void *buffer, size_t size) {
        size_t left = source->n_beginning - source->n_given;
        ssize_t n;

        if (left > 0) {
                n = (ssize_t)(left < size ? left : size);
                memcpy(buffer, source->beginning + source->n_given, (size_t)n);
                source->n_given += (size_t)n;
                return n;
        }
        n = wait_for_data(source);
        if (n < 0)
                return n;
        do
                n = read(source->fd, buffer, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        note_consumed(source, buffer, (size_t)n);
        return n;
}

const char *worker_source_sha256(WorkerSource *source) {
        return source->sum ? g_checksum_get_string(source->sum) : NULL;
}

uint64_t worker_source_consumed(const WorkerSource *source) {
        return atomic_load_explicit(&source->consumed, memory_order_relaxed);
}

void worker_source_stop(WorkerSource *source) {
        (void)eventfd_write(source->stop, 1);
}

WorkerSource *worker_source_free(WorkerSource *source) {
        if (!source)
                return NULL;
        g_clear_pointer(&source->sum, g_checksum_free);
        closep(&source->stop);
        free(source);
        return NULL;
}
