/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LxBus's packets: what a friend sends is read as it was meant, and of what anybody else
 * sends nothing is believed. */

#include "shared/lxbus-protocol.h"
#include "tests/test.h"

static LxbusRequest request_of(LxbusType type, const char *name) {
        LxbusRequest request = { .type = type };

        strcpy(request.name, name);
        return request;
}

static int decode(const LxbusRequest *request) {
        LxbusRequest ret = { 0 };

        return lxbus_request_decode(request, sizeof(*request), &ret);
}

/* ---- names ---- */

START_TEST(names_are_letters_digits_and_some_marks_inside) {
        static const char *const good[] = { "a", "0", "A.b-c_d", "x.", "org.example.Server1" };
        static const char *const bad[] = { "", ".", "-a", "_a", "a b", "a/b", "a:b", "ä", "a\n", ":host", "a@b" };
        char longest[LXBUS_NAME_LENGTH_MAX + 2];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ck_assert_msg(lxbus_name_is_valid(good[i]), "%s", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!lxbus_name_is_valid(bad[i]), "%s", bad[i]);
        memset(longest, 'x', sizeof(longest));
        longest[LXBUS_NAME_LENGTH_MAX + 1] = 0;
        ck_assert(!lxbus_name_is_valid(longest));
        longest[LXBUS_NAME_LENGTH_MAX] = 0;
        ck_assert(lxbus_name_is_valid(longest));
}
END_TEST

/* ---- requests ---- */

START_TEST(a_request_comes_out_as_it_went_in) {
        LxbusRequest requests[] = {
                request_of(LXBUS_TYPE_REGISTER, "server"), request_of(LXBUS_TYPE_REGISTER, ""),
                request_of(LXBUS_TYPE_CONNECT, "server"),  request_of(LXBUS_TYPE_CONNECT, ""),
                request_of(LXBUS_TYPE_LIST, ""),
        };

        requests[0].scope = LXBUS_SCOPE_ALL;
        requests[1].flags = LXBUS_REQUEST_UNNAMED;
        requests[2].flags = LXBUS_REQUEST_WAIT;
        strcpy(requests[2].where, LXBUS_WHERE_HOST);
        strcpy(requests[3].where, "debian-12");
        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                LxbusRequest ret;

                ck_assert_int_eq(lxbus_request_decode(&requests[i], sizeof(requests[i]), &ret), 0);
                ck_assert_mem_eq(&ret, &requests[i], sizeof(ret));
        }
}
END_TEST

START_TEST(a_request_has_one_size) {
        char packet[sizeof(LxbusRequest) + 1] = { 0 };
        LxbusRequest request = request_of(LXBUS_TYPE_CONNECT, "server"), ret, untouched;

        memcpy(packet, &request, sizeof(request));
        memset(&ret, 0x5a, sizeof(ret));
        untouched = ret;
        for (size_t n = 0; n <= sizeof(packet); n++)
                if (n != sizeof(request))
                        ck_assert_int_eq(lxbus_request_decode(packet, n, &ret), -EBADMSG);
        ck_assert_mem_eq(&ret, &untouched, sizeof(ret));
}
END_TEST

START_TEST(a_request_of_no_known_type_is_none) {
        static const uint32_t types[] = { 0, LXBUS_TYPE_LIST + 1, LXBUS_TYPE_REPLY, LXBUS_TYPE_CONNECTION,
                                          UINT32_MAX };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                LxbusRequest request = request_of(types[i], "server");

                ck_assert_int_eq(decode(&request), -EBADMSG);
        }
}
END_TEST

START_TEST(strings_without_an_end_are_no_request) {
        LxbusRequest request = request_of(LXBUS_TYPE_CONNECT, "server");

        memset(request.name, 'x', sizeof(request.name));
        ck_assert_int_eq(decode(&request), -EBADMSG);
        request = request_of(LXBUS_TYPE_CONNECT, "server");
        memset(request.where, 'x', sizeof(request.where));
        ck_assert_int_eq(decode(&request), -EBADMSG);
}
END_TEST

START_TEST(a_wrong_value_is_answered_so_its_type_is_told) {
        LxbusRequest request = request_of(LXBUS_TYPE_CONNECT, "not a name"), ret = { 0 };

        ck_assert_int_eq(lxbus_request_decode(&request, sizeof(request), &ret), -EINVAL);
        ck_assert_uint_eq(ret.type, LXBUS_TYPE_CONNECT);
}
END_TEST

