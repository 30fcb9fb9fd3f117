/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The codec of shared/init-protocol.h: growing a buffer, and a reader that
 * cannot be made to look beyond it. */

#include "shared/init-protocol.h"

enum {
        LAUNCH_SHELL = 1 << 0,
        LAUNCH_BACKGROUND = 1 << 1,
};

static bool type_is_known(uint32_t type) {
        return (type >= INIT_LAUNCH && type <= INIT_FOREGROUND) || (type >= INIT_READY && type <= INIT_WARNING);
}

uint32_t init_object_kind(InitType type) {
        switch (type) {
        case INIT_LAUNCH:
        case INIT_READY:
        case INIT_FAILED:
                return LXBUS_KIND_FD;
        case INIT_STARTED:
                return LXBUS_KIND_PROCESS;
        default:
                return 0;
        }
}

int init_message_decode(const void *payload, size_t size, InitMessage *ret, const void **ret_body, size_t *ret_size) {
        InitMessage message;

        if (size < sizeof(message))
                return -EBADMSG;
        memcpy(&message, payload, sizeof(message));
        if (!type_is_known(message.type) || message.reserved != 0)
                return -EBADMSG;
        *ret = message;
        *ret_body = (const uint8_t *)payload + sizeof(message);
        *ret_size = size - sizeof(message);
        return 0;
}

typedef struct Writer {
        uint8_t *bytes;
        size_t size, allocated;
        int error;
} Writer;

static void put_bytes(Writer *w, const void *bytes, size_t n) {
        if (w->error == 0 && n > LXBUS_PAYLOAD_MAX - w->size)
                w->error = -E2BIG;
        if (w->error == 0 && w->size + n > w->allocated) {
                size_t wanted = (w->size + n) * 2;
                void *grown = realloc(w->bytes, wanted);

                if (grown) {
                        w->bytes = grown;
                        w->allocated = wanted;
                } else
                        w->error = -ENOMEM;
        }
        if (w->error < 0)
                return;
        if (n > 0)
                memcpy(w->bytes + w->size, bytes, n);
        w->size += n;
}

static void put_number(Writer *w, uint32_t number) {
        put_bytes(w, &number, sizeof(number));
}

/* A NULL string has no NUL byte: its length is 0. */
static void put_string(Writer *w, const char *s) {
        size_t n = s ? strlen(s) + 1 : 0;

        if (n > LXBUS_PAYLOAD_MAX) {
                w->error = w->error ?: -E2BIG;
                return;
        }
        put_number(w, n);
        put_bytes(w, s, n);
}

static void put_strv(Writer *w, char *const *v) {
        put_number(w, strv_length(v));
        for (; v && *v; v++)
                put_string(w, *v);
}

int init_launch_encode(uint64_t id, const LaunchRequest *request, void **ret, size_t *ret_size) {
        const InitMessage message = { .type = INIT_LAUNCH, .id = id };
        Writer w = { 0 };

        if (request->n_fds > INIT_FDS_MAX)
                return -E2BIG;
        put_bytes(&w, &message, sizeof(message));
        put_number(&w, (request->shell ? LAUNCH_SHELL : 0) | (request->background ? LAUNCH_BACKGROUND : 0));
        put_number(&w, request->closed_mask);
        put_number(&w, request->terminal_mask);
        put_number(&w, request->rows);
        put_number(&w, request->columns);
        put_number(&w, request->x_pixels);
        put_number(&w, request->y_pixels);
        put_number(&w, request->n_fds);
        for (size_t i = 0; i < request->n_fds; i++)
                put_number(&w, request->fds[i].number);
        put_string(&w, request->user);
        put_string(&w, request->cwd);
        put_string(&w, request->directory);
        put_strv(&w, request->argv);
        put_strv(&w, request->env);
        if (w.error < 0) {
                free(w.bytes);
                return w.error;
        }
        *ret = w.bytes;
        *ret_size = w.size;
        return 0;
}

typedef struct Reader {
        const uint8_t *bytes;
        size_t left;
        int error;
} Reader;

static const void *get_bytes(Reader *r, size_t n) {
        const void *p = r->bytes;

        if (r->error == 0 && n > r->left)
                r->error = -EBADMSG;
        if (r->error < 0)
                return NULL;
        r->bytes += n;
        r->left -= n;
        return p;
}

