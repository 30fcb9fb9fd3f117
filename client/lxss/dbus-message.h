/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus messages, values ↔ bytes (D-Bus Specification, "Type System" and
 * "Message Protocol"). No I/O, no names of ours. Only this machine's byte order
 * is read, since both ends are on it.
 *
 * Writer and reader keep the first error and do nothing after it, so that a run of
 * calls is checked once, at its end. Types are D-Bus' letters; what stands for
 * each is: y uint8_t, b bool, n int16_t, q uint16_t, i int32_t, u uint32_t, x int64_t,
 * t uint64_t, d double, s o g const char *, h int. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a peer may make us take. The specification allows 128 MiB. */
#define DBUS_MESSAGE_MAX (32u << 20)
/* From here on a message says how large it is. */
#define DBUS_HEADER_MIN 16
/* As many descriptors as the kernel takes in one packet (SCM_MAX_FD). */
#define DBUS_FDS_MAX 253

typedef enum DbusMessageType {
        DBUS_METHOD_CALL = 1,
        DBUS_METHOD_RETURN,
        DBUS_ERROR,
        DBUS_SIGNAL,
} DbusMessageType;

/* A message being written. */
typedef struct DbusWriter {
        uint8_t *bytes;
        size_t size, allocated;
        size_t body;  /* where it begins */
        int *fds;     /* what its "h" values stand for; borrowed */
        size_t n_fds, n_fds_allocated;
        int error;    /* 0 or negative errno */
} DbusWriter;

/* Begins a method call whose body has this signature. */
void dbus_begin_call(DbusWriter *w, const char *path, const char *interface, const char *member,
                     const char *signature);
/* Values of basic types. */
void dbus_put(DbusWriter *w, const char *types, ...);
void dbus_vput(DbusWriter *w, const char *types, va_list arguments);
/* "ay". */
void dbus_put_bytes(DbusWriter *w, const void *bytes, size_t size);
/* An array whose elements begin with this type ('(' and '{' for structs and
 * dictionary entries). What open returns is for close. */
typedef struct DbusArray {
        size_t size_at, start;
} DbusArray;
DbusArray dbus_open_array(DbusWriter *w, char element);
void dbus_close_array(DbusWriter *w, DbusArray array);
/* The beginning of a struct or dictionary entry, which has no end of its own. */
void dbus_put_struct(DbusWriter *w);
/* The beginning of a variant: its type; the value follows. */
void dbus_put_variant(DbusWriter *w, const char *signature);
/* Completes the message. 0 or negative errno: -ENOMEM, -E2BIG, -EINVAL for what
 * D-Bus cannot carry (a string that is not UTF-8, a malformed path). */
int dbus_finish(DbusWriter *w, uint32_t serial);

void dbus_writer_clear(DbusWriter *w);
#define _cleanup_dbus_writer_ _cleanup_(dbus_writer_clear)

/* A message that was read. Strings and body point into its bytes; NULL: not there. */
typedef struct DbusMessage {
        DbusMessageType type;
        uint32_t serial, reply_serial;
        const char *path, *interface, *member, *error_name, *signature;
        uint32_t n_fds;
        const uint8_t *body;
        size_t body_size;
} DbusMessage;

/* How large the message is that begins with these DBUS_HEADER_MIN bytes. 0 or -EBADMSG. */
int dbus_message_size(const void *bytes, size_t *ret);

/* Reads a message of exactly `size` bytes. 0 or -EBADMSG. */
int dbus_message_parse(const void *bytes, size_t size, DbusMessage *ret);

/* A position in a message's body. Alignment counts from `start`. */
typedef struct DbusReader {
        const uint8_t *start, *next, *end;
        const int *fds; /* what "h" values stand for; borrowed; may be NULL */
        size_t n_fds;
        int error;      /* 0 or -EBADMSG */
} DbusReader;

/* At the body's beginning. */
DbusReader dbus_read(const DbusMessage *m, const int *fds);
/* Values of basic types, into pointers to what stands for them (NULL: skipped). A
 * descriptor is still the message's. After an error what is stored is 0, "" and
 * -EBADF. Returns ->error. */
int dbus_get(DbusReader *r, const char *types, ...);
/* Steps over the values of a signature. */
void dbus_skip(DbusReader *r, const char *signature);
/* Enters an array: the reader inside is returned, r goes on behind it. */
DbusReader dbus_enter_array(DbusReader *r, char element);
/* Whether there is another element. The error of a reader inside becomes that of the one around it. */
bool dbus_more(DbusReader *inner, DbusReader *outer);
/* The beginning of a struct or dictionary entry. */
void dbus_get_struct(DbusReader *r);
/* The type of the value that follows; "" on errors. */
const char *dbus_get_variant(DbusReader *r);