START_TEST(every_field_of_a_registration_is_checked) {
        const LxbusRequest good = request_of(LXBUS_TYPE_REGISTER, "server");
        LxbusRequest r;

        ck_assert_int_eq(decode(&good), 0);
        for (int bit = 0; bit < 32; bit++) { /* a name with any flag for something else, "unnamed" included */
                r = good;
                r.flags = 1u << bit;
                ck_assert_int_eq(decode(&r), r.flags == LXBUS_REQUEST_HERE ? 0 : -EINVAL);
        }
        for (uint32_t scope = 0; scope < 100; scope++) {
                r = good;
                r.scope = scope;
                ck_assert_int_eq(decode(&r), scope < LXBUS_SCOPE_MAX ? 0 : -EINVAL);
        }
        r = good, r.scope = UINT32_MAX;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, r.reserved = 1;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, strcpy(r.where, "debian");
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, r.name[0] = 0; /* no name, and not "unnamed" */
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, strcpy(r.name, "a/b");
        ck_assert_int_eq(decode(&r), -EINVAL);
}
END_TEST

START_TEST(every_field_of_a_connection_is_checked) {
        const LxbusRequest good = request_of(LXBUS_TYPE_CONNECT, "server");
        static const char *const nowhere[] = { ":", ":Host", ":host2", "a b", "-a", "a/b", "\x01" };
        LxbusRequest r;

        for (int bit = 0; bit < 32; bit++) {
                r = good;
                r.flags = 1u << bit;
                ck_assert_int_eq(decode(&r), r.flags & (LXBUS_REQUEST_WAIT | LXBUS_REQUEST_HERE) ? 0 : -EINVAL);
        }
        r = good, r.scope = 1;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, r.reserved = UINT32_MAX;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = good, strcpy(r.name, "a\nb");
        ck_assert_int_eq(decode(&r), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(nowhere); i++) {
                r = good;
                strcpy(r.where, nowhere[i]);
                ck_assert_msg(decode(&r) == -EINVAL, "%s", nowhere[i]);
        }
}
END_TEST

START_TEST(a_list_has_nothing_but_its_type) {
        LxbusRequest r = request_of(LXBUS_TYPE_LIST, "");

        ck_assert_int_eq(decode(&r), 0);
        r.flags = LXBUS_REQUEST_HERE;
        ck_assert_int_eq(decode(&r), 0);
        r.flags = LXBUS_REQUEST_WAIT;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r.flags = 0, r.reserved = 1;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r.reserved = 0, r.scope = 1;
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = request_of(LXBUS_TYPE_LIST, "name");
        ck_assert_int_eq(decode(&r), -EINVAL);
        r = request_of(LXBUS_TYPE_LIST, ""), strcpy(r.where, LXBUS_WHERE_HOST);
        ck_assert_int_eq(decode(&r), -EINVAL);
}
END_TEST

/* ---- replies ---- */

START_TEST(a_reply_comes_out_as_it_went_in) {
        LxbusReply reply = { .type = LXBUS_TYPE_CONNECTION, .identity = { 1000, 100999, 77, "debian", "" } }, ret;

        ck_assert_int_eq(lxbus_reply_decode(&reply, sizeof(reply), LXBUS_TYPE_CONNECTION, &ret), 0);
        ck_assert_mem_eq(&ret, &reply, sizeof(ret));
}
END_TEST

START_TEST(a_reply_is_the_expected_one_whole_and_with_an_errno) {
        char packet[sizeof(LxbusReply) + 1] = { 0 };
        LxbusReply reply = { .type = LXBUS_TYPE_REPLY }, ret;

        memcpy(packet, &reply, sizeof(reply));
        for (size_t n = 0; n <= sizeof(packet); n++)
                ck_assert_int_eq(lxbus_reply_decode(packet, n, LXBUS_TYPE_REPLY, &ret),
                                 n == sizeof(reply) ? 0 : -EBADMSG);
        ck_assert_int_eq(lxbus_reply_decode(&reply, sizeof(reply), LXBUS_TYPE_CONNECTION, &ret), -EBADMSG);
        for (int error = -2; error < 5000; error++) {
                reply.error = error;
                ck_assert_int_eq(lxbus_reply_decode(&reply, sizeof(reply), LXBUS_TYPE_REPLY, &ret),
                                 error >= 0 && error <= 4095 ? 0 : -EBADMSG);
        }
        reply.error = INT32_MIN;
        ck_assert_int_eq(lxbus_reply_decode(&reply, sizeof(reply), LXBUS_TYPE_REPLY, &ret), -EBADMSG);
        reply.error = 0;
        memset(reply.identity.instance, 'x', sizeof(reply.identity.instance));
        ck_assert_int_eq(lxbus_reply_decode(&reply, sizeof(reply), LXBUS_TYPE_REPLY, &ret), -EBADMSG);
}
END_TEST

