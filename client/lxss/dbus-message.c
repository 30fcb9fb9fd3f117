/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The small part of D-Bus that a client of one service needs, written for the
 * launch path: libsystemd with all that it loads costs lxctl more than everything
 * else that it does. Where a message is malformed nothing of it is believed. */

#include "client/lxss/dbus-message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/text.h"
#include "shared/util.h"

#define NATIVE_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B')
#define PROTOCOL_VERSION 1

/* Header fields. */
enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE,
        FIELD_MEMBER,
        FIELD_ERROR_NAME,
        FIELD_REPLY_SERIAL,
        FIELD_DESTINATION,
        FIELD_SENDER,
        FIELD_SIGNATURE,
        FIELD_UNIX_FDS,
};

/* Where numbers stand in the fixed part of the header. */
enum {
        AT_BODY_SIZE = 4,
        AT_SERIAL = 8,
        AT_FIELDS_SIZE = 12,
};

/* 1 for what is no type. */
static size_t alignment_of(char type) {
        switch (type) {
        case 'n':
        case 'q':
                return 2;
        case 'b':
        case 'i':
        case 'u':
        case 's':
        case 'o':
        case 'a':
        case 'h':
                return 4;
        case 'x':
        case 't':
        case 'd':
        case '(':
        case '{':
                return 8;
        default:
                return 1;
        }
}

/* Fixed sizes; 0 for everything else. */
static size_t size_of(char type) {
        if (type == 'y')
                return 1;
        return strchr("nqiuxtdbh", type) ? alignment_of(type) : 0;
}

/* Writing --------------------------------------------------------------------- */

static void *grow(DbusWriter *w, size_t size) {
        void *at;

        if (w->error == 0 && w->size + size > DBUS_MESSAGE_MAX)
                w->error = -E2BIG;
        if (w->error < 0)
                return NULL;
        if (w->size + size > w->allocated) {
                size_t wanted = (w->size + size) * 2 + 512;
                uint8_t *grown = realloc(w->bytes, wanted);

                if (!grown) {
                        w->error = -ENOMEM;
                        return NULL;
                }
                w->bytes = grown;
                w->allocated = wanted;
        }
        at = w->bytes + w->size;
        w->size += size;
        return at;
}

static void put_raw(DbusWriter *w, const void *bytes, size_t size) {
        void *at = grow(w, size);

        if (at && size > 0)
                memcpy(at, bytes, size);
}

static void put_padding(DbusWriter *w, size_t alignment) {
        static const uint8_t zeros[8];

        put_raw(w, zeros, -w->size & (alignment - 1));
}

static void put_number(DbusWriter *w, const void *bytes, size_t size) {
        put_padding(w, size);
        put_raw(w, bytes, size);
}

static void put_u32(DbusWriter *w, uint32_t number) {
        put_number(w, &number, sizeof(number));
}

static void set_u32(DbusWriter *w, size_t at, uint32_t number) {
        if (w->error == 0)
                memcpy(w->bytes + at, &number, sizeof(number));
}

static void put_string(DbusWriter *w, const char *s) {
        if (w->error == 0 && !text_is_utf8(s))
                w->error = -EINVAL;
        put_u32(w, strlen(s));
        put_raw(w, s, strlen(s) + 1);
}

static void put_signature(DbusWriter *w, const char *signature) {
        uint8_t size = strlen(signature);

        put_raw(w, &size, 1);
        put_raw(w, signature, size + 1);
}

static void put_fd(DbusWriter *w, int fd) {
        if (w->error == 0 && w->n_fds == DBUS_FDS_MAX)
                w->error = -E2BIG;
        if (w->error == 0 && w->n_fds == w->n_fds_allocated) {
                size_t wanted = w->n_fds * 2 + 8;
                int *grown = reallocarray(w->fds, wanted, sizeof(*grown));

                if (grown) {
                        w->fds = grown;
                        w->n_fds_allocated = wanted;
                } else
                        w->error = -ENOMEM;
        }
        put_u32(w, w->n_fds);
        if (w->error == 0)
                w->fds[w->n_fds++] = fd;
}

