/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A D-Bus message from a peer: its size, its header, and its body by the
 * signature that it says. */

#include "client/lxss/dbus-message.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const int fds[3] = { 1, 2, 3 };
        DbusMessage m;
        DbusReader r;
        size_t wanted;

        if (size < DBUS_HEADER_MIN || dbus_message_size(data, &wanted) < 0)
                return 0;
        FUZZ_REQUIRE(wanted >= DBUS_HEADER_MIN && wanted <= DBUS_MESSAGE_MAX);
        if (dbus_message_parse(data, size, &m) < 0)
                return 0;
        FUZZ_REQUIRE(wanted == size && m.body + m.body_size == data + size);
        m.n_fds = m.n_fds < ELEMENTSOF(fds) ? m.n_fds : ELEMENTSOF(fds);
        r = dbus_read(&m, fds);
        dbus_skip(&r, m.signature);
        FUZZ_REQUIRE(r.next >= m.body && r.next <= m.body + m.body_size);
        return 0;
}