/* ---- messages ---- */

static char packet[LXBUS_PACKET_MAX + 1];

static size_t put_frame(LxbusHeader header, const LxbusWireObject *objects, size_t n_objects, size_t n_payload) {
        size_t at = sizeof(header);

        memcpy(packet, &header, sizeof(header));
        if (n_objects > 0)
                memcpy(packet + at, objects, n_objects * sizeof(*objects));
        at += n_objects * sizeof(*objects);
        for (size_t i = 0; i < n_payload; i++)
                packet[at + i] = i % 251;
        return at + n_payload;
}

static int decode_object(LxbusWireObject object) {
        size_t n = put_frame((LxbusHeader){ .n_objects = 1 }, &object, 1, 0);
        LxbusFrame frame;

        return lxbus_frame_decode(packet, n, 1, &frame);
}

START_TEST(a_message_comes_out_as_it_went_in_at_every_size) {
        static const uint32_t sizes[] = { 0, 1, 7, 4096, LXBUS_INLINE_MAX - 1, LXBUS_INLINE_MAX };
        static const size_t counts[] = { 0, 1, 3, LXBUS_OBJECTS_MAX };
        LxbusWireObject objects[LXBUS_OBJECTS_MAX];

        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxbusWireObject){ .kind = LXBUS_KIND_MEMORY, .size = i };
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (size_t j = 0; j < ELEMENTSOF(counts); j++) {
                        size_t n = put_frame((LxbusHeader){ sizes[i], 0, counts[j] }, objects, counts[j], sizes[i]);
                        LxbusFrame frame;

                        ck_assert_int_eq(lxbus_frame_decode(packet, n, counts[j], &frame), 0);
                        ck_assert_uint_eq(frame.header.size, sizes[i]);
                        ck_assert_ptr_eq(frame.payload, packet + n - sizes[i]);
                        for (size_t k = 0; k < counts[j]; k++)
                                ck_assert_uint_eq(lxbus_frame_object(&frame, k).size, k);
                }
}
END_TEST

START_TEST(a_message_in_memory_has_a_descriptor_more_and_no_payload_beside) {
        const LxbusHeader header = { .size = LXBUS_PAYLOAD_MAX, .flags = LXBUS_MESSAGE_MEMFD };
        LxbusFrame frame;

        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(header, NULL, 0, 0), 1, &frame), 0);
        ck_assert_ptr_null(frame.payload);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(header, NULL, 0, 0), 0, &frame), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(header, NULL, 0, 0), 2, &frame), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(header, NULL, 0, 5), 1, &frame), -EBADMSG);
}
END_TEST

START_TEST(a_cut_or_longer_message_is_refused_at_every_length) {
        const LxbusWireObject objects[2] = { { .kind = LXBUS_KIND_FD }, { .kind = LXBUS_KIND_TERMINAL } };
        size_t size = put_frame((LxbusHeader){ .size = 100, .n_objects = 2 }, objects, 2, 100);
        LxbusFrame frame;

        for (size_t n = 0; n < size + 50; n++) {
                _cleanup_free_ char *exact = malloc(n + 1); /* so that a sanitizer sees what is read too far */

                memcpy(exact, packet, n);
                ck_assert_int_eq(lxbus_frame_decode(exact, n, 2, &frame), n == size ? 0 : -EBADMSG);
        }
}
END_TEST