static void put_one(DbusWriter *w, char type, va_list *arguments) {
        switch (type) {
        case 'y':
                put_raw(w, &(uint8_t){ va_arg(*arguments, int) }, 1);
                return;
        case 'n':
        case 'q':
                put_number(w, &(uint16_t){ va_arg(*arguments, int) }, 2);
                return;
        case 'b':
                put_u32(w, va_arg(*arguments, int) != 0);
                return;
        case 'i':
        case 'u':
                put_u32(w, va_arg(*arguments, uint32_t));
                return;
        case 'x':
        case 't':
                put_number(w, &(uint64_t){ va_arg(*arguments, uint64_t) }, 8);
                return;
        case 'd':
                put_number(w, &(double){ va_arg(*arguments, double) }, 8);
                return;
        case 's':
        case 'o':
                put_string(w, va_arg(*arguments, const char *));
                return;
        case 'g':
                put_signature(w, va_arg(*arguments, const char *));
                return;
        case 'h':
                put_fd(w, va_arg(*arguments, int));
                return;
        default:
                w->error = w->error ?: -EINVAL;
        }
}

void dbus_vput(DbusWriter *w, const char *types, va_list arguments) {
        va_list copy;

        va_copy(copy, arguments);
        for (; *types; types++)
                put_one(w, *types, &copy);
        va_end(copy);
}

void dbus_put(DbusWriter *w, const char *types, ...) {
        va_list arguments;

        va_start(arguments, types);
        dbus_vput(w, types, arguments);
        va_end(arguments);
}

void dbus_put_bytes(DbusWriter *w, const void *bytes, size_t size) {
        put_u32(w, size);
        put_raw(w, bytes, size);
}

/* The size counts from behind the padding that follows it. */
DbusArray dbus_open_array(DbusWriter *w, char element) {
        DbusArray array;

        put_u32(w, 0);
        array.size_at = w->size - sizeof(uint32_t);
        put_padding(w, alignment_of(element));
        array.start = w->size;
        return array;
}

void dbus_close_array(DbusWriter *w, DbusArray array) {
        set_u32(w, array.size_at, w->size - array.start);
}

void dbus_put_struct(DbusWriter *w) {
        put_padding(w, 8);
}

void dbus_put_variant(DbusWriter *w, const char *signature) {
        put_signature(w, signature);
}

static void put_field(DbusWriter *w, uint8_t code, const char *type, const char *value) {
        dbus_put_struct(w);
        put_raw(w, &code, 1);
        dbus_put_variant(w, type);
        dbus_put(w, type, value);
}

/* The number of descriptors stands last, since it is known last. */
void dbus_begin_call(DbusWriter *w, const char *path, const char *interface, const char *member,
                     const char *signature) {
        const uint8_t fixed[AT_FIELDS_SIZE] = { NATIVE_ORDER, DBUS_METHOD_CALL, 0, PROTOCOL_VERSION };
        DbusArray fields;

        put_raw(w, fixed, sizeof(fixed));
        fields = dbus_open_array(w, '(');
        put_field(w, FIELD_PATH, "o", path);
        put_field(w, FIELD_INTERFACE, "s", interface);
        put_field(w, FIELD_MEMBER, "s", member);
        put_field(w, FIELD_SIGNATURE, "g", signature);
        dbus_put_struct(w);
        put_raw(w, &(uint8_t){ FIELD_UNIX_FDS }, 1);
        dbus_put_variant(w, "u");
        put_u32(w, 0);
        dbus_close_array(w, fields);
        put_padding(w, 8);
        w->body = w->size;
}

/* Where begin_call put it: the last four bytes of the fields, before their padding. */
static size_t fds_field(const DbusWriter *w) {
        uint32_t fields_size;

        memcpy(&fields_size, w->bytes + AT_FIELDS_SIZE, sizeof(fields_size));
        return DBUS_HEADER_MIN + fields_size - sizeof(uint32_t);
}

int dbus_finish(DbusWriter *w, uint32_t serial) {
        if (w->error < 0)
                return w->error;
        set_u32(w, AT_BODY_SIZE, w->size - w->body);
        set_u32(w, AT_SERIAL, serial);
        set_u32(w, fds_field(w), w->n_fds);
        return 0;
}

void dbus_writer_clear(DbusWriter *w) {
        free(steal_pointer(&w->bytes));
        free(steal_pointer(&w->fds));
        *w = (DbusWriter){ 0 };
}

/* Reading --------------------------------------------------------------------- */

static const void *get_raw(DbusReader *r, size_t size) {
        const uint8_t *at = r->next;

        if (r->error == 0 && (size_t)(r->end - r->next) < size)
                r->error = -EBADMSG;
        if (r->error < 0)
                return NULL;
        r->next += size;
        return at;
}

