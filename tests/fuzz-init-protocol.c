/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames, launch requests and texts. Input: a byte that says how many descriptors
 * came along, then the payload of a request, which is read as a whole frame and as
 * a text, too. What is accepted must be encoded to the same bytes again. */

#include "shared/init-protocol.h"
#include "tests/fuzz.h"

static void check_request(const uint8_t *data, size_t size, size_t n_fds) {
        LaunchRequest *request = NULL;
        int fds[256];
        void *again;
        size_t n;

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = -EBADF;
        if (init_launch_decode(data, size, fds, n_fds, &request) < 0)
                return;
        FUZZ_REQUIRE(request->n_fds + (request->terminal_mask != 0) == n_fds);
        FUZZ_REQUIRE(init_launch_encode(request, &again, &n) == 0);
        FUZZ_REQUIRE(n == size && memcmp(again, data, size) == 0);
        free(again);
        (void)launch_request_validate(request);
        launch_request_free(request);
}

static void check_text(const uint8_t *data, size_t size) {
        char text[INIT_TEXT_MAX + 1];

        if (init_text_decode(data, size, text) == 0)
                FUZZ_REQUIRE(strlen(text) == size && memcmp(text, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const void *payload = NULL;
        InitHeader header;

        if (size == 0)
                return 0;
        check_request(data + 1, size - 1, data[0]);
        check_text(data + 1, size - 1);
        if (init_frame_decode(data + 1, size - 1, &header, &payload) == 0 && payload) {
                FUZZ_REQUIRE((const uint8_t *)payload + header.size == data + size);
                check_request(payload, header.size, data[0]);
                check_text(payload, header.size);
        }
        return 0;
}