START_TEST(no_message_is_larger_than_the_largest) {
        LxbusWireObject objects[LXBUS_OBJECTS_MAX + 1];
        const LxbusHeader more = { .size = LXBUS_INLINE_MAX + 1 },
                          memory = { .size = LXBUS_PAYLOAD_MAX + 1, .flags = LXBUS_MESSAGE_MEMFD },
                          crowd = { .n_objects = LXBUS_OBJECTS_MAX + 1 },
                          huge = { .size = UINT32_MAX, .n_objects = UINT16_MAX };
        LxbusFrame frame;

        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                objects[i] = (LxbusWireObject){ .kind = LXBUS_KIND_FD };
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(more, NULL, 0, more.size), 0, &frame), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(memory, NULL, 0, 0), 1, &frame), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(crowd, objects, crowd.n_objects, 0), crowd.n_objects,
                                            &frame),
                         -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(huge, NULL, 0, 0), UINT16_MAX, &frame), -EBADMSG);
}
END_TEST

START_TEST(unknown_flags_of_a_message_are_refused) {
        LxbusFrame frame;

        for (int bit = 0; bit < 16; bit++) {
                LxbusHeader header = { .flags = 1u << bit };
                bool memory = header.flags == LXBUS_MESSAGE_MEMFD;

                ck_assert_int_eq(lxbus_frame_decode(packet, put_frame(header, NULL, 0, 0), memory, &frame),
                                 memory ? 0 : -EBADMSG);
        }
}
END_TEST

START_TEST(descriptors_are_as_many_as_are_spoken_of) {
        const LxbusWireObject objects[2] = { { .kind = LXBUS_KIND_FD }, { .kind = LXBUS_KIND_FD } };
        size_t size = put_frame((LxbusHeader){ .n_objects = 2 }, objects, 2, 0);
        LxbusFrame frame;

        for (size_t n = 0; n < 300; n++)
                ck_assert_int_eq(lxbus_frame_decode(packet, size, n, &frame), n == 2 ? 0 : -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, size, SIZE_MAX, &frame), -EBADMSG);
}
END_TEST

START_TEST(every_field_of_an_object_is_checked) {
        for (uint32_t kind = 0; kind < 20; kind++)
                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind }),
                                 kind >= LXBUS_KIND_FD && kind < LXBUS_KIND_MAX ? 0 : -EBADMSG);
        ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = UINT32_MAX }), -EBADMSG);
        for (uint32_t kind = LXBUS_KIND_FD; kind < LXBUS_KIND_MAX; kind++) {
                bool process = kind == LXBUS_KIND_PROCESS, memory = kind == LXBUS_KIND_MEMORY;

                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind, .flags = LXBUS_OBJECT_TERMINATE }),
                                 process ? 0 : -EBADMSG);
                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind, .flags = 2 }), -EBADMSG);
                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind, .size = 1 }), memory ? 0 : -EBADMSG);
                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind, .size = INT64_MAX }),
                                 memory ? 0 : -EBADMSG);
                ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = kind, .size = UINT64_C(1) << 63 }),
                                 -EBADMSG);
        }
}
END_TEST

START_TEST(a_refused_message_leaves_what_was_there) {
        LxbusFrame frame, untouched;

        memset(&frame, 0x5a, sizeof(frame));
        untouched = frame;
        ck_assert_int_eq(decode_object((LxbusWireObject){ .kind = 99 }), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, 3, 0, &frame), -EBADMSG);
        ck_assert_int_eq(lxbus_frame_decode(packet, sizeof(LxbusHeader) + sizeof(LxbusWireObject), 1, &frame),
                         -EBADMSG);
        ck_assert_mem_eq(&frame, &untouched, sizeof(frame));
}
END_TEST

int main(void) {
        return RUN_TESTS("lxbus-protocol", names_are_letters_digits_and_some_marks_inside,
                         a_request_comes_out_as_it_went_in, a_request_has_one_size, a_request_of_no_known_type_is_none,
                         strings_without_an_end_are_no_request, a_wrong_value_is_answered_so_its_type_is_told,
                         every_field_of_a_registration_is_checked, every_field_of_a_connection_is_checked,
                         a_list_has_nothing_but_its_type, a_reply_comes_out_as_it_went_in,
                         a_reply_is_the_expected_one_whole_and_with_an_errno,
                         a_message_comes_out_as_it_went_in_at_every_size,
                         a_message_in_memory_has_a_descriptor_more_and_no_payload_beside,
                         a_cut_or_longer_message_is_refused_at_every_length, no_message_is_larger_than_the_largest,
                         unknown_flags_of_a_message_are_refused, descriptors_are_as_many_as_are_spoken_of,
                         every_field_of_an_object_is_checked, a_refused_message_leaves_what_was_there);
}