static void get_padding(DbusReader *r, size_t alignment) {
        size_t size = -(size_t)(r->next - r->start) & (alignment - 1);
        const uint8_t *padding = get_raw(r, size);

        for (size_t i = 0; padding && i < size; i++)
                if (padding[i] != 0)
                        r->error = -EBADMSG;
}

static void get_number(DbusReader *r, void *ret, size_t size) {
        const void *at;

        get_padding(r, size);
        at = get_raw(r, size);
        if (at)
                memcpy(ret, at, size);
        else
                memset(ret, 0, size);
}

static uint32_t get_u32(DbusReader *r) {
        uint32_t number;

        get_number(r, &number, sizeof(number));
        return number;
}

/* Of this many bytes, and a NUL behind them. */
static const char *get_text(DbusReader *r, size_t size) {
        const char *s = size < DBUS_MESSAGE_MAX ? get_raw(r, size + 1) : NULL;

        if (s && strnlen(s, size + 1) == size)
                return s;
        r->error = -EBADMSG;
        return "";
}

static const char *get_string(DbusReader *r) {
        return get_text(r, get_u32(r));
}

static const char *get_signature(DbusReader *r) {
        const uint8_t *size = get_raw(r, 1);

        return size ? get_text(r, *size) : "";
}

static int get_fd(DbusReader *r) {
        uint32_t index = get_u32(r);

        if (r->error == 0 && index < r->n_fds)
                return r->fds[index];
        r->error = -EBADMSG;
        return -EBADF;
}

static void get_one(DbusReader *r, char type, void *ret) {
        union {
                uint8_t bytes[8];
                double aligned;
        } number;

        switch (type) {
        case 'b':
                number.bytes[0] = get_u32(r) != 0;
                if (ret)
                        memcpy(ret, number.bytes, sizeof(bool));
                return;
        case 's':
        case 'o':
        case 'g': {
                const char *s = type == 'g' ? get_signature(r) : get_string(r);

                if (ret)
                        *(const char **)ret = s;
                return;
        }
        case 'h': {
                int fd = get_fd(r);

                if (ret)
                        *(int *)ret = fd;
                return;
        }
        default:
                if (size_of(type) == 0) {
                        r->error = -EBADMSG;
                        return;
                }
                get_number(r, number.bytes, size_of(type));
                if (ret)
                        memcpy(ret, number.bytes, size_of(type));
        }
}

int dbus_get(DbusReader *r, const char *types, ...) {
        va_list arguments;

        va_start(arguments, types);
        for (; *types; types++)
                get_one(r, *types, va_arg(arguments, void *));
        va_end(arguments);
        return r->error;
}

DbusReader dbus_enter_array(DbusReader *r, char element) {
        uint32_t size = get_u32(r);
        DbusReader inner;

        get_padding(r, alignment_of(element));
        inner = *r;
        if (get_raw(r, size))
                inner.end = inner.next + size;
        else
                inner.end = inner.next;
        inner.error = r->error;
        return inner;
}

bool dbus_more(DbusReader *inner, DbusReader *outer) {
        if (inner->error < 0)
                outer->error = inner->error;
        return inner->error == 0 && inner->next < inner->end;
}

void dbus_get_struct(DbusReader *r) {
        get_padding(r, 8);
}

const char *dbus_get_variant(DbusReader *r) {
        return get_signature(r);
}

/* Where the complete type at the beginning of a signature ends; NULL where there is none. */
static const char *type_end(const char *type) {
        unsigned depth = 0;

        for (;; type++) {
                switch (*type) {
                case '\0':
                        return NULL;
                case 'a':
                        continue;
                case '(':
                case '{':
                        depth++;
                        continue;
                case ')':
                case '}':
                        if (depth == 0)
                                return NULL;
                        depth--;
                        break;
                default:
                        break;
                }
                if (depth == 0)
                        return type + 1;
        }
}

static void skip_types(DbusReader *r, const char *types, const char *end, unsigned depth);

/* An array is as long as it says; what is in it need not be looked at. */
static void skip_one(DbusReader *r, const char *type, const char *end, unsigned depth) {
        const char *inner;

        switch (*type) {
        case 'a':
                (void)dbus_enter_array(r, type[1]);
                return;
        case '(':
        case '{':
                dbus_get_struct(r);
                skip_types(r, type + 1, end - 1, depth);
                return;
        case 'v':
                inner = get_signature(r);
                skip_types(r, inner, inner + strlen(inner), depth);
                return;
        default:
                get_one(r, *type, NULL);
        }
}

