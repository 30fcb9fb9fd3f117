/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* D-Bus messages as bytes: what is written is read again, what is cut or lies
 * about its lengths is refused. That others read them the same way:
 * test-client-connection, with sd-bus at the other end. */

#include "client/lxss/dbus-message.h"
#include "tests/test.h"

#define SIGNATURE "yb" "nq" "iu" "xt" "dsog" "h" "ay" "a{sv}" "a(ss)" "as"

/* One of everything, with paddings of every length in it. */
static void write_all_types(DbusWriter *w) {
        DbusArray array;

        dbus_begin_call(w, "/a/b", "c.d", "E", SIGNATURE);
        dbus_put(w, "yb", 200, true);
        dbus_put(w, "nq", -2, 65535);
        dbus_put(w, "iu", -3, 4000000000u);
        dbus_put(w, "xt", INT64_C(-4), UINT64_MAX);
        dbus_put(w, "dsog", 0.5, "ä", "/x", "a{sv}");
        dbus_put(w, "h", 7);
        dbus_put_bytes(w, "\0\1", 2);
        array = dbus_open_array(w, '{');
        dbus_put_struct(w);
        dbus_put(w, "s", "k");
        dbus_put_variant(w, "t");
        dbus_put(w, "t", UINT64_C(9));
        dbus_put_struct(w);
        dbus_put(w, "s", "list");
        dbus_put_variant(w, "au");
        dbus_close_array(w, dbus_open_array(w, 'u'));
        dbus_close_array(w, array);
        array = dbus_open_array(w, '(');
        dbus_put_struct(w);
        dbus_put(w, "ss", "one", "two");
        dbus_close_array(w, array);
        dbus_close_array(w, dbus_open_array(w, 's'));
}

static void read_numbers(DbusReader *r) {
        bool truth;
        uint8_t byte;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;

        ck_assert_int_eq(dbus_get(r, "ybnqiuxtd", &byte, &truth, &n, &q, &i, &u, &x, &t, &d), 0);
        ck_assert_uint_eq(byte, 200);
        ck_assert(truth);
        ck_assert_int_eq(n, -2);
        ck_assert_uint_eq(q, 65535);
        ck_assert_int_eq(i, -3);
        ck_assert_uint_eq(u, 4000000000u);
        ck_assert_int_eq(x, -4);
        ck_assert_uint_eq(t, UINT64_MAX);
        ck_assert_double_eq(d, 0.5);
}

static void read_strings(DbusReader *r) {
        const char *s, *o, *g;
        int fd;

        ck_assert_int_eq(dbus_get(r, "sogh", &s, &o, &g, &fd), 0);
        ck_assert_str_eq(s, "ä");
        ck_assert_str_eq(o, "/x");
        ck_assert_str_eq(g, "a{sv}");
        ck_assert_int_eq(fd, 7);
}

static void read_containers(DbusReader *r) {
        DbusReader array = dbus_enter_array(r, 'y');
        const char *name, *s, *t;
        uint64_t number;
        uint8_t byte;
        size_t n = 0;

        while (dbus_more(&array, r)) {
                ck_assert_int_eq(dbus_get(&array, "y", &byte), 0);
                ck_assert_uint_eq(byte, n++);
        }
        ck_assert_uint_eq(n, 2);

        array = dbus_enter_array(r, '{');
        ck_assert(dbus_more(&array, r));
        dbus_get_struct(&array);
        ck_assert_int_eq(dbus_get(&array, "s", &name), 0);
        ck_assert_str_eq(name, "k");
        ck_assert_str_eq(dbus_get_variant(&array), "t");
        ck_assert_int_eq(dbus_get(&array, "t", &number), 0);
        ck_assert_uint_eq(number, 9);
        ck_assert(dbus_more(&array, r));
        dbus_skip(&array, "{sv}");
        ck_assert(!dbus_more(&array, r));

        array = dbus_enter_array(r, '(');
        ck_assert(dbus_more(&array, r));
        dbus_get_struct(&array);
        ck_assert_int_eq(dbus_get(&array, "ss", &s, &t), 0);
        ck_assert_str_eq(t, "two");
        ck_assert(!dbus_more(&array, r));

        array = dbus_enter_array(r, 's');
        ck_assert(!dbus_more(&array, r));
}

START_TEST(what_is_written_is_read) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusMessage m;
        DbusReader r;

        write_all_types(&w);
        ck_assert_int_eq(dbus_finish(&w, 42), 0);
        ck_assert_int_eq(dbus_message_parse(w.bytes, w.size, &m), 0);
        ck_assert_int_eq(m.type, DBUS_METHOD_CALL);
        ck_assert_uint_eq(m.serial, 42);
        ck_assert_str_eq(m.path, "/a/b");
        ck_assert_str_eq(m.interface, "c.d");
        ck_assert_str_eq(m.member, "E");
        ck_assert_str_eq(m.signature, SIGNATURE);
        ck_assert_uint_eq(m.n_fds, 1);
        r = dbus_read(&m, w.fds);
        read_numbers(&r);
        read_strings(&r);
        read_containers(&r);
        ck_assert_ptr_eq(r.next, r.end);
}
END_TEST