static uint32_t get_number(Reader *r) {
        const void *p = get_bytes(r, sizeof(uint32_t));
        uint32_t number = 0;

        if (p)
                memcpy(&number, p, sizeof(number));
        return number;
}

static uint16_t get_short(Reader *r) {
        uint32_t number = get_number(r);

        if (r->error == 0 && number > UINT16_MAX)
                r->error = -EBADMSG;
        return number;
}

static char *get_string(Reader *r) {
        uint32_t n = get_number(r);
        const char *p = n > 0 ? get_bytes(r, n) : NULL;
        char *copy;

        if (!p)
                return NULL;
        if (strnlen(p, n) != n - 1) {
                r->error = -EBADMSG;
                return NULL;
        }
        copy = strdup(p);
        if (!copy)
                r->error = -ENOMEM;
        return copy;
}

/* Each string takes four bytes at least, so a count beyond that is a lie that need not be allocated for. */
static char **get_strv(Reader *r) {
        uint32_t n = get_number(r);
        char **v;

        if (r->error == 0 && n > r->left / sizeof(uint32_t))
                r->error = -EBADMSG;
        if (r->error < 0)
                return NULL;
        v = calloc((size_t)n + 1, sizeof(char *));
        if (!v) {
                r->error = -ENOMEM;
                return NULL;
        }
        for (uint32_t i = 0; i < n; i++) {
                v[i] = get_string(r);
                if (!v[i]) {
                        r->error = r->error ?: -EBADMSG;
                        break;
                }
        }
        return v;
}

/* Descriptors are entered as -1 and filled in once nothing can fail any more. */
static void get_fd_numbers(Reader *r, size_t expected, LaunchRequest *request) {
        uint32_t n = get_number(r);

        if (r->error == 0 && n != expected)
                r->error = -EBADMSG;
        for (uint32_t i = 0; r->error == 0 && i < n; i++) {
                uint32_t number = get_number(r);

                if (r->error == 0 && i > 0 && (uint32_t)request->fds[i - 1].number >= number)
                        r->error = -EBADMSG;
                if (r->error == 0)
                        r->error = launch_request_add_fd(request, (int)number, -EBADF) == -ENOMEM ? -ENOMEM : 0;
                if (r->error == 0 && request->n_fds != i + 1)
                        r->error = -EBADMSG;
        }
}

int init_launch_decode(const void *body, size_t size, const int *fds, size_t n_fds, LaunchRequest **ret) {
        _cleanup_launch_request_ LaunchRequest *request = launch_request_new();
        Reader r = { .bytes = body, .left = size };
        size_t n_terminal;
        uint32_t flags;

        if (!request)
                return -ENOMEM;
        flags = get_number(&r);
        request->shell = flags & LAUNCH_SHELL;
        request->background = flags & LAUNCH_BACKGROUND;
        request->closed_mask = get_number(&r);
        request->terminal_mask = get_number(&r);
        request->rows = get_short(&r);
        request->columns = get_short(&r);
        request->x_pixels = get_short(&r);
        request->y_pixels = get_short(&r);
        n_terminal = request->terminal_mask != 0;
        if (flags & ~(uint32_t)(LAUNCH_SHELL | LAUNCH_BACKGROUND) || n_fds < n_terminal)
                return -EBADMSG;
        get_fd_numbers(&r, n_fds - n_terminal, request);
        request->user = get_string(&r);
        request->cwd = get_string(&r);
        request->directory = get_string(&r);
        request->argv = get_strv(&r);
        request->env = get_strv(&r);
        if (r.error < 0)
                return r.error;
        if (r.left > 0)
                return -EBADMSG;

        for (size_t i = 0; i < request->n_fds; i++)
                request->fds[i].fd = fds[i];
        if (n_terminal)
                request->terminal_socket = fds[n_fds - 1];
        *ret = steal_pointer(&request);
        return 0;
}

int init_text_decode(const void *body, size_t size, char *ret) {
        if (size > INIT_TEXT_MAX || (size > 0 && memchr(body, 0, size)))
                return -EBADMSG;
        if (size > 0)
                memcpy(ret, body, size);
        ret[size] = '\0';
        return 0;
}