static void skip_types(DbusReader *r, const char *types, const char *end, unsigned depth) {
        if (depth == 64) /* the specification's limit of nesting */
                r->error = -EBADMSG;
        while (types < end && r->error == 0) {
                const char *next = type_end(types);

                if (!next || next > end) {
                        r->error = -EBADMSG;
                        return;
                }
                skip_one(r, types, next, depth + 1);
                types = next;
        }
}

void dbus_skip(DbusReader *r, const char *signature) {
        skip_types(r, signature, signature + strlen(signature), 0);
}

int dbus_message_size(const void *bytes, size_t *ret) {
        const uint8_t *header = bytes;
        uint32_t fields, body;
        size_t size;

        memcpy(&body, header + AT_BODY_SIZE, sizeof(body));
        memcpy(&fields, header + AT_FIELDS_SIZE, sizeof(fields));
        if (header[0] != NATIVE_ORDER || header[3] != PROTOCOL_VERSION || body > DBUS_MESSAGE_MAX ||
            fields > DBUS_MESSAGE_MAX)
                return -EBADMSG;
        size = DBUS_HEADER_MIN + (((size_t)fields + 7) & ~(size_t)7) + body;
        if (size > DBUS_MESSAGE_MAX)
                return -EBADMSG;
        *ret = size;
        return 0;
}

static void get_field(DbusReader *r, DbusMessage *m) {
        const char *type;
        uint8_t code = 0;

        dbus_get_struct(r);
        (void)dbus_get(r, "y", &code);
        type = dbus_get_variant(r);
        if (code == FIELD_PATH && streq(type, "o"))
                m->path = get_string(r);
        else if (code == FIELD_INTERFACE && streq(type, "s"))
                m->interface = get_string(r);
        else if (code == FIELD_MEMBER && streq(type, "s"))
                m->member = get_string(r);
        else if (code == FIELD_ERROR_NAME && streq(type, "s"))
                m->error_name = get_string(r);
        else if (code == FIELD_SIGNATURE && streq(type, "g"))
                m->signature = get_signature(r);
        else if (code == FIELD_REPLY_SERIAL && streq(type, "u"))
                m->reply_serial = get_u32(r);
        else if (code == FIELD_UNIX_FDS && streq(type, "u"))
                m->n_fds = get_u32(r);
        else
                dbus_skip(r, type); /* "ignore unknown fields" */
}

/* What the specification requires of each type. */
static bool is_complete(const DbusMessage *m) {
        switch (m->type) {
        case DBUS_METHOD_CALL:
                return m->path && m->member;
        case DBUS_METHOD_RETURN:
                return m->reply_serial != 0;
        case DBUS_ERROR:
                return m->reply_serial != 0 && m->error_name;
        case DBUS_SIGNAL:
                return m->path && m->interface && m->member;
        default:
                return true; /* "ignore unknown types" */
        }
}

int dbus_message_parse(const void *bytes, size_t size, DbusMessage *ret) {
        DbusReader r = { .start = bytes, .next = bytes, .end = (const uint8_t *)bytes + size }, fields;
        DbusMessage m = { .signature = "" };
        uint8_t type = 0;
        size_t wanted;

        if (size < DBUS_HEADER_MIN || dbus_message_size(bytes, &wanted) < 0 || wanted != size)
                return -EBADMSG;
        (void)dbus_get(&r, "yyyyuu", NULL, &type, NULL, NULL, NULL, &m.serial);
        m.type = type;
        fields = dbus_enter_array(&r, '(');
        while (dbus_more(&fields, &r))
                get_field(&fields, &m);
        get_padding(&r, 8);
        if (r.error < 0 || m.serial == 0 || !is_complete(&m))
                return -EBADMSG;
        m.body = r.next;
        m.body_size = r.end - r.next;
        *ret = m;
        return 0;
}

DbusReader dbus_read(const DbusMessage *m, const int *fds) {
        return (DbusReader){
                .start = m->body,
                .next = m->body,
                .end = m->body + m->body_size,
                .fds = fds,
                .n_fds = fds ? m->n_fds : 0,
        };
}
