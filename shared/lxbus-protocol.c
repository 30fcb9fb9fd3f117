/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See shared/lxbus-protocol.h. */

#include "shared/lxbus-protocol.h"

#include <errno.h>
#include <string.h>

#include "shared/util.h"

static bool is_alphanumeric(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool lxbus_name_is_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > LXBUS_NAME_LENGTH_MAX || !is_alphanumeric(name[0]))
                return false;
        for (const char *c = name; *c; c++)
                if (!is_alphanumeric(*c) && !strchr("._-", *c))
                        return false;
        return true;
}

static bool is_terminated(const char *field, size_t size) {
        return memchr(field, 0, size) != NULL;
}

static bool where_is_valid(const char *where) {
        return !*where || streq(where, LXBUS_WHERE_HOST) || distribution_name_is_valid(where);
}

static bool register_is_valid(const LxbusRequest *request) {
        bool unnamed = request->flags & LXBUS_REQUEST_UNNAMED;

        if (request->flags & ~LXBUS_REQUEST_UNNAMED || request->scope >= LXBUS_SCOPE_MAX || *request->where)
                return false;
        return unnamed ? !*request->name : lxbus_name_is_valid(request->name);
}

static bool connect_is_valid(const LxbusRequest *request) {
        if (request->flags & ~LXBUS_REQUEST_WAIT || request->scope != 0 || !where_is_valid(request->where))
                return false;
        return !*request->name || lxbus_name_is_valid(request->name); /* none: through a right to connect */
}

static bool list_is_valid(const LxbusRequest *request) {
        return request->flags == 0 && request->scope == 0 && !*request->name && !*request->where;
}

int lxbus_request_decode(const void *packet, size_t size, LxbusRequest *ret) {
        LxbusRequest request;
        bool valid;

        if (size != sizeof(request))
                return -EBADMSG;
        memcpy(&request, packet, sizeof(request));
        if (!is_terminated(request.name, sizeof(request.name)) || !is_terminated(request.where, sizeof(request.where)))
                return -EBADMSG;
        *ret = request;
        request.flags &= ~(uint32_t)LXBUS_REQUEST_HERE; /* as good as an end */
        switch (request.type) {
        case LXBUS_TYPE_REGISTER:
                valid = register_is_valid(&request);
                break;
        case LXBUS_TYPE_CONNECT:
                valid = connect_is_valid(&request);
                break;
        case LXBUS_TYPE_LIST:
                valid = list_is_valid(&request);
                break;
        default:
                return -EBADMSG;
        }
        return valid && request.reserved == 0 ? 0 : -EINVAL;
}

int lxbus_reply_decode(const void *packet, size_t size, LxbusType type, LxbusReply *ret) {
        LxbusReply reply;

        if (size != sizeof(reply))
                return -EBADMSG;
        memcpy(&reply, packet, sizeof(reply));
        if (reply.type != type || reply.error < 0 || reply.error > 4095 ||
            !is_terminated(reply.identity.instance, sizeof(reply.identity.instance)))
                return -EBADMSG;
        *ret = reply;
        return 0;
}

LxbusWireObject lxbus_frame_object(const LxbusFrame *frame, size_t i) {
        LxbusWireObject object;

        memcpy(&object, (const char *)frame->objects + i * sizeof(object), sizeof(object));
        return object;
}

static bool object_is_valid(const LxbusWireObject *object) {
        if (object->kind < LXBUS_KIND_FD || object->kind >= LXBUS_KIND_MAX)
                return false;
        if (object->flags & ~(object->kind == LXBUS_KIND_PROCESS ? LXBUS_OBJECT_TERMINATE : 0u))
                return false;
        return object->kind == LXBUS_KIND_MEMORY ? object->size <= INT64_MAX : object->size == 0;
}

int lxbus_frame_decode(const void *packet, size_t size, size_t n_fds, LxbusFrame *ret) {
        LxbusFrame frame = { 0 };
        size_t table, inlined;
        bool memfd;

        if (size < sizeof(frame.header))
                return -EBADMSG;
        memcpy(&frame.header, packet, sizeof(frame.header));
        memfd = frame.header.flags & LXBUS_MESSAGE_MEMFD;
        table = frame.header.n_objects * sizeof(LxbusWireObject);
        inlined = memfd ? 0 : frame.header.size;
        if (frame.header.flags & ~LXBUS_MESSAGE_MEMFD || frame.header.n_objects > LXBUS_OBJECTS_MAX ||
            frame.header.size > (memfd ? LXBUS_PAYLOAD_MAX : LXBUS_INLINE_MAX) ||
            size != sizeof(frame.header) + table + inlined || n_fds != frame.header.n_objects + (memfd ? 1u : 0u))
                return -EBADMSG;
        frame.objects = (const LxbusWireObject *)((const char *)packet + sizeof(frame.header));
        frame.payload = memfd ? NULL : (const char *)packet + sizeof(frame.header) + table;
        for (size_t i = 0; i < frame.header.n_objects; i++) {
                LxbusWireObject object = lxbus_frame_object(&frame, i);

                if (!object_is_valid(&object))
                        return -EBADMSG;
        }
        *ret = frame;
        return 0;
}