START_TEST(everything_can_be_skipped) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusMessage m;
        DbusReader r;

        write_all_types(&w);
        ck_assert_int_eq(dbus_finish(&w, 1), 0);
        ck_assert_int_eq(dbus_message_parse(w.bytes, w.size, &m), 0);
        r = dbus_read(&m, w.fds);
        dbus_skip(&r, SIGNATURE);
        ck_assert_int_eq(r.error, 0);
        ck_assert_ptr_eq(r.next, r.end);
        dbus_skip(&r, "y");
        ck_assert_int_eq(r.error, -EBADMSG);
}
END_TEST

START_TEST(a_cut_message_is_refused) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusMessage m;
        size_t size;

        write_all_types(&w);
        ck_assert_int_eq(dbus_finish(&w, 1), 0);
        ck_assert_int_eq(dbus_message_size(w.bytes, &size), 0);
        ck_assert_uint_eq(size, w.size);
        for (size_t n = 0; n < w.size; n++)
                ck_assert_int_eq(dbus_message_parse(w.bytes, n, &m), -EBADMSG);
}
END_TEST

/* Whatever a byte is turned into: refused, or read without a step beyond the end (which the sanitizers see). */
START_TEST(a_changed_byte_does_no_harm) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };

        write_all_types(&w);
        ck_assert_int_eq(dbus_finish(&w, 1), 0);
        for (size_t i = 0; i < w.size; i++)
                for (unsigned mask = 1; mask < 256; mask <<= 1) {
                        _cleanup_free_ uint8_t *copy = malloc(w.size);
                        DbusMessage m;
                        DbusReader r;

                        memcpy(copy, w.bytes, w.size);
                        copy[i] ^= mask;
                        if (dbus_message_parse(copy, w.size, &m) < 0)
                                continue;
                        r = dbus_read(&m, NULL);
                        dbus_skip(&r, m.signature);
                        ck_assert(r.next <= r.end);
                }
}
END_TEST

START_TEST(a_string_that_is_not_utf8_cannot_be_sent) {
        static const char *const bad[] = { "\xff", "a\xc3", "\xed\xa0\x80", "\xef\xbf\xbe" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_dbus_writer_ DbusWriter w = { 0 };

                dbus_begin_call(&w, "/a", "b.c", "D", "s");
                dbus_put(&w, "s", bad[i]);
                ck_assert_int_eq(dbus_finish(&w, 1), -EINVAL);
        }
}
END_TEST

START_TEST(a_message_has_no_more_than_the_kernel_carries) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        _cleanup_free_ char *large = calloc(1, DBUS_MESSAGE_MAX);

        dbus_begin_call(&w, "/a", "b.c", "D", "h");
        for (int i = 0; i < DBUS_FDS_MAX; i++)
                dbus_put(&w, "h", i);
        ck_assert_int_eq(w.error, 0);
        dbus_put(&w, "h", 0);
        ck_assert_int_eq(dbus_finish(&w, 1), -E2BIG);

        dbus_writer_clear(&w);
        dbus_begin_call(&w, "/a", "b.c", "D", "ay");
        dbus_put_bytes(&w, large, DBUS_MESSAGE_MAX);
        ck_assert_int_eq(dbus_finish(&w, 1), -E2BIG);
}
END_TEST

START_TEST(a_descriptor_that_did_not_come_is_none) {
        _cleanup_dbus_writer_ DbusWriter w = { 0 };
        DbusMessage m;
        DbusReader r;
        int fd = 99;

        dbus_begin_call(&w, "/a", "b.c", "D", "h");
        dbus_put(&w, "h", 5);
        ck_assert_int_eq(dbus_finish(&w, 1), 0);
        ck_assert_int_eq(dbus_message_parse(w.bytes, w.size, &m), 0);
        r = dbus_read(&m, NULL);
        ck_assert_int_eq(dbus_get(&r, "h", &fd), -EBADMSG);
        ck_assert_int_eq(fd, -EBADF);
}
END_TEST

START_TEST(values_after_an_error_are_empty) {
        static const uint8_t body[] = { 3, 0, 0, 0, 'a', 'b' };
        DbusMessage m = { .body = body, .body_size = sizeof(body) };
        DbusReader r = dbus_read(&m, NULL);
        uint32_t number = 5;
        const char *s = NULL;

        ck_assert_int_eq(dbus_get(&r, "su", &s, &number), -EBADMSG);
        ck_assert_str_eq(s, "");
        ck_assert_uint_eq(number, 0);
}
END_TEST

START_TEST(variants_within_variants_end_somewhere) {
        uint8_t body[400];
        DbusMessage m = { .body = body, .body_size = sizeof(body) };
        DbusReader r = dbus_read(&m, NULL);

        for (size_t i = 0; i + 2 < sizeof(body); i += 3)
                memcpy(body + i, "\1v", 3);
        body[sizeof(body) - 1] = 0;
        dbus_skip(&r, "v");
        ck_assert_int_eq(r.error, -EBADMSG);
}
END_TEST

int main(void) {
        return RUN_TESTS("client-dbus-message", what_is_written_is_read, everything_can_be_skipped,
                         a_cut_message_is_refused, a_changed_byte_does_no_harm, a_string_that_is_not_utf8_cannot_be_sent,
                         a_message_has_no_more_than_the_kernel_carries, a_descriptor_that_did_not_come_is_none,
                         values_after_an_error_are_empty, variants_within_variants_end_somewhere);
}
