/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Stands in for daemon/container.c and daemon/base.c in the program that
 * includes it, so that an instance starts without a process or a namespace:
 * the test says what happens, and speaks as /init on the other end of the channel.
 * The linker takes these definitions and leaves the libraries' own alone. */

#include <sys/socket.h>

#include "daemon/container.h"
#include "daemon/base.h"
#include "tests/test.h"

struct Container {
        ContainerEvents events;
        void *userdata;
        bool killed;
};

struct Base {
        bool held_back; /* the answer comes with fake_base_answer() */
        IdMode mode;
        base_ready_t waiting;
        void *userdata;
};

static struct {
        Container *container; /* the one that is there; NULL */
        int init;             /* /init's end of its channel; the last one's stays until the next */
        unsigned n_starts, n_frees;
        int start_error;
        char *root;
        bool host;
} fake = { .init = -EBADF };

int container_start(sd_event *event, const ContainerSpec *spec, const ContainerEvents *events, void *userdata,
                    Container **ret) {
        ck_assert_ptr_null(fake.container); /* never two of one instance */
        ck_assert_int_eq(spec->kind, CONTAINER_INSTANCE);
        if (fake.start_error)
                return -fake.start_error;
        closep(&fake.init);
        fake.init = fcntl(spec->fds[0], F_DUPFD_CLOEXEC, 3);
        ck_assert_int_ge(fake.init, 0);
        ck_assert_int_eq(fcntl(fake.init, F_SETFL, O_NONBLOCK), 0);
        free(fake.root);
        fake.root = strdup(spec->root);
        fake.host = spec->host;
        fake.n_starts++;
        fake.container = calloc(1, sizeof(Container));
        *fake.container = (Container){ .events = *events, .userdata = userdata };
        *ret = fake.container;
        return 0;
}

void container_kill(Container *container) {
        ck_assert_ptr_eq(container, fake.container);
        container->killed = true;
}

pid_t container_leader(const Container *container) {
        return 4711;
}

Container *container_free(Container *container) {
        if (!container)
                return NULL;
        ck_assert_ptr_eq(container, fake.container);
        fake.container = NULL;
        fake.n_frees++;
        free(container);
        return NULL;
}

Base *base_new(sd_event *event, int maker) {
        Base *base = calloc(1, sizeof(Base));

        base->mode = ID_MODE_SINGLE;
        return base;
}

Base *base_free(Base *base) {
        free(base);
        return NULL;
}

void base_get(Base *base, base_ready_t callback, void *userdata) {
        ck_assert_ptr_null(base->waiting);
        base->waiting = callback;
        base->userdata = userdata;
        if (!base->held_back) {
                base->waiting = NULL;
                callback(base, NULL, userdata);
        }
}

static inline _unused_ void fake_base_answer(Base *base, const sd_bus_error *error) {
        base_ready_t callback = steal_pointer(&base->waiting);

        ck_assert_ptr_nonnull(callback);
        callback(base, error, base->userdata);
}

void base_cancel(Base *base, void *userdata) {
        if (base->userdata == userdata)
                base->waiting = NULL;
}

IdMode base_mode(const Base *base) {
        return base->mode;
}

int base_user_fd(const Base *base) {
        return -EBADF;
}

int base_mount_fd(const Base *base) {
        return -EBADF;
}

static const IdMap fake_map = { .ranges = { { 0, 1000, 1 } }, .n_ranges = 1 };

const IdMap *base_uid_map(const Base *base) {
        return &fake_map;
}

const IdMap *base_gid_map(const Base *base) {
        return &fake_map;
}
